"""Text for models that take it, and model-building functions that look at the rows of their fit."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import cloudpickle
import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_validate

from kerasearch import KerasClassifier, KerasRegressor
from tests.backends import ORDINARY_PATH, has_text

DOCS = ["good film", "bad film", "ugly movie"] * 16
Y = np.array([1, 0, 0] * 16)


def bag_of_words(X, width=4):
    """A model of which the vocabulary is that of the rows that train."""
    words = keras.layers.TextVectorization(output_mode="multi_hot")
    words.adapt(X)
    text = keras.Input((), dtype="string")
    hidden = keras.layers.Dense(width, activation="relu")(words(text))
    return keras.Model(text, keras.layers.Dense(1, activation="sigmoid")(hidden))


def classifier(model=bag_of_words, **params):
    return KerasClassifier(
        model, **{"epochs": 5, "random_state": 0, "optimizer__learning_rate": 0.05, **params}
    )


FORMS = {
    "list": list,
    "array": np.array,
    "objects": lambda docs: np.array(docs, dtype=object),
    "bytes": lambda docs: np.array(docs).astype("S"),
    "series": pd.Series,
    "string": lambda docs: pd.Series(docs, dtype="string"),
    "category": lambda docs: pd.Series(docs, dtype="category"),
    "frame": lambda docs: pd.DataFrame({"text": docs}),
    "column": lambda docs: np.array(docs)[:, None],
    "field": lambda docs: pd.DataFrame({"text": docs}).to_records(index=False)["text"],
}


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
@pytest.mark.parametrize("form", FORMS)
def test_text_in_any_form_trains_the_same_model(form):
    X = FORMS[form](DOCS)
    fitted = classifier(epochs=2).fit(X, Y)
    wanted = classifier(epochs=2).fit(DOCS, Y).predict_proba(DOCS)
    np.testing.assert_array_equal(fitted.predict_proba(X), wanted)
    assert fitted.training_path_ == ORDINARY_PATH


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_a_search_over_documents_learns():
    search = GridSearchCV(classifier(epochs=15), {"width": [4, 8]}, cv=3, error_score="raise")
    assert search.fit(DOCS, Y).best_score_ == 1.0


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_no_word_of_a_test_fold_a_held_out_row_or_a_row_without_weight_is_in_the_vocabulary():
    words = [f"word{i}" for i in range(len(DOCS))]
    fits = cross_validate(
        classifier(epochs=1, validation_split=0.25),
        words,
        Y,
        cv=3,
        return_estimator=True,
        return_indices=True,
    )
    for fitted, train, test in zip(
        fits["estimator"], fits["indices"]["train"], fits["indices"]["test"], strict=True
    ):
        known = set(fitted.model_.layers[1].get_vocabulary()[1:])
        assert known < {words[i] for i in train}
        assert not known & {words[i] for i in test}
        assert len(known) == 24
    weights = np.arange(len(words)) >= 10
    fitted = classifier(epochs=1).fit(words, Y, sample_weight=weights)
    assert set(fitted.model_.layers[1].get_vocabulary()[1:]) == set(words[10:])


def normalized(X):
    scale = keras.layers.Normalization()
    scale.adapt(X)
    return keras.Sequential([keras.Input((3,)), scale, keras.layers.Dense(1)])


def test_a_builder_sees_numbers_as_the_model_gets_them_and_cannot_change_them():
    seen = []

    def build(X):
        seen.append(X)
        return normalized(X)

    rows = np.random.default_rng(0).normal(size=(20, 3))
    fitted = KerasRegressor(build, epochs=1, random_state=0).fit(rows, rows[:, 0])
    assert seen[0].dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        seen[0][0] = 1
    np.testing.assert_allclose(fitted.model_.layers[0].mean, rows.mean(0)[None], atol=1e-6)


def test_X_is_no_parameter_and_setting_it_says_so():
    estimator = classifier()
    assert not {"X", "model__X"} & estimator.get_params().keys()
    for name in ("X", "model__X"):
        with pytest.raises(ValueError, match="gets the training rows; .* rename the argument"):
            estimator.set_params(**{name: 3})
    with pytest.raises(ValueError, match="rename the argument"):
        classifier(X=3)


def sized_by_rows(X):
    return keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Embedding(int(X.max()) + 5, 2),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )


@pytest.mark.parametrize("builder", [*has_text(bag_of_words), sized_by_rows])
def test_a_model_that_was_built_from_its_rows_is_pickled_whole(builder, tmp_path):
    X = DOCS if builder is bag_of_words else np.arange(48)[:, None]
    fitted = (
        classifier(builder, epochs=1).fit(X, Y)
        if builder is bag_of_words
        else (KerasRegressor(builder, epochs=1, random_state=0).fit(X, Y.astype(float)))
    )
    np.save(tmp_path / "wanted.npy", fitted.predict(X))
    (tmp_path / "fitted.pkl").write_bytes(cloudpickle.dumps((fitted, X)))
    code = """
        import pickle, sys, numpy as np
        fitted, X = pickle.load(open(sys.argv[1] + "/fitted.pkl", "rb"))
        np.testing.assert_array_equal(fitted.predict(X), np.load(sys.argv[1] + "/wanted.npy"))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], check=True)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_the_store_tells_vocabularies_apart(tmp_path):
    first = classifier(store=tmp_path).fit(DOCS, Y)
    again = classifier(store=tmp_path).fit(DOCS, Y)
    other = classifier(store=tmp_path).fit([d.replace("film", "book") for d in DOCS], Y)
    assert [e.n_epochs_trained_ for e in (first, again, other)] == [5, 0, 5]


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_text_that_is_missing_and_numbers_for_text_are_named():
    with pytest.raises(ValueError, match="has text and missing values, for example None in row 1"):
        classifier().fit([DOCS[0], None, *DOCS[2:]], Y)

    def build():
        return keras.Sequential(
            [
                keras.Input((), dtype="string"),
                keras.layers.StringLookup(vocabulary=["a"], output_mode="one_hot"),
                keras.layers.Dense(1, "sigmoid"),
            ]
        )

    with pytest.raises(
        ValueError, match=r"X has numbers \(int64\).*needs text: .* X.astype\(str\)"
    ):
        classifier(build).fit(np.arange(48)[:, None], Y)
    with pytest.raises(ValueError, match=r"X\['t'\] has text and 3"):
        classifier(build, inputs={"t": "t"}).fit(pd.DataFrame({"t": [3, *DOCS[1:]]}), Y)


def test_numbers_as_objects_stay_numbers():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    wanted = KerasRegressor(epochs=1, random_state=0).fit(rows, rows[:, 0]).predict(rows)
    objects = rows.astype(object)
    fitted = KerasRegressor(epochs=1, random_state=0).fit(objects, rows[:, 0])
    np.testing.assert_array_equal(fitted.predict(objects), wanted)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_codes_written_as_text_stay_text_for_an_input_of_text():
    codes = ["01", "02", "03"] * 16

    def build(X):
        text = keras.Input((1,), dtype="string")
        lookup = keras.layers.StringLookup(output_mode="multi_hot")
        lookup.adapt(X)
        assert lookup.get_vocabulary()[1:] == ["03", "02", "01"]
        return keras.Model(text, keras.layers.Dense(1, "sigmoid")(lookup(text)))

    fitted = classifier(build).fit(pd.DataFrame({"code": codes}), Y)
    assert fitted.predict_proba(pd.DataFrame({"code": codes})).shape == (48, 2)
