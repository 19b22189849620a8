"""Text among the features is named by its column, with the transformer that makes numbers of it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from kerasearch import KerasClassifier, KerasRegressor

N = 20
Y = np.arange(N) % 2
NUMBERS = np.linspace(0, 1, N)
LETTERS = ["a", "b"] * (N // 2)
DOCUMENTS = ["a good film", "a bad film indeed"] * (N // 2)


def frame(column):
    return pd.DataFrame({"x": NUMBERS, "city": column})


def polars_frame():
    return pytest.importorskip("polars").DataFrame({"x": NUMBERS, "city": LETTERS})


COLUMNS = {
    "object": (lambda: frame(pd.Series(LETTERS, dtype=object)), "column 'city' (for example 'a'"),
    "str": (lambda: frame(LETTERS), "column 'city' (for example 'a'"),
    "string": (lambda: frame(pd.Series(LETTERS, dtype="string")), "column 'city' (for example 'a'"),
    "category": (lambda: frame(pd.Categorical(LETTERS)), "column 'city' (for example 'a'"),
    "missing": (lambda: frame([None, "b"] * (N // 2)), "column 'city' (for example 'b'"),
    "mixed": (lambda: frame([1, "b"] * (N // 2)), "column 'city' (for example 'b'"),
    "polars": (polars_frame, "column 'city' (for example 'a'"),
    "one of two": (
        lambda: frame(LETTERS).rename(columns={"x": "city"}),
        "column 'city' (for example 'a'",
    ),
    "text array": (lambda: np.array([LETTERS, LETTERS]).T, "2 columns: 0, 1 (for example 'a'"),
    "bytes": (lambda: np.array([LETTERS]).T.astype("S"), "column 0 (for example 'a'"),
    "object array": (
        lambda: np.array([[1, s] for s in LETTERS], dtype=object),
        "column 1 (for example 'a'",
    ),
    "lists": (lambda: [[1.0, s] for s in LETTERS], "column 1 (for example 'a'"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_text_in_a_column_is_named_at_fit_and_at_predict(case):
    make, where = COLUMNS[case]
    X = make()
    wanted = f"X has text in {where}"
    with pytest.raises(ValueError, match=re.escape(wanted) + r".*OneHotEncoder.*make_column_tra"):
        KerasRegressor(epochs=1).fit(X, NUMBERS)
    fitted = KerasClassifier(epochs=1, random_state=0)
    fitted.n_features_in_, fitted.model_ = np.shape(X)[1], None  # as good as fitted
    with pytest.raises(ValueError, match=re.escape(wanted)):
        fitted.predict(X)


@pytest.mark.parametrize(
    "make",
    [list, np.array, pd.Series, lambda docs: [d.split() for d in docs]],
    ids=["list", "array", "series", "tokens"],
)
def test_documents_are_for_a_vectorizer(make):
    message = r"X has text \('a.*make_pipeline\(TfidfVectorizer\(\), KerasClassifier"
    with pytest.raises(ValueError, match=message):
        KerasClassifier(epochs=1).fit(make(DOCUMENTS), Y)


def test_documents_in_a_column_are_for_a_vectorizer_of_that_column():
    with pytest.raises(ValueError, match=r"\(TfidfVectorizer\(\), 'city'\), remainder="):
        KerasClassifier(epochs=1).fit(frame(DOCUMENTS), Y)


def test_numbers_written_as_text_and_rows_of_different_lengths_say_what_to_do():
    with pytest.raises(ValueError, match=r"'1', which X.astype\(float\) converts to a number"):
        KerasClassifier(epochs=1).fit(np.array([["1", "2"]] * N), Y)
    with pytest.raises(ValueError, match=r"different lengths \(1, 3\).*pad_sequences"):
        KerasClassifier(epochs=1).fit([[1, 2, 3], [1]] * (N // 2), Y)


def test_a_column_of_dates_among_numbers_is_named():
    X = pd.DataFrame({"x": NUMBERS, "day": pd.date_range("2020-01-01", periods=N)})
    with pytest.raises(ValueError, match=r"X\['day'\] must be numeric, but has times"):
        KerasClassifier(epochs=1).fit(X, Y)


def test_objects_and_categories_that_are_numbers_are_numbers():
    plain = KerasClassifier(epochs=1, random_state=0).fit(np.column_stack([NUMBERS, Y]), Y)
    expected = plain.predict_proba(np.column_stack([NUMBERS, Y]))
    for column in (pd.Series(Y, dtype=object), pd.Categorical(Y), pd.array(Y, dtype="Int64")):
        X = frame(column)
        fitted = KerasClassifier(epochs=1, random_state=0).fit(X, Y)
        np.testing.assert_array_equal(fitted.predict_proba(X), expected)


@pytest.mark.slow
def test_the_advice_works():
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"
    )
    params = {"epochs": 30, "optimizer__learning_rate": 0.03, "random_state": 0}
    for step, X in ((encode, frame(LETTERS)), (TfidfVectorizer(), DOCUMENTS)):
        assert make_pipeline(step, KerasClassifier(**params)).fit(X, Y).score(X, Y) == 1
