"""y of three axes and more: sequences to sequences, images to images, tags and masks."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from joblib import parallel_config
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_validate

from kerasearch import FitStore, KerasClassifier, KerasRegressor
from kerasearch.estimators.input_data import Rows, split_rows
from tests.backends import ORDINARY_PATH


@pytest.fixture(scope="module")
def images(digits):
    return digits[0][:120].reshape(-1, 8, 8).astype("float32")


@pytest.fixture(scope="module")
def tags(images):
    """How much ink each line of an image has."""
    ink = images.sum(axis=2)
    return np.array(["none", "some", "much"])[np.digitize(ink, [1.5, 2.5])]


def to_sequences(meta, units=8):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(units, "relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(meta["y_shape_"][-1])(hidden))


def tagger(meta, units=8, activation="softmax"):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Conv1D(units, 1, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(len(meta["all_classes_"]), activation)(hidden))


def adapted_tagger(meta, X):
    """Looks at the rows that train."""
    scale = keras.layers.Normalization()
    scale.adapt(X)
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, keras.layers.Dense(3, "softmax")(scale(inputs)))


def segmenter(meta, units=1, activation="sigmoid"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(units, 1, activation=activation),
        ]
    )


def one_value(meta):
    return keras.Sequential([keras.Input((8, 8)), keras.layers.Dense(1)])


SETTINGS = {"epochs": 5, "optimizer__learning_rate": 0.03, "random_state": 0}


def regressor(model=to_sequences, **params):
    return KerasRegressor(model, **{**SETTINGS, **params})


def classifier(model=tagger, **params):
    return KerasClassifier(model, **{**SETTINGS, **params})


# ---------------------------------------------------------------------------------- values


def test_values_at_positions_are_predicted_in_their_shape_and_scored_over_all(images):
    blurred = (images + np.roll(images, 1, axis=2)) / 2
    fitted = regressor().fit(images, blurred)
    assert fitted.training_path_ == ORDINARY_PATH
    predicted = fitted.predict(images)
    assert (predicted.shape, predicted.dtype) == (images.shape, blurred.dtype)
    wanted = r2_score(blurred.ravel(), predicted.ravel())
    assert fitted.score(images, blurred) == pytest.approx(wanted)
    assert wanted > 0.5
    assert fitted.y_mean_.shape == (8, 8)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(images), predicted)


def test_values_at_positions_are_searched_and_stored(images):
    store = FitStore()
    search = GridSearchCV(regressor(store=store), {"units": [1, 8]}, cv=2, error_score="raise")
    with parallel_config("threading", n_jobs=2):
        search.fit(images, images[:, :, ::-1])
    assert search.best_params_ == {"units": 8}
    assert regressor(store=store).fit(images, images[:, :, ::-1]).n_epochs_trained_ == 0


def test_a_last_axis_of_one_may_be_missing_on_either_side(images):
    sums = images.sum(axis=2)
    flat = regressor(one_value).fit(images, sums)
    deep = regressor(one_value).fit(images, sums[..., None])
    np.testing.assert_array_equal(flat.predict(images), deep.predict(images)[..., 0])
    assert flat.predict(images).shape == (120, 8)


@pytest.mark.slow
def test_the_default_models_give_each_position_its_values_and_labels(images, tags):
    fitted = KerasRegressor(epochs=20, random_state=0).fit(images, images * 1000 + 5)
    assert fitted.score(images, images * 1000 + 5) > 0.5
    masks = np.where(images > 0.5, "ink", "paper")
    assert KerasClassifier(epochs=5, random_state=0).fit(images, masks).score(images, masks) > 0.7


@pytest.mark.parametrize("axes", [1, 2])
def test_weights_of_rows_and_of_positions_are_those_of_keras(images, axes):
    weights = np.random.default_rng(0).random(images.shape[:axes]) + 0.1
    fitted = regressor(epochs=1, shuffle=False, batch_size=120).fit(
        images, images, sample_weight=weights
    )
    model = regressor(epochs=0).fit(images, images).model_
    spread = weights if axes == 2 else np.repeat(weights[:, None], 8, axis=1)
    loss = model.evaluate(
        images, images, sample_weight=spread / spread.mean(), batch_size=120, verbose=0
    )
    assert fitted.history_["loss"][0] == pytest.approx(loss, rel=1e-5)
    score = fitted.score(images, images, sample_weight=weights)
    each = np.broadcast_to(weights.reshape(weights.shape + (1,) * (3 - axes)), images.shape)
    predicted = fitted.predict(images)
    assert score == pytest.approx(
        r2_score(images.ravel(), predicted.ravel(), sample_weight=each.ravel())
    )


def of_rows(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 2, axis=(1, 2))


def test_weights_follow_the_values_that_a_loss_of_ones_own_gives(images):
    weights = np.random.default_rng(0).random(120)
    own = regressor(loss=of_rows, epochs=1).fit(images, images, sample_weight=weights)
    theirs = regressor(loss="mse", epochs=1).fit(images, images, sample_weight=weights)
    np.testing.assert_allclose(own.history_["loss"], theirs.history_["loss"], rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(8,\), but the loss returns values with 0 axes"):
        regressor(loss=of_rows).fit(images, images, sample_weight=images.sum(axis=2))


# ---------------------------------------------------------------------------------- labels


@pytest.fixture(scope="module")
def fitted(images, tags):
    return classifier(epochs=15).fit(images, tags)


def test_labels_at_positions_have_one_set_of_classes(images, tags, fitted):
    assert fitted.training_path_ == ORDINARY_PATH
    assert fitted.classes_.tolist() == ["much", "none", "some"]
    predicted, proba = fitted.predict(images), fitted.predict_proba(images)
    assert (predicted.shape, proba.shape) == ((120, 8), (120, 8, 3))
    np.testing.assert_array_equal(predicted, fitted.classes_[proba.argmax(axis=-1)])
    assert fitted.score(images, tags) == pytest.approx(np.mean(predicted == tags))
    assert fitted.score(images, tags) > 0.7
    weights = np.random.default_rng(0).random(tags.shape)
    assert fitted.score(images, tags, sample_weight=weights) == pytest.approx(
        np.average(predicted == tags, weights=weights)
    )
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(images), predicted)
    np.testing.assert_array_equal(copy.partial_fit(images, tags).classes_, fitted.classes_)


@pytest.mark.slow
def test_labels_at_positions_are_searched_with_weights_and_stored(images, tags):
    store, weights = FitStore(), (tags != "none").astype(float)
    search = GridSearchCV(classifier(store=store), {"units": [1, 6]}, cv=2, error_score="raise")
    search.fit(images, tags, sample_weight=weights)
    assert search.best_params_ == {"units": 6}
    again = classifier(store=store, units=6).fit(images, tags, sample_weight=weights)
    assert again.n_epochs_trained_ == 0
    cross_validate(classifier(epochs=1), images, tags, cv=2, error_score="raise")


def test_weights_of_classes_are_those_of_their_positions(images, tags):
    by_class = classifier(epochs=1, class_weight={"none": 0.0, "some": 1.0, "much": 2.0})
    by_hand = np.select([tags == "none", tags == "some"], [0.0, 1.0], 2.0)
    expected = classifier(epochs=1).fit(images, tags, sample_weight=by_hand)
    assert by_class.fit(images, tags).history_ == expected.history_
    balanced = classifier(epochs=1, class_weight="balanced").fit(images, tags)
    labels, counts = np.unique(tags, return_counts=True)
    by_hand = (tags.size / (3 * counts))[np.searchsorted(labels, tags)]
    expected = classifier(epochs=1).fit(images, tags, sample_weight=by_hand)
    assert balanced.history_ == expected.history_


def test_rows_that_validate_are_stratified_by_their_rarest_label(images):
    labels = np.where(images.sum(axis=2) > 0.5, "ink", "none")
    labels[::12, 3] = "rare"
    parts = split_rows(0.5, Rows(images, labels), stratify="positions", seed=0)
    shares = [np.mean((part.y == "rare").any(axis=1)) for part in parts]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)
    fitted = classifier(epochs=1, validation_split=0.5, metrics=["accuracy"]).fit(images, labels)
    assert "val_accuracy" in fitted.history_


def test_what_a_builder_adapts_to_knows_no_row_that_validates(images, tags):
    fitted = classifier(adapted_tagger, epochs=1, validation_split=0.5).fit(images, tags)
    mean = np.asarray(fitted.model_.layers[1].mean).ravel()
    assert not np.allclose(mean, images.mean(axis=(0, 1)), rtol=1e-3)
    assert fitted.predict(images).shape == tags.shape


def test_a_loss_of_one_column_for_each_class_gets_that(images, tags, fitted):
    one_hot = classifier(epochs=15, loss="categorical_crossentropy", metrics=["accuracy"])
    one_hot.fit(images, tags)
    np.testing.assert_allclose(
        one_hot.predict_proba(images), fitted.predict_proba(images), atol=1e-3
    )


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)], ids=["flat", "with a last axis of one"])
@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (2, "softmax")])
def test_masks_of_images(images, shape, units, activation):
    masks = (images > 0.5).astype(int).reshape(-1, *shape)
    fitted = classifier(segmenter, units=units, activation=activation, metrics=["accuracy"])
    fitted.fit(images[..., None], masks)
    assert fitted.predict(images[..., None]).shape == masks.shape
    assert fitted.predict_proba(images[..., None]).shape == (*masks.shape, 2)
    assert fitted.score(images[..., None], masks) > 0.7
    assert fitted.training_path_ == ORDINARY_PATH


# --------------------------------------------------------------------------------- errors


def test_two_readings_of_labels_are_an_error_that_names_both(images):
    one_hot = np.eye(3, dtype=int)[np.digitize(images.sum(axis=2), [0.5, 2.5])]

    def build():
        return keras.Sequential([keras.Input((8, 8)), keras.layers.Dense(3, "softmax")])

    with pytest.raises(ValueError, match=r"ambiguous.*argmax\(axis=-1\).*\(None, 8, 3, 1\)"):
        classifier(build).fit(images, one_hot)


def test_a_wrong_number_of_classes_or_positions_is_named(images, tags):
    def build(classes=4, length=8):
        inputs = keras.Input((8, 8))
        cut = inputs[:, :length]
        return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(cut))

    with pytest.raises(ValueError, match="4 units .* of 3 classes at each of 8 positions"):
        classifier(build).fit(images, tags)
    with pytest.raises(ValueError, match="needs 8"):
        classifier(build, length=5, classes=3).fit(images, tags)
    with pytest.raises(ValueError, match=r"4 units .* of values of shape \(8, 8\) in each row"):
        regressor(lambda meta: to_sequences({**meta, "y_shape_": (4,)})).fit(images, images)


def test_weights_that_do_not_fit_are_refused(images, tags):
    with pytest.raises(ValueError, match=r"must be 1-dimensional or have the first axes of y"):
        classifier().fit(images, tags, sample_weight=np.ones((120, 5)))
    columns = images.sum(axis=2)

    def flat():
        return keras.Sequential(
            [keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(8)]
        )

    with pytest.raises(ValueError, match=r"weights have rows of shape \(8,\), but .* 8 values"):
        regressor(flat).fit(images, columns, sample_weight=np.ones((120, 8)))


def test_labels_that_were_not_seen_are_named(images, tags, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="y has classes .*'new'.* not fitted on"):
        copy.partial_fit(images, np.where(tags == "none", "new", tags))
