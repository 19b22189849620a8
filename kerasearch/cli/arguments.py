"""The arguments of the command line: what there is, and what can be checked at once."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from .errors import UsageError

EPOCHS = 20
FOLDS = 3
DRAWS = 20
DEFAULT_PARAMS = {
    "grid": ["learning_rate=0.01,0.001,0.0001", "batch_size=32,64"],
    "random": ["learning_rate=log(1e-4,1e-1)", "batch_size=16,32,64,128"],
}
FACTOR = 3  # Hyperband keeps one in so many
MOST_EPOCHS = 27  # of --method hyperband
DEFAULT_SCORING = {"classification": "accuracy", "regression": "r2"}

_EXAMPLES = """\
values of --param:
  learning_rate=0.01,0.001                  a list, for --method grid or random
  hidden_layer_sizes='(64,),(64,64)'        Python literals; quotes keep the shell away
  activation=relu,tanh                      words are strings
  'learning_rate=log(1e-4,1e-1)'            --method random: uniform in the logarithm
  'dropout=uniform(0,0.5)'                  --method random: uniform
  'batch_size=int(16,128)', logint(16,512)  --method random: whole numbers; also int(16,128,16)
  'hidden_layer_sizes=layer_sizes((1,3),(16,128),funnel)'
                                            --method random: 1 to 3 layers of 16 to 128
                                            units, each narrower; free and constant are others
  'activation=choice(relu,tanh)'            --method random: like a list
  Both ends are included. The names that these have in Python, such as log_uniform, are read too.
  Names are short (learning_rate) or routed (optimizer__learning_rate). The default network has
  hidden_layer_sizes, activation, dropout, batch_norm and l2; every network has epochs,
  batch_size, optimizer and the optimizer's arguments. A list that is given twice is joined.

examples:
  python -m kerasearch
  python -m kerasearch iris --param hidden_layer_sizes='(16,),(64,),(64,64)' --cv 5
  python -m kerasearch data.csv --target label --save best.joblib
  python -m kerasearch data.csv --target price --method random --n-iter 30 \\
      --param 'learning_rate=log(1e-4,1e-1)' --param 'dropout=uniform(0,0.5)'
  python -m kerasearch data.csv --target label --method bayes --timeout 600
  python -m kerasearch data.csv --target label --model mymodule:build --param units=32,64

exit status: 0 done, 1 every candidate failed, 2 wrong arguments or data, 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (--help lists the arguments)")


def make_parser() -> argparse.ArgumentParser:
    """Make the parser, which raises `UsageError` where argparse would exit."""
    parser = _Parser(
        prog="python -m kerasearch",
        description="Tune a Keras network with grid, random or Bayesian search or Hyperband: on "
        "the rows of a CSV file, or with no arguments on scikit-learn's digits.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("data").add_argument
    add(
        "data",
        nargs="?",
        default="digits",
        help="a CSV file, or digits, iris, wine, breast_cancer, diabetes (default: digits)",
    )
    add("--target", metavar="COLUMN", help="the column to predict")
    add(
        "--task",
        choices=["classification", "regression"],
        help="default: text, booleans and up to 20 distinct whole numbers are classes, other "
        "numbers a regression",
    )
    add(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column not to learn from; can be repeated",
    )
    add = parser.add_argument_group("search").add_argument
    add(
        "--method",
        choices=["grid", "random", "bayes", "hyperband"],
        default="grid",
        help="try all combinations; draw --n-iter of them; choose each in the light of those "
        "before (needs Optuna); or start many with few epochs and go on with the better ones "
        "(default: grid)",
    )
    add(
        "--param",
        metavar="NAME=VALUES",
        action="append",
        default=[],
        help="a hyperparameter and what to try; can be repeated (default: three learning rates "
        "and two batch sizes)",
    )
    add(
        "--n-iter",
        type=_integer(1),
        metavar="N",
        help=f"candidates of --method random or bayes (default: {DRAWS})",
    )
    add(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="begin no more candidates after that time; for --method bayes or hyperband",
    )
    add("--cv", type=_integer(2), default=FOLDS, metavar="N", help=f"folds (default: {FOLDS})")
    add(
        "--scoring",
        metavar="NAME",
        help="scikit-learn's name of a score, such as f1_macro, roc_auc or "
        "neg_mean_absolute_error (default: accuracy or r2)",
    )
    add(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="same seed, same result (default: 0)",
    )
    add("--n-jobs", type=_jobs, default=1, metavar="N", help="processes, -1 for all (default: 1)")
    add = parser.add_argument_group("network").add_argument
    add(
        "--model",
        metavar="MODULE:FUNCTION",
        help="a function that returns a Keras model; its arguments are hyperparameters "
        "(default: a multilayer perceptron)",
    )
    add(
        "--epochs",
        type=_integer(1),
        metavar="N",
        help=f"passes over the rows in each fit (default: {EPOCHS}); with --method hyperband, the "
        f"most that a candidate gets (default: {MOST_EPOCHS})",
    )
    add = parser.add_argument_group("output").add_argument
    add(
        "--save",
        type=Path,
        metavar="FILE",
        help="train the best candidate on all rows and keep it, with its preprocessing",
    )
    add(
        "--store",
        metavar="DIR",
        help="keep every finished fit there: the same command goes on where it was interrupted, "
        "and no fit is trained twice",
    )
    add(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write what was found, with pictures, as one HTML file (pictures need matplotlib)",
    )
    add("--version", action="version", version=_version())
    return parser


def _integer(at_least: int, at_most: int | None = None) -> Callable[[str], int]:
    """Make what argparse reads an integer within bounds with."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < at_least:
            raise argparse.ArgumentTypeError(
                f"{text!r} must be a whole number of at least {at_least}"
            )
        if at_most is not None and int(text) > at_most:
            raise argparse.ArgumentTypeError(f"{text} must be at most {at_most}")
        return int(text)

    return whole_number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive number of seconds")
    return seconds


def _jobs(text: str) -> int:
    return -1 if text == "-1" else _integer(1)(text)


def _version() -> str:
    from .. import __version__

    return f"kerasearch {__version__}"


def typed_space(args: argparse.Namespace) -> dict[str, Any]:
    """Read what to try, by the names as typed.

    Raises
    ------
    UsageError
        If a ``--param`` cannot be read, or does not fit the method.
    """
    from .parameters import describe, is_distribution, parse

    space = parse(args.param or DEFAULT_PARAMS["grid" if args.method == "grid" else "random"])
    if "epochs" in space and args.epochs is not None:
        raise UsageError("--epochs and --param epochs=... exclude each other")
    if args.method == "grid":
        for name, values in space.items():
            if is_distribution(values):
                raise UsageError(
                    f"--param {name}={describe(values)} is a distribution: add --method random, "
                    "or give a list"
                )
        if args.n_iter is not None:
            raise UsageError("--n-iter is for --method random; a grid tries all combinations")
    if args.method == "bayes" and find_spec("optuna") is None:
        raise UsageError("--method bayes needs Optuna: pip install 'kerasearch[bayes]'")
    if args.method == "hyperband":
        _check_hyperband(args, space)
    if args.timeout is not None and args.method in ("grid", "random"):
        raise UsageError("--timeout is for --method bayes or hyperband")
    return space


def _check_hyperband(args: argparse.Namespace, space: Mapping[str, Any]) -> None:
    if args.n_iter is not None:
        raise UsageError(
            "--n-iter is for --method random or bayes; Hyperband's follow from --epochs"
        )
    if "epochs" in space:
        raise UsageError(
            "--param epochs=...: with --method hyperband, --epochs says how many at most"
        )
    if args.epochs is not None and args.epochs < FACTOR:
        raise UsageError(f"--epochs {args.epochs}: --method hyperband needs at least {FACTOR}")


def n_epochs(args: argparse.Namespace) -> int:
    """How many epochs a fit has, with Hyperband at most."""
    return args.epochs or (MOST_EPOCHS if args.method == "hyperband" else EPOCHS)


def check_writable(path: Path | None, option: str = "--save") -> None:
    """Raise `UsageError` unless a file can be written at `path`, the value of `option`."""
    if path is None:
        return
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None
    if not existed:
        path.unlink()


def check_store(path: str | None) -> None:
    """Raise `UsageError` unless fits can be stored in the directory `path`."""
    from ..store import FitStore

    try:
        FitStore.of(path)
    except OSError as error:
        raise UsageError(f"--store: {error.strerror}") from None


def n_candidates(args: argparse.Namespace, space: Mapping[str, Any]) -> int:
    """Count the candidates: the size of the grid, or ``--n-iter`` where there are as many.

    With Hyperband, a candidate counts once for each of its rungs.
    """
    if args.method == "hyperband":
        from ..search import hyperband_schedule

        return int(hyperband_schedule(n_epochs(args), FACTOR)["n_candidates"].sum())
    lists = [len(values) for values in space.values() if isinstance(values, list)]
    n_combinations = math.prod(lists) if len(lists) == len(space) else math.inf
    if args.method == "grid":
        return int(n_combinations)
    return int(min(args.n_iter or DRAWS, n_combinations))
