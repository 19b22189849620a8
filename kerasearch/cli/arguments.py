"""The arguments of the command line, and the checks that need no data."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from .._utils.names import did_you_mean
from .errors import UsageError

EPOCHS = 20
FOLDS = 3
DRAWS = 20
DEFAULT_PARAMS = {
    "grid": ["learning_rate=0.01,0.001,0.0001", "batch_size=32,64"],
    "random": ["learning_rate=log(1e-4,1e-1)", "batch_size=16,32,64,128"],
}
FACTOR = 3  # Hyperband keeps one of this many candidates in each rung
MOST_EPOCHS = 27  # the default of --epochs with --method hyperband
DEFAULT_SCORING = {"classification": "accuracy", "regression": "r2"}

_EXAMPLES = """\
values of --param:
  learning_rate=0.01,0.001                  a list, for every method
  hidden_layer_sizes='(64,),(64,64)'        Python literals; the quotes are for the shell
  activation=relu,tanh                      words are strings
values of --param that need --method random, bayes or hyperband:
  'learning_rate=log(1e-4,1e-1)'            floats, uniform in the logarithm
  'dropout=uniform(0,0.5)'                  floats, uniform
  'batch_size=int(16,128)'                  integers, uniform; int(16,128,16) has a step
  'batch_size=logint(16,512)'               integers, uniform in the logarithm
  'hidden_layer_sizes=layer_sizes((1,3),(16,128),funnel)'
                                            1 to 3 layers of 16 to 128 units, each narrower
                                            than the one before; or free, or constant
  'activation=choice(relu,tanh)'            one of several values, like a list
  Both bounds are included. The Python names, such as log_uniform, are accepted as well.
  Names are short (learning_rate) or routed (optimizer__learning_rate). The default network has
  hidden_layer_sizes, activation, dropout, batch_norm and l2. Every network has epochs,
  batch_size, optimizer and the optimizer's arguments. Two lists of one name are joined.

examples:
  python -m kerasearch
  python -m kerasearch iris --param hidden_layer_sizes='(16,),(64,),(64,64)' --cv 5
  python -m kerasearch data.csv --target label --save best.joblib
  python -m kerasearch data.csv --target price --method random --n-iter 30 \\
      --param 'learning_rate=log(1e-4,1e-1)' --param 'dropout=uniform(0,0.5)'
  python -m kerasearch data.csv --target label --method bayes --timeout 600
  python -m kerasearch data.csv --target label --model mymodule:build --param units=32,64

exit status: 0 success, 1 every candidate failed, 2 wrong arguments or data, 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        found = re.match("unrecognized arguments:.*? --([^ =]+)", message)
        if found:
            message += did_you_mean(f"--{found[1]}", _options(self), n=1) or (
                f"; pass a hyperparameter as --param {found[1].replace('-', '_')}=VALUES"
            )
        raise UsageError(f"{message} (--help lists the arguments)")


def option_of(name: str) -> str | None:
    """Find the option that has the name of a supposed parameter, such as ``--seed``."""
    option = f"--{name.replace('_', '-')}"
    return option if option in _options(make_parser()) else None


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """List the names of all options."""
    return [f"--{name.replace('_', '-')}" for name in vars(parser.parse_args([])) if name != "data"]


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; it raises `UsageError` for wrong arguments and does not exit."""
    parser = _Parser(
        prog="python -m kerasearch",
        description="Tune a Keras network on the rows of a CSV file with grid search, random\n"
        "search, Bayesian search or Hyperband. Without arguments, the data is scikit-learn's\n"
        "digits.",
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
        help="the kind of target (default: text, booleans, and integers with up to 20 distinct "
        "values are classes; other numbers are a regression)",
    )
    add(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column that is not used; the option can be repeated",
    )
    add = parser.add_argument_group("search").add_argument
    add(
        "--method",
        choices=["grid", "random", "bayes", "hyperband"],
        default="grid",
        help="grid tries all combinations; random draws --n-iter candidates; bayes chooses each "
        "candidate from the scores of earlier candidates (needs Optuna); hyperband starts many "
        "candidates with few epochs and continues the better ones (default: grid)",
    )
    add(
        "--param",
        metavar="NAME=VALUES",
        action="append",
        default=[],
        help="a hyperparameter and the values to try; the option can be repeated (default: three "
        "learning rates and two batch sizes)",
    )
    add(
        "--n-iter",
        type=_integer(1),
        metavar="N",
        help=f"the number of candidates of --method random or bayes (default: {DRAWS})",
    )
    add(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="start no further candidate after this time; for --method bayes or hyperband",
    )
    add(
        "--cv",
        type=_integer(2),
        default=FOLDS,
        metavar="N",
        help=f"the number of folds (default: {FOLDS})",
    )
    add(
        "--scoring",
        metavar="NAME",
        help="the name of a score in scikit-learn, such as f1_macro, roc_auc or "
        "neg_mean_absolute_error (default: accuracy or r2)",
    )
    add(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="the random seed; the same seed gives the same result (default: 0)",
    )
    add(
        "--n-jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="the number of processes, or -1 for one per core; each process takes seconds to "
        "start, so several are faster only for many long fits (default: 1)",
    )
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
        help=f"the number of epochs in each fit (default: {EPOCHS}); with --method hyperband, the "
        f"largest number of epochs of a candidate (default: {MOST_EPOCHS})",
    )
    add = parser.add_argument_group("output").add_argument
    add(
        "--save",
        type=Path,
        metavar="FILE",
        help="train the best candidate on all rows, and save it with its preprocessing",
    )
    add(
        "--store",
        metavar="DIR",
        help="store every finished fit in this directory: after an interruption, the same command "
        "continues, and no fit is trained twice",
    )
    add(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write a report with plots as one HTML file (the plots need matplotlib)",
    )
    add("--version", action="version", version=_version())
    return parser


def _integer(at_least: int, at_most: int | None = None) -> Callable[[str], int]:
    """Make a function with which argparse reads an integer within bounds."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < at_least:
            raise argparse.ArgumentTypeError(f"{text!r} must be an integer of at least {at_least}")
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
    """Read the search space, with the names as they were typed.

    Parameters
    ----------
    args : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    space : dict of str to list or distribution
        The values to try, by the names as they were typed.

    Raises
    ------
    UsageError
        If a ``--param`` cannot be read, or if an option does not suit the method.
    """
    from .parameters import describe, is_distribution, parse

    space = parse(args.param or DEFAULT_PARAMS["grid" if args.method == "grid" else "random"])
    if "epochs" in space and args.epochs is not None:
        raise UsageError("--epochs and --param epochs=... exclude each other; pass only one")
    if args.method == "grid":
        for name, values in space.items():
            if is_distribution(values):
                raise UsageError(
                    f"--param {name}={describe(values)} is a distribution; add --method random, "
                    "or pass a list"
                )
        if args.n_iter is not None:
            raise UsageError(
                "--n-iter is for --method random or bayes; a grid tries all combinations"
            )
    if args.method == "bayes" and find_spec("optuna") is None:
        raise UsageError(
            "--method bayes needs Optuna; install it with pip install 'kerasearch[bayes]'"
        )
    if args.method == "hyperband":
        _check_hyperband(args, space)
    if args.timeout is not None and args.method in ("grid", "random"):
        raise UsageError("--timeout is for --method bayes or hyperband")
    return space


def _check_hyperband(args: argparse.Namespace, space: Mapping[str, Any]) -> None:
    if args.n_iter is not None:
        raise UsageError(
            "--n-iter is for --method random or bayes; with --method hyperband, the number of "
            "candidates follows from --epochs"
        )
    if "epochs" in space:
        raise UsageError(
            "--param epochs=... cannot be used with --method hyperband; pass the largest number "
            "of epochs as --epochs"
        )
    if args.epochs is not None and args.epochs < FACTOR:
        raise UsageError(f"--epochs {args.epochs}: --method hyperband needs at least {FACTOR}")


def n_epochs(args: argparse.Namespace) -> int:
    """Get the number of epochs of a fit; with Hyperband, the largest number."""
    return args.epochs or (MOST_EPOCHS if args.method == "hyperband" else EPOCHS)


def check_writable(path: Path | None, option: str = "--save") -> None:
    """Raise `UsageError` if no file can be written at `path`, the value of `option`."""
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
    """Raise `UsageError` if no fits can be stored in the directory `path`."""
    from ..store import FitStore

    try:
        FitStore.of(path)
    except OSError as error:
        raise UsageError(f"--store: {error.strerror}") from None


def n_candidates(args: argparse.Namespace, space: Mapping[str, Any]) -> int:
    """Count the candidates: the size of the grid, or ``--n-iter`` but at most the size of the grid.

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
