"""The command line: ``python -m kerasearch`` tunes a network on a CSV file or a bundled data set.

Without arguments it runs a grid search on scikit-learn's digits. Keras, scikit-learn and pandas are
imported only when they are needed, so that ``--help`` and most errors appear at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._utils.names import did_you_mean
from .._utils.text import one_line
from . import arguments, builder, quiet
from .errors import SearchFailed, UsageError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from .data import Dataset


# values of `stop_reason_` of a search that did not finish, and the text for them
_STOP_REASONS = {
    "timeout": "The time limit was reached",
    "interrupted": "The search was interrupted",
}
# the table of the candidates shows what these warnings say
_TELLS_OF_NO_SCORE = re.compile("test scores are non-finite|have no finite score")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments. None uses the arguments of the process.

    Returns
    -------
    status : int
        0 after a successful search; 1 if every candidate failed; 2 for wrong arguments or data;
        130 after Ctrl-C.
    """
    args = None
    try:
        args = arguments.make_parser().parse_args(argv)
        with builder.current_directory_importable():
            _run(args)
    except UsageError as error:
        return _print_error(error, 2)
    except SearchFailed as error:
        return _print_error(error, 1)
    except KeyboardInterrupt:
        stored = args is not None and args.store
        hint = "; run the same command again to continue" if stored else ""
        return _print_error(f"interrupted; nothing was saved{hint}", 130)
    return 0


def _print_error(error: object, status: int) -> int:
    """Print an error on one line, and return the exit status."""
    print(f"kerasearch: {one_line(error)}", file=sys.stderr)
    return status


def _run(args: argparse.Namespace) -> None:
    """Check what can be checked quickly, then search and print the results."""
    typed = arguments.typed_space(args)
    arguments.check_writable(args.save)
    arguments.check_writable(args.report, "--report")
    builder.check(args.model)
    arguments.check_store(args.store)

    from ..cv_results.reading import read
    from . import data, output
    from .space_checks import check_values, resolve

    dataset = data.load(args.data, args.target, args.task, args.drop)
    folds = dataset.folds(args.cv, args.seed)
    metric = args.scoring or arguments.DEFAULT_SCORING[dataset.task]
    baseline = _baseline(dataset, folds, metric)
    print(output.describe_dataset(dataset), flush=True)

    if "keras" not in sys.modules:
        print("Starting Keras and its backend, which takes a few seconds ...", flush=True)
    estimator = _estimator(args, dataset)
    space = resolve(estimator, typed)
    check_values(estimator, dict(zip(typed, space, strict=True)), space, dataset)
    n_candidates = arguments.n_candidates(args, space)
    print(output.describe_search(args, space, n_candidates), flush=True)

    search = _search(args, estimator, space, n_candidates, folds)
    begin = time.monotonic()
    errors = _fit(search, dataset, metric, space, n_candidates)
    seconds = time.monotonic() - begin
    reason = getattr(search, "stop_reason_", "finished")
    if reason in _STOP_REASONS:
        print(f"\n{_STOP_REASONS[reason]}. The table has the candidates that were finished.")
    result = output.Result(read(search.cv_results_), space, metric, baseline, errors)
    print(output.describe_result(result, seconds), flush=True)
    if args.report is not None:
        _write_report(search, dataset, metric, errors, args)
    if args.save is not None:
        _save(estimator, dataset, result.best_params, args.save)
    print(output.next_steps(args, dataset, typed, result))


def _baseline(dataset: Dataset, folds: Any, metric: str) -> float:
    """Score a model that ignores the features; this also checks that the score can be computed."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.metrics import get_scorer_names
    from sklearn.model_selection import cross_val_score

    known = get_scorer_names()
    if metric not in known:
        hint = did_you_mean(metric, known)
        raise UsageError(f"--scoring {metric}: scikit-learn has no score of this name{hint}")
    dummy = DummyClassifier() if dataset.task == "classification" else DummyRegressor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scores = cross_val_score(
                dummy, dataset.X, dataset.y, cv=folds, scoring=metric, error_score="raise"
            )
        except Exception as error:
            variants = [name for name in known if name.startswith(f"{metric}_")]
            hint = f"; other variants are {', '.join(variants)}" if variants else ""
            raise UsageError(
                f"--scoring {metric} does not suit this target: {one_line(error)}{hint}"
            ) from None
    return float(scores.mean())


def _estimator(args: argparse.Namespace, dataset: Dataset) -> Pipeline:
    """Make a pipeline from raw rows to predictions."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    quiet.start_keras()
    from ..estimators import KerasClassifier, KerasRegressor

    kind = KerasClassifier if dataset.task == "classification" else KerasRegressor
    network: Any = kind(
        builder.load(args.model),
        epochs=arguments.n_epochs(args),
        random_state=args.seed,
        store=args.store,
    )
    if dataset.task == "regression":  # a network learns best if the target is standardized
        network = TransformedTargetRegressor(network, transformer=StandardScaler())
    return Pipeline([("preprocess", dataset.preprocessing()), ("network", network)])


def _search(
    args: argparse.Namespace,
    estimator: Pipeline,
    space: dict[str, Any],
    n_candidates: int,
    folds: Any,
) -> Any:
    """Make the search without a refit, because only ``--save`` needs a fit on all rows."""
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    from ..search import BayesSearchCV, HyperbandSearchCV

    common: dict[str, Any] = {"cv": folds, "refit": False, "n_jobs": args.n_jobs}
    if args.method == "grid":
        return GridSearchCV(estimator, space, **common)
    common["random_state"] = args.seed
    if args.method == "bayes":
        return BayesSearchCV(estimator, space, n_iter=n_candidates, timeout=args.timeout, **common)
    if args.method == "hyperband":
        common |= {"max_resources": arguments.n_epochs(args), "factor": arguments.FACTOR}
        return HyperbandSearchCV(estimator, space, timeout=args.timeout, **common)
    return RandomizedSearchCV(estimator, space, n_iter=n_candidates, **common)


def _fit(
    search: Any, dataset: Dataset, metric: str, space: dict[str, Any], n_candidates: int
) -> dict[str, int]:
    """Run the search with a progress line; count the failed fits by their error messages."""
    import joblib
    import numpy as np
    from sklearn.exceptions import FitFailedWarning
    from sklearn.metrics import get_scorer

    from ..search.fit_errors import count_errors
    from .progress import Progress

    errors: Counter[str] = Counter()
    names = list(space)
    resource = None
    if hasattr(search, "resource"):  # in Hyperband it distinguishes the rungs of a candidate
        resource = next(n for n in search.estimator.get_params() if n.endswith("__epochs"))
        names.append(resource)
    progress = Progress(n_candidates, search.cv.get_n_splits(), sys.stderr)
    with warnings.catch_warnings(record=True) as caught, progress:
        warnings.simplefilter("always", FitFailedWarning)
        # the help of --n-jobs says the same, and the warning would interrupt the progress line
        warnings.filterwarnings("ignore", ".* processes that took .* to import ")
        search.set_params(scoring=progress.watch(get_scorer(metric), names, resource))
        try:
            # worker processes of joblib write to the same standard error
            with joblib.parallel_config("loky", initializer=quiet.start_keras):
                search.fit(dataset.X, dataset.y)
        except ValueError as error:  # scikit-learn raises it if no fit succeeded
            if str(error).startswith("Invalid parameter"):  # it occurs only with some values
                raise UsageError(f"--param: {error}") from None
            if "fits failed" not in str(error):
                raise
            ((reason, _),) = count_errors(str(error)).most_common(1)
            raise SearchFailed(f"every fit failed: {reason}") from None
    for warning in caught:
        if issubclass(warning.category, FitFailedWarning):
            errors += count_errors(str(warning.message))
        elif issubclass(warning.category, DeprecationWarning):
            pass  # these warnings are for the developers of the libraries
        elif not _TELLS_OF_NO_SCORE.search(str(warning.message)):
            print(f"kerasearch: warning: {one_line(warning.message)}", file=sys.stderr)
    if not np.isfinite(search.cv_results_["mean_test_score"]).any():
        reason = next(iter(errors), f"{metric} was not a number")
        raise SearchFailed(f"every candidate failed in at least one fold: {reason}")
    return {one_line(error, limit=1000): n for error, n in errors.most_common()}


def _write_report(
    search: Any,
    dataset: Dataset,
    metric: str,
    errors: Mapping[str, int],
    args: argparse.Namespace,
) -> None:
    """Write the report as one HTML file."""
    from ..html_report import report

    search.set_params(scoring=metric)  # replace the scorer that counts the fits by the name
    title = f"{metric} on {dataset.name}"
    share = 1 / args.cv
    try:
        report(search, args.report, errors=errors, test_fraction=share, title=title)
    except OSError as error:
        raise SearchFailed(f"--report {args.report}: {error}") from None
    print(f"\nWrote the report to {args.report}.", flush=True)


def _save(estimator: Pipeline, dataset: Dataset, params: dict[str, Any], path: Path) -> None:
    """Train one candidate on all rows, and save the whole pipeline."""
    import joblib
    from sklearn.base import clone

    print(f"\nTraining the best candidate on all {len(dataset.y):,} rows ...", flush=True)
    try:
        best = clone(estimator).set_params(**params).fit(dataset.X, dataset.y)
    except Exception as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        raise SearchFailed(f"training on all rows failed; nothing was saved: {what}") from None
    # the saved pipeline may be used where the fit store does not exist
    best.set_params(**{n: None for n in best.get_params() if n.endswith("__store")})
    try:
        joblib.dump(best, path)
    except OSError as error:
        raise SearchFailed(f"--save {path}: {error.strerror}") from None
    print(f"Saved the candidate with its preprocessing to {path}.")


def run() -> None:
    """Run the command line as the main program of the process, and exit with its status."""
    # the process belongs to the command line, so TensorFlow may be silenced here; worker processes
    # inherit the environment variable
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader of the output, such as `head`, has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
