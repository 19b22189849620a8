"""X with several parts: columns of a frame, fields, arrays side by side, each to its own Input."""

from __future__ import annotations

import re

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.utils import Bunch

from kerasearch import BayesSearchCV, KerasClassifier, KerasRegressor, stack_inputs
from tests.backends import ORDINARY_PATH, ORDINARY_REASON

N = 60
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(1, 80, N),
        "fare": RNG.normal(size=N),
        "cabin": RNG.choice(["a", "b", "c"], N),
        "deck": RNG.integers(0, 4, N),
    }
)
Y = (FRAME["cabin"] == "a").to_numpy().astype(int)
INPUTS = {"numbers": ["age", "fare"], "cabin": "cabin", "deck": "deck"}


def two_towers(meta, width=2):
    """Embeddings of a text and of a whole number beside numbers."""
    cabin = meta["inputs_"]["cabin"]
    inputs = [
        keras.Input((2,), name="numbers"),
        keras.Input((), dtype="string", name="cabin"),
        keras.Input((1,), dtype="int32", name="deck"),
    ]
    numbers, text, deck = inputs
    codes = keras.layers.StringLookup(vocabulary=cabin.vocabulary)(text)
    parts = [
        numbers,
        keras.layers.Embedding(cabin.n_categories + 1, width)(codes),
        keras.layers.Flatten()(keras.layers.Embedding(4, width)(deck)),
    ]
    output = keras.layers.Dense(1, "sigmoid")(keras.layers.concatenate(parts))
    return keras.Model(inputs, output)


def numbers_alone(as_dict=True):
    """Three Inputs of numbers that are called as columns are."""
    inputs = {
        "age": keras.Input((1,), name="age"),
        "deck": keras.Input((), dtype="int64", name="deck"),
        "fare": keras.Input((1,), name="fare"),
    }
    deck = keras.layers.Embedding(4, 2)(inputs["deck"])
    output = keras.layers.Dense(1)(keras.layers.concatenate([inputs["age"], deck, inputs["fare"]]))
    return keras.Model(inputs if as_dict else list(inputs.values()), output)


def pictures(meta, units=2):
    """An image beside a table."""
    image = keras.Input(meta["inputs_"]["image"].shape, name="image")
    table = keras.Input(meta["inputs_"]["table"].shape, name="table")
    flat = keras.layers.Flatten()(keras.layers.Conv2D(units, 3)(image))
    return keras.Model(
        [image, table], keras.layers.Dense(1)(keras.layers.concatenate([flat, table]))
    )


IMAGES, TABLE = RNG.random((N, 6, 6, 1), dtype=np.float32), RNG.normal(size=(N, 3))


def classifier(model=two_towers, **params):
    return KerasClassifier(model, **{"epochs": 2, "random_state": 0, **params})


def regressor(model, **params):
    return KerasRegressor(model, **{"epochs": 2, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted():
    return classifier(inputs=INPUTS).fit(FRAME, Y)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_a_frame_is_split_by_inputs_and_trains_as_keras_does_with_the_same_arrays(fitted):
    assert (fitted.training_path_, fitted.training_reason_) == (ORDINARY_PATH, ORDINARY_REASON)
    arrays = {
        "numbers": FRAME[["age", "fare"]].to_numpy("float32"),
        "cabin": keras.ops.convert_to_tensor(FRAME["cabin"].to_numpy(object), "string"),
        "deck": FRAME["deck"].to_numpy()[:, None],
    }
    wanted = fitted.model_.predict(arrays, verbose=0).ravel()
    np.testing.assert_allclose(fitted.predict_proba(FRAME)[:, 1], wanted, rtol=1e-6)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_each_input_keeps_its_own_dtype_and_what_is_known_of_it(fitted):
    inputs = fitted.inputs_
    assert inputs["numbers"].shape == (2,)
    assert inputs["cabin"].vocabulary == ["a", "b", "c"]
    assert inputs["cabin"]["n_categories"] == 3
    assert inputs["deck"].dtype == np.int64
    assert inputs["deck"].vocabulary == [0, 1, 2, 3]
    assert fitted.n_features_in_ == 4
    assert list(fitted.feature_names_in_) == list(FRAME)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_columns_are_taken_by_name_whatever_their_order_and_company(fitted):
    wanted = fitted.predict_proba(FRAME)
    other = FRAME[["deck", "fare", "cabin", "age"]].assign(more=1.0)
    np.testing.assert_array_equal(fitted.predict_proba(other), wanted)


@pytest.mark.parametrize(
    "inputs",
    [
        {"age": 0, "fare": 1, "deck": 3},
        {"age": [0], "fare": slice(1, 2), "deck": [-1]},
        {"age": np.array([0]), "fare": ["fare"], "deck": "deck"},
    ],
    ids=["positions", "slices", "mixed"],
)
def test_columns_may_be_named_by_position(inputs):
    wanted = regressor(numbers_alone).fit(FRAME[["age", "fare", "deck"]], Y)
    got = regressor(numbers_alone, inputs=inputs).fit(FRAME, Y)
    np.testing.assert_array_equal(
        got.predict(FRAME), wanted.predict(FRAME[["age", "fare", "deck"]])
    )


def test_an_array_is_split_by_positions():
    X = FRAME[["age", "fare", "deck"]]
    by_position = regressor(numbers_alone, inputs={"age": 0, "fare": 1, "deck": 2})
    wanted = regressor(numbers_alone).fit(X, Y).predict(X)
    np.testing.assert_array_equal(by_position.fit(X.to_numpy(), Y).predict(X.to_numpy()), wanted)


@pytest.mark.parametrize("as_dict", [True, False])
def test_a_frame_whose_columns_are_called_as_the_inputs_needs_no_parameter(as_dict):
    X = FRAME[["fare", "deck", "age"]]
    scores = cross_validate(
        regressor(numbers_alone, model__as_dict=as_dict), X, Y, cv=3, error_score="raise"
    )
    assert np.isfinite(scores["test_score"]).all()
    with pytest.raises(ValueError, match="feature names should match"):
        regressor(numbers_alone).fit(X, Y).predict(X[["age", "fare", "deck"]])


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_a_search_in_a_pipeline_after_a_column_transformer_with_pandas_output():
    columns = make_column_transformer(
        (StandardScaler(), ["age", "fare"]),
        (OrdinalEncoder(), ["deck"]),
        ("passthrough", ["cabin"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    search = GridSearchCV(
        make_pipeline(columns, classifier(inputs=INPUTS)),
        {"kerasclassifier__width": [1, 2]},
        cv=2,
        error_score="raise",
    ).fit(FRAME, Y)
    assert search.best_estimator_.predict(FRAME).shape == (N,)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
@pytest.mark.parametrize(
    "search",
    [
        lambda e: GridSearchCV(e, {"width": [1, 2]}, cv=2, error_score="raise"),
        lambda e: RandomizedSearchCV(e, {"width": [1, 2]}, n_iter=2, cv=2, error_score="raise"),
        lambda e: BayesSearchCV(e, {"width": [1, 2]}, n_iter=2, cv=2, error_score="raise"),
    ],
    ids=["grid", "random", "bayes"],
)
def test_searches_take_frames_with_text_as_they_are(search):
    found = search(classifier(inputs=INPUTS, epochs=1)).fit(FRAME, Y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_the_store_finds_fits_of_several_inputs_again(tmp_path):
    make = lambda: classifier(inputs=INPUTS, store=tmp_path).fit(FRAME, Y)  # noqa: E731
    first, second = make(), make()
    assert (first.n_epochs_trained_, second.n_epochs_trained_) == (2, 0)
    np.testing.assert_array_equal(first.predict_proba(FRAME), second.predict_proba(FRAME))
    other = classifier(inputs=INPUTS, store=tmp_path).fit(FRAME.assign(cabin="b"), Y)
    assert other.n_epochs_trained_ == 2


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_fields_of_a_structured_array_go_to_the_inputs_of_their_names():
    X = stack_inputs(image=IMAGES, table=TABLE)
    y = TABLE[:, 0]
    search = GridSearchCV(regressor(pictures), {"units": [1, 2]}, cv=3, error_score="raise")
    best = search.fit(X, y).best_estimator_
    assert best.training_path_ == ORDINARY_PATH
    assert (best.n_features_in_, list(best.feature_names_in_)) == (2, ["image", "table"])
    arrays = {"table": TABLE, "image": IMAGES}
    np.testing.assert_array_equal(
        regressor(pictures, **search.best_params_).fit(arrays, y).predict(arrays), best.predict(X)
    )


def test_a_list_of_arrays_is_taken_in_the_order_of_the_inputs():
    y = TABLE[:, 0]

    def build():
        return pictures({"inputs_": {"image": IMAGES[0], "table": TABLE[0]}})

    as_list = regressor(build).fit([IMAGES, TABLE], y).predict([IMAGES, TABLE])
    as_dict = regressor(build).fit({"image": IMAGES, "table": TABLE}, y)
    np.testing.assert_array_equal(as_list, as_dict.predict({"image": IMAGES, "table": TABLE}))


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
@pytest.mark.parametrize("n_jobs", [2])
def test_worker_threads_give_the_same_table(n_jobs):
    from joblib import parallel_config

    grid = GridSearchCV(classifier(inputs=INPUTS), {"width": [1, 2]}, cv=2, error_score="raise")
    wanted = grid.fit(FRAME, Y).cv_results_["mean_test_score"]
    with parallel_config("threading", n_jobs=n_jobs):
        got = grid.fit(FRAME, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(got, wanted)


def test_stack_inputs_keeps_shapes_and_dtypes_and_text_of_any_length():
    X = stack_inputs(image=IMAGES.astype("uint8"), text=["a", "a long text"] * (N // 2))
    assert X.shape == (N,)
    assert X["image"].dtype == np.uint8
    assert X["text"][:2].tolist() == ["a", "a long text"]
    assert X[:3]["image"].shape == (3, 6, 6, 1)


def test_stack_inputs_says_which_length_differs():
    with pytest.raises(ValueError, match="image has 60, table has 59"):
        stack_inputs(image=IMAGES, table=TABLE[1:])
    with pytest.raises(TypeError, match="at least one array"):
        stack_inputs()


def test_our_searches_name_stack_inputs_where_no_rows_can_be_taken():
    search = BayesSearchCV(regressor(pictures), {"units": [1, 2]}, n_iter=1)
    for X in ({"image": IMAGES, "table": TABLE}, [IMAGES, TABLE]):
        with pytest.raises(TypeError, match=r"2 arrays.*kerasearch.stack_inputs"):
            search.fit(X, TABLE[:, 0])


MISTAKES = {
    "column": (
        {**INPUTS, "deck": "dek"},
        r"inputs\['deck'\] needs the column 'dek', .* have; it has .*; did you mean deck\?",
    ),
    "twice": ({**INPUTS, "deck": "age"}, r"'age' of X is in both inputs\['numbers'\] and inputs\["),
    "unfed": ({"numbers": ["age", "fare"], "cabin": "cabin"}, "no data for 'deck'"),
    "typo": (
        {"numbers": ["age", "fare"], "cabin": "cabin", "dekc": "deck"},
        "no data for 'deck' and there is no Input for 'dekc'; did you mean 'dekc'",
    ),
    "text": ({**INPUTS, "numbers": ["fare", "cabin"], "cabin": "age"}, "text in column 'cabin'"),
    "numbers": ({**INPUTS, "cabin": "fare", "numbers": ["age", "age2"]}, r"X\['fare'\] has numb"),
    "fraction": (
        {**INPUTS, "deck": "fare", "numbers": ["age", "age2"]},
        r"X\['fare'\] has -?\d\.\d+, but",
    ),
    "shape": ({**INPUTS, "numbers": ["age", "fare", "age2"]}, r"inputs\['numbers'\] has rows of"),
    "position": ({**INPUTS, "deck": 9}, r"needs column 9, but X has 5 columns"),
    "beyond": (
        {**INPUTS, "deck": "age", "numbers": ["deck", "fare"]},
        r"X\['age'\] has \d+, but the model's Embedding has input_dim=4",
    ),
}


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
@pytest.mark.parametrize("case", MISTAKES)
def test_a_wrong_input_is_named_before_training(case):
    inputs, message = MISTAKES[case]

    def build():
        cabin = Bunch(vocabulary=["a", "b", "c"], n_categories=3)
        return two_towers({"inputs_": {"cabin": cabin}})

    with pytest.raises(ValueError, match=message):
        classifier(build, inputs=inputs).fit(FRAME.assign(age2=FRAME["age"]), Y)


@pytest.mark.parametrize("inputs", [["age"], {}, {"age": 1.5}, {"age": []}, {1: "age"}, "age"])
def test_what_is_no_assignment_of_columns_is_refused(inputs):
    with pytest.raises(TypeError, match="inputs.*must be a dict from the names of the model's"):
        classifier(inputs=inputs).fit(FRAME, Y)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_numbers_that_are_missing_are_named_by_their_column():
    X = FRAME.assign(fare=FRAME["fare"].where(FRAME.index != 7))
    with pytest.raises(ValueError, match=r"inputs\['numbers'\] has missing.*NaN.*in row 7"):
        classifier(inputs=INPUTS).fit(X, Y)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_a_prediction_that_lacks_a_part_names_it(fitted):
    with pytest.raises(ValueError, match=r"inputs\['cabin'\] needs the column 'cabin', which X"):
        fitted.predict(FRAME.drop(columns="cabin"))
    with pytest.raises(ValueError, match="needs the column 'age', but X is an array without names"):
        fitted.predict(FRAME.to_numpy())
    unseen = FRAME.assign(deck=9)
    with pytest.raises(ValueError, match=re.escape("X['deck'] has 9, but the model's Embedding")):
        fitted.predict(unseen)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_a_text_that_was_not_seen_is_the_lookups_affair(fitted):
    assert np.isfinite(fitted.predict_proba(FRAME.assign(cabin="new"))).all()


def test_parts_of_different_lengths_are_named():
    with pytest.raises(ValueError, match=r"X\['image'\] 60, X\['table'\] 50"):
        regressor(pictures).fit({"image": IMAGES, "table": TABLE[:50]}, TABLE[:, 0])


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_an_argument_inputs_of_the_builder_is_reached_by_its_full_name_alone():
    seen = []

    def build(meta, inputs=3):
        seen.append(inputs)
        return two_towers(meta)

    estimator = classifier(build, inputs=INPUTS, model__inputs=5).fit(FRAME, Y)
    assert seen == [5]
    estimator = classifier(build, inputs=INPUTS)
    with pytest.warns(UserWarning, match="pass model__inputs="):
        estimator.fit(FRAME, Y)
    with pytest.raises(TypeError, match="an argument `inputs` of the .* pass model__inputs"):
        classifier(build, inputs=3, model__inputs=1).fit(FRAME, Y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_whole_numbers_beside_floats_stay_whole_in_frames_of_either_library(library):
    X = pytest.importorskip(library).DataFrame(
        {name: FRAME[name].to_numpy() for name in ("age", "fare", "deck")}
    )
    fitted = regressor(numbers_alone).fit(X, Y)
    assert fitted.inputs_["deck"].vocabulary == [0, 1, 2, 3]
    assert "vocabulary" not in fitted.inputs_["fare"]
    wanted = regressor(numbers_alone).fit(FRAME[["age", "fare", "deck"]], Y)
    np.testing.assert_array_equal(fitted.predict(X), wanted.predict(FRAME[["age", "fare", "deck"]]))


def test_stack_inputs_takes_columns_of_a_frame_as_the_estimators_do():
    frame = FRAME.astype({"deck": "Int64"})
    X = stack_inputs(deck=frame["deck"], mixed=frame[["age", "cabin"]])
    assert X["deck"].dtype == np.int64
    assert X["mixed"][0].tolist() == [FRAME["age"][0], FRAME["cabin"][0]]
