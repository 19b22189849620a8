"""Read rows and target from a CSV file or a bundled data set, and choose the preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import BaseCrossValidator, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from .._utils.names import did_you_mean
from .._utils.text import counted, listed
from .errors import UsageError

BUNDLED = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
# an integer target with at most this many distinct values is taken for classes
MAX_CLASSES = 20
# a text column has at most this many categories; the rarest categories are merged into one
MAX_CATEGORIES = 50
# a text column with more distinct values, and more than half as many as rows, is an identifier
MAX_IDENTIFIERS = 20


@dataclass
class Dataset:
    """The training data of a search.

    Attributes
    ----------
    name : str
        The name of the file or of the bundled data set.
    X : DataFrame
        The raw rows with only the columns that are used.
    y : Series
        The target: labels, or floats for a regression.
    task : {"classification", "regression"}
        The kind of target.
    numbers, dates, categories : list of str
        The columns of X, grouped by their encoding.
    notes : list of str
        Notes for the user on what was left out or inferred.
    read_options : dict
        The options with which ``pandas.read_csv`` finds the same columns in the file.
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    task: str
    numbers: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read_options: dict[str, Any] = field(default_factory=dict)

    def preprocessing(self) -> ColumnTransformer:
        """Make the unfitted transformer from raw rows to numbers.

        Missing numbers are replaced by the median, and numbers are standardized. Dates become
        numbers of days, and are treated as numbers. Other columns are one-hot encoded, and a
        missing value is a separate category.
        """
        branches: list[tuple[str, Any, list[str]]] = []
        if self.numbers:
            numbers = FunctionTransformer(as_numbers, feature_names_out="one-to-one")
            branches.append(("numbers", make_pipeline(numbers, *_impute_and_scale()), self.numbers))
        if self.dates:
            days = FunctionTransformer(days_since_epoch, feature_names_out="one-to-one")
            branches.append(("dates", make_pipeline(days, *_impute_and_scale()), self.dates))
        if self.categories:
            text = FunctionTransformer(as_text, feature_names_out="one-to-one")
            one_hot = OneHotEncoder(
                handle_unknown="ignore", max_categories=MAX_CATEGORIES, sparse_output=False
            )
            branches.append(("categories", make_pipeline(text, one_hot), self.categories))
        return ColumnTransformer(branches, verbose_feature_names_out=False)

    def folds(self, n_folds: int, seed: int) -> BaseCrossValidator:
        """Make the splitter: shuffled folds, which are stratified for classes.

        Raises
        ------
        UsageError
            If the data set, or one class, has fewer rows than there are folds.
        """
        if len(self.y) < n_folds:
            raise UsageError(
                f"--cv {n_folds}: {counted(len(self.y), 'row')} cannot be split into {n_folds} "
                "folds"
            )
        if self.task == "regression":
            return KFold(n_folds, shuffle=True, random_state=seed)
        sizes = self.y.value_counts()
        if sizes.min() < n_folds:
            hint = (
                " or --task regression" if types.is_numeric_dtype(self.y) and len(sizes) > 2 else ""
            )
            raise UsageError(
                f"class {sizes.idxmin()} of {self.y.name!r} has {counted(sizes.min(), 'row')}, "
                f"fewer than the {n_folds} folds; use a smaller --cv{hint}, or remove the class "
                "from the file"
            )
        return StratifiedKFold(n_folds, shuffle=True, random_state=seed)


def load(source: str, target: str | None, task: str | None, drop: Sequence[str] = ()) -> Dataset:
    """Read a data set and choose how each column is used.

    Parameters
    ----------
    source : str
        The name of a bundled data set, or the path of a CSV file.
    target : str or None
        The column to predict. Pass None for a bundled data set, whose target is known.
    task : {"classification", "regression"} or None
        The kind of target. None infers it: text, booleans, and integers with at most 20 distinct
        values are classes; other numbers are a regression.
    drop : sequence of str, default=()
        The columns that are not used.

    Returns
    -------
    dataset : Dataset
        The rows, the target and the encodings of the columns.

    Raises
    ------
    UsageError
        If the file cannot be read, or if it cannot be used for training; the message says why.
    """
    if source in BUNDLED:
        frame, target = _bundled(source, target), "target"
        name, options = source, dict[str, Any]()
        task = task or ("regression" if source == "diabetes" else "classification")
    else:
        frame, target, options = _csv(source, target)
        name = Path(source).name
    _check_columns(frame, drop, "--drop")
    if target in drop:
        raise UsageError(f"--drop {target}: this column is the target")
    unused = [target, *drop]
    row_numbers = [c for c in frame.columns.difference(unused) if _numbers_the_rows(frame[c])]
    y = frame[target].replace([np.inf, -np.inf], np.nan)
    kept = y.notna()
    frame, y = frame[kept].reset_index(drop=True), y[kept].reset_index(drop=True).infer_objects()
    if y.empty:
        raise UsageError(f"the column {target!r} of {name} has no values")
    task, why = _task(y, task)
    labels = _as_classes(y) if task == "classification" else y.astype(float)
    dataset = Dataset(name, frame, labels, task, read_options=options)
    if why:
        dataset.notes.append(why)
    if not kept.all():
        rows = counted((~kept).sum(), "row")
        dataset.notes.append(f"left out {rows} without a value of {target!r}")
    if drop:
        dataset.notes.append(f"left out {listed(drop)}, because of --drop")
    for column in row_numbers:
        dataset.notes.append(f"left out {column!r}: it numbers the rows")
    _choose_encodings(dataset, frame.drop(columns=[*unused, *row_numbers]))
    return dataset


def as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns into floats; a value that is not a finite number becomes NaN."""
    return frame.apply(_numbers)


def days_since_epoch(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of ISO 8601 dates into days since 1970, as floats; other values become NaN."""
    return frame.apply(_days)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn every value into text, so that True equals "True", and all missing values are equal."""
    text = frame.astype(object)
    return text.where(text.notna(), "(missing)").map(lambda value: str(value).strip())


def _numbers(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    return numbers.replace([np.inf, -np.inf], np.nan)


def _days(column: pd.Series) -> pd.Series:
    dates = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    return (dates - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1)


def _bundled(name: str, target: str | None) -> pd.DataFrame:
    if target not in (None, "target"):
        raise UsageError(f"--target: the bundled data set {name} has its own target; omit --target")
    return BUNDLED[name](as_frame=True).frame


def _csv(source: str, target: str | None) -> tuple[pd.DataFrame, str, dict[str, Any]]:
    path = Path(source)
    if not path.exists():
        near = did_you_mean(source, BUNDLED)
        raise UsageError(f"no such file: {source}{near}")
    frame, options = _read(path)
    columns = f"the columns are {listed(frame.columns)}"
    if target is None:
        raise UsageError(f"--target must name the column to predict in {path.name}; {columns}")
    if frame.empty:
        raise UsageError(f"{path.name} has a header but no rows")
    _check_columns(frame, [target], "--target")
    return frame, target, options


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a CSV file with the separator that splits its header into the most columns."""

    def header(**options: Any) -> list[str]:
        return list(pd.read_csv(path, nrows=0, **options).columns)

    options: dict[str, Any] = {}
    try:
        separator = max(",;\t", key=lambda mark: len(header(sep=mark)))
        if separator != ",":
            options["sep"] = separator
        if header(**options) != header(**options, skipinitialspace=True):
            options["skipinitialspace"] = True
        frame = pd.read_csv(path, na_values="?", low_memory=False, **options)
    except pd.errors.EmptyDataError:
        raise UsageError(f"{path.name} is empty") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is not a CSV file in UTF-8") from None
    except (pd.errors.ParserError, OSError, ValueError) as error:
        raise UsageError(f"{path.name} cannot be read as CSV: {error}") from None
    return frame, options


def _check_columns(frame: pd.DataFrame, names: Sequence[str], option: str) -> None:
    for name in names:
        if name not in frame.columns:
            near = did_you_mean(name, frame.columns)
            hint = near or f"; the columns are {listed(frame.columns)}"
            raise UsageError(f"{option} {name}: there is no such column{hint}")


def _task(y: pd.Series, given: str | None) -> tuple[str, str]:
    """Choose between classification and regression; return a note if the choice is uncertain."""
    n_distinct = y.nunique()
    numeric = types.is_numeric_dtype(y) and not types.is_bool_dtype(y)
    whole = numeric and bool((y % 1 == 0).all())
    if given == "regression" and not numeric:
        raise UsageError(
            f"--task regression needs numbers, but {y.name!r} has values such as {y.iloc[0]}"
        )
    if given == "classification" and numeric and not whole:
        fraction = y[y % 1 != 0].iloc[0]
        raise UsageError(
            f"--task classification needs classes, but {y.name!r} has fractions such as "
            f"{fraction:g}"
        )
    if n_distinct == 1:
        raise UsageError(
            f"the target {y.name!r} has only one value, {y.iloc[0]}, so there is nothing to predict"
        )
    if given or not numeric:
        return given or "classification", ""
    if whole and n_distinct <= MAX_CLASSES:
        if n_distinct == 2:
            return "classification", ""
        return "classification", (
            f"{y.name!r} has {n_distinct} distinct integers, which are taken for classes (use "
            "--task regression to predict numbers)"
        )
    return "regression", ""


def _as_classes(y: pd.Series) -> pd.Series:
    if types.is_bool_dtype(y):
        return y.astype(bool)
    if types.is_numeric_dtype(y):
        return y.astype(np.int64)
    return y.map(lambda label: str(label).strip()).astype(object)


def _choose_encodings(dataset: Dataset, frame: pd.DataFrame) -> None:
    """Choose the encoding of each column, and leave out columns without information."""
    for name in frame.columns:
        column = frame[name]
        present = column.dropna()
        if present.empty:
            dataset.notes.append(f"left out {name!r}: it has no values")
        elif types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
            dataset.numbers.append(name)
        elif types.is_bool_dtype(column):
            dataset.categories.append(name)
        elif _days(present.map(str)).notna().all():
            dataset.dates.append(name)
        elif present.nunique() > max(MAX_IDENTIFIERS, len(present) / 2):
            dataset.notes.append(
                f"left out {name!r}: it has {present.nunique()} distinct texts in {len(present)} "
                "rows, which are too many to learn from"
            )
        else:
            dataset.categories.append(name)
    dataset.X = frame[[*dataset.numbers, *dataset.dates, *dataset.categories]]
    if dataset.X.columns.empty:
        raise UsageError(f"{dataset.name} has no column to learn from; {'; '.join(dataset.notes)}")


def _numbers_the_rows(column: pd.Series) -> bool:
    first = column.iloc[0]
    return (
        types.is_integer_dtype(column)
        and len(column) > MAX_CLASSES
        and first in (0, 1)
        and bool((column == np.arange(first, first + len(column))).all())
    )


def _impute_and_scale() -> tuple[SimpleImputer, StandardScaler]:
    return SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
