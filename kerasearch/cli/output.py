"""The texts that the command line prints."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.names import short_names
from .._utils.plain_values import as_python
from .._utils.text import counted, duration, one_line
from ..cv_results.reading import SearchResults
from . import arguments
from .data import BUNDLED, Dataset
from .parameters import describe, is_distribution, show

MAX_ROWS = 20
TITLES = {
    "grid": "Grid search",
    "random": "Random search",
    "bayes": "Bayesian search",
    "hyperband": "Hyperband",
}


@dataclass(frozen=True)
class Result:
    """A finished search, and the data to judge it.

    Attributes
    ----------
    results : SearchResults
        The candidates and their scores.
    space : dict of str to list or distribution
        The search space by full names.
    metric : str
        The name of the score; a larger score is better.
    baseline : float
        The score of a model that ignores the features.
    errors : dict of str to int
        The error messages of failed fits, each with the number of fits.
    """

    results: SearchResults
    space: Mapping[str, Any]
    metric: str
    baseline: float
    errors: Mapping[str, int]

    @property
    def ranking(self) -> np.ndarray:
        """The numbers of the comparable candidates, best first; see `SearchResults.comparable`."""
        order = self.results.order()
        return order[self.results.comparable[order]]

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best candidate, in the order of the space."""
        params = self.results.params[self.results.best()]
        return {name: as_python(params[name]) for name in self.space}


def describe_dataset(dataset: Dataset) -> str:
    """Describe the rows, columns and target, and list what was left out."""
    kinds = {
        "numeric": len(dataset.numbers),
        "date": len(dataset.dates),
        "categorical": len(dataset.categories),
    }
    kinds = {kind: n for kind, n in kinds.items() if n}
    if len(kinds) == 1:
        ((kind, n),) = kinds.items()
        columns = counted(n, f"{kind} column")
    else:
        each = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
        columns = f"{counted(sum(kinds.values()), 'column')} ({each})"
    task = dataset.task
    if task == "classification":
        task += f" into {counted(dataset.y.nunique(), 'class', 'classes')}"
    lines = [f"{dataset.name}: {counted(len(dataset.y), 'row')}, {columns}, {task}"]
    return "\n".join([*lines, *(f"  {note}" for note in dataset.notes)])


def describe_search(args: argparse.Namespace, space: Mapping[str, Any], n_candidates: int) -> str:
    """Describe the search space and the number of fits."""
    names = short_names(list(space))
    width = max(map(len, names.values()))
    n_epochs = arguments.n_epochs(args)
    each = "" if "epochs" in names.values() else f" of {counted(n_epochs, 'epoch')}"
    if args.method == "hyperband":
        each = f" of 1 to {n_epochs} epochs"
    return "\n".join(
        [
            f"\n{TITLES[args.method]}: {counted(n_candidates, 'candidate')} x "
            f"{args.cv} folds = {counted(n_candidates * args.cv, 'fit')}{each}",
            *(f"  {names[full]:{width}}  {describe(values)}" for full, values in space.items()),
        ]
    )


def describe_result(result: Result, seconds: float) -> str:
    """Write the ranked table, the best candidate, and remarks on the certainty of the result."""
    results, best = result.results, result.results.best()
    lines = [
        "",
        table(result),
        "",
        f"Best: {assignments(result.best_params)}",
        f"  {result.metric} {_score(result, best)} over {results.n_folds} folds; "
        f"a model that ignores the features scores {number(result.baseline)}",
    ]
    means = results.mean()[result.ranking]
    worst_of_close = results.mean()[best] - results.std()[best]
    if worst_of_close <= result.baseline:
        lines.append(
            "  The best candidate is not clearly better: the columns may not predict the target"
        )
    n_close = int((means >= worst_of_close).sum()) - 1
    if n_close:
        verb = "scores" if n_close == 1 else "score"
        lines.append(
            f"  {counted(n_close, 'other candidate')} {verb} within one standard deviation of the "
            f"best; more folds (--cv {max(10, 2 * results.n_folds)}) would separate them better"
        )
    for error, n_failed in result.errors.items():
        lines.append(f"{counted(n_failed, 'fit')} failed: {one_line(error)}")
    n_fits = len(results) * results.n_folds
    return "\n".join([*lines, f"{counted(n_fits, 'fit')} took {duration(seconds)}"])


def table(result: Result) -> str:
    """Write the ranked candidates, one per line: the parameters, the score, the time of a fit."""
    results, ranks, seconds = result.results, result.results.rank(), result.results.time("fit")
    heads = ["rank", *short_names(list(result.space)).values()]
    rows = [[*heads, f"{result.metric} (mean ± std)", "fit time"]]
    for i in result.ranking[:MAX_ROWS]:
        values = [show(results.params[i][name], digits=4) for name in result.space]
        time = "" if seconds is None else duration(seconds[i])
        rows.append([str(ranks[i]), *values, _score(result, i), time])
    return "\n".join([*_aligned(rows), *_left_out(result)])


def _left_out(result: Result) -> list[str]:
    """Write how many candidates are not in the table, and why."""
    n_more = len(result.ranking) - MAX_ROWS
    n_below = len(result.results) - len(result.ranking)
    notes = [f"... and {counted(n_more, 'more candidate')}"] if n_more > 0 else []
    if n_below:
        notes.append(
            f"The table leaves out {counted(n_below, 'candidate')} with fewer epochs, because "
            "their scores are not comparable"
        )
    return notes


def next_steps(
    args: argparse.Namespace, dataset: Dataset, typed: Mapping[str, Any], result: Result
) -> str:
    """Suggest what to do next: commands to paste, and lines of Python."""
    best = dict(zip(typed, result.best_params.values(), strict=True))
    steps = [f"{edge}; values beyond it may be better." for edge in _edges(typed, best)]
    nearer = {name: _narrower(typed[name], best[name]) for name in typed}
    if any(nearer.values()):
        space = {name: nearer[name] or show(best[name], digits=4) for name in typed}
        method = "random" if args.method == "grid" else args.method
        steps += ["Search a narrower range around the best:", f"  {_command(args, space, method)}"]
    if args.save is None:
        fixed = {name: show(value) for name, value in best.items()}
        steps += [
            "Train the best candidate on all rows and save it:",
            f"  {_command(args, fixed, 'grid', save='best.joblib')}",
        ]
    if args.data in BUNDLED:
        steps += [
            "Search on your own data in a CSV file with a header:",
            "  python -m kerasearch data.csv --target COLUMN --save best.joblib",
        ]
    lines = ["", "Next steps", *(f"  {step}" for step in steps)]
    # Python code is not indented, so that it can be pasted
    if args.save is not None:
        lines += ["  Use the saved candidate in Python:", "", *_loading(args, dataset)]
    elif _is_textbook(args, dataset):
        lines += ["  Run the same search in Python:", "", *_searching(args, result)]
    return "\n".join(lines)


def assignments(params: Mapping[str, Any]) -> str:
    """Write parameters and their values with short names."""
    names = short_names(list(params))
    return ", ".join(f"{names[name]}={show(value, digits=6)}" for name, value in params.items())


def number(score: float) -> str:
    """Write a score with four decimals, or a large score with six digits."""
    return f"{score:.4f}" if abs(score) < 100 else f"{score:.6g}"


def _score(result: Result, i: int) -> str:
    results = result.results
    mean, n_failed = results.mean()[i], results.n_failed()[i]
    if not np.isnan(mean):
        return f"{number(mean)} ± {number(results.std()[i])}"
    if n_failed == results.n_folds:
        return "failed"
    return f"failed in {n_failed} of {results.n_folds} folds"


def _edges(space: Mapping[str, Any], best: Mapping[str, Any]) -> list[str]:
    """Describe the parameters whose best value is the smallest or largest of three or more."""
    edges = []
    for name, values in space.items():
        if is_distribution(values) or len(values) < 3 or None in map(as_real, values):
            continue
        if best[name] in (min(values), max(values)):
            which = "smallest" if best[name] == min(values) else "largest"
            edges.append(f"The best {name}, {show(best[name])}, is the {which} tried value")
    return edges


def _narrower(values: Any, best: Any) -> str | None:
    """Write a log range around the best value; None if the range is not of floats or is narrow."""
    if not isinstance(best, float):
        return None
    tried = values.support() if hasattr(values, "support") else (min(values), max(values))
    if tried[0] <= 0 or tried[1] <= 10 * tried[0]:
        return None
    return f"log({best / 3:.2g},{best * 3:.2g})"


def _command(
    args: argparse.Namespace, space: Mapping[str, str], method: str, save: str | None = None
) -> str:
    """Write a command with the present options for another search."""
    kept = ("target", "task", "scoring", "model", "epochs", "drop", "cv", "seed", "n_jobs", "store")
    options = {name: getattr(args, name) for name in kept}
    if args.method == "hyperband" and method != "hyperband":
        options["epochs"] = arguments.n_epochs(args)
    params = [f"{name}={values}" for name, values in space.items()]
    options |= {"method": method, "param": params, "save": save}
    usual = arguments.make_parser().parse_args([])
    words = ["python", "-m", "kerasearch", *([] if args.data == usual.data else [args.data])]
    for name, value in options.items():
        if value != getattr(usual, name):
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}", str(each)]
    return shlex.join(words)


def _loading(args: argparse.Namespace, dataset: Dataset) -> list[str]:
    """Write lines of Python that load the saved pipeline and predict."""
    if args.data in BUNDLED:
        imported = f"from sklearn.datasets import load_{args.data}"
        rows = f"load_{args.data}(as_frame=True).data"
    else:
        imported = "import pandas"
        options = "".join(f", {k}={v!r}" for k, v in dataset.read_options.items())
        rows = f"pandas.read_csv({args.data!r}{options})"
    module = f"  # imports {args.model.partition(':')[0]}" if args.model else ""
    return [
        "import joblib",
        imported,
        f"best = joblib.load({str(args.save)!r}){module}",
        f"print(best.predict({rows}))",
    ]


def _is_textbook(args: argparse.Namespace, dataset: Dataset) -> bool:
    """Tell whether the search is simple enough to be written in a few lines of Python."""
    plain = args.method == "grid" and not (args.model or args.drop or args.scoring)
    return plain and args.data in BUNDLED and dataset.task == "classification"


def _searching(args: argparse.Namespace, result: Result) -> list[str]:
    """Write lines of Python that run the same grid search."""
    settings = f"epochs={args.epochs or arguments.EPOCHS}, random_state={args.seed}"
    if args.store is not None:
        settings += f", store={str(args.store)!r}"
    network = f"KerasClassifier({settings})"
    grid = [
        f'    "kerasclassifier__{full.removeprefix("network__")}": {values!r},'
        for full, values in result.space.items()
    ]
    return [
        f"from sklearn.datasets import load_{args.data}",
        "from sklearn.model_selection import GridSearchCV, StratifiedKFold",
        "from sklearn.pipeline import make_pipeline",
        "from sklearn.preprocessing import StandardScaler",
        "from kerasearch import KerasClassifier",
        f"X, y = load_{args.data}(return_X_y=True)",
        f"network = make_pipeline(StandardScaler(), {network})",
        "grid = {",
        *grid,
        "}",
        f"folds = StratifiedKFold({args.cv}, shuffle=True, random_state={args.seed})",
        "search = GridSearchCV(network, grid, cv=folds, verbose=1).fit(X, y)",
        "print(search.best_params_)",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad the cells of each column; numbers are right-aligned, and text is left-aligned."""
    justify: list[Callable[[str, int], str]] = []
    for column in zip(*rows[1:], strict=True):
        numeric = all(cell[:1] in set("-0123456789") and "±" not in cell for cell in column)
        justify.append(str.rjust if numeric else str.ljust)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            put(cell, width) for put, cell, width in zip(justify, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
