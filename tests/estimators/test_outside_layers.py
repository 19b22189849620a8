"""Layers that were made outside a model-building function are templates of each fit's copies."""

from __future__ import annotations

import functools
import pickle
import random

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed
from keras import layers
from sklearn.base import clone

from kerasearch import KerasClassifier, training
from tests.backends import ORDINARY_PATH, with_log
from tests.slow import long_but


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4)).astype("float32")
    return X, (X[:, 0] > 0).astype(int)


def quick(model, **params):
    return KerasClassifier(model, **{"epochs": 2, "random_state": 0, **params})


def head(inputs, outputs):
    return keras.Model(inputs, layers.Dense(1, "sigmoid", name="head")(outputs))


def on_top(layer):
    def build(meta):
        inputs = keras.Input((4,))
        return head(inputs, layer(inputs))

    return build


def encoder():
    """A built model with all kinds of state, a Lambda and an operation that is no layer."""
    inputs = keras.Input((4,))
    hidden = layers.BatchNormalization()(layers.Dense(3, activation="tanh")(inputs))
    hidden = layers.Lambda(lambda x: x + 1.0)(layers.Dropout(0.3)(hidden))
    return keras.Model(inputs, hidden * 2.0, name="encoder")


GLOBAL = layers.Dense(3, name="global_layer")


def build_with_global(meta):
    inputs = keras.Input((4,))
    return head(inputs, GLOBAL(inputs))


class Builder:
    def __init__(self):
        self.base = encoder()

    def build(self, meta):
        inputs = keras.Input((4,))
        return head(inputs, self.base(inputs))


class Holder(layers.Layer):
    """A layer that keeps another one, in a list too."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.again = [(inner,)]

    def call(self, x):
        return self.inner(x) + self.again[0][0](x)


class TrainsItself(keras.Model):
    def train_step(self, *given):
        return with_log(super().train_step(*given), mine=1.0)


class Subclassed(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.parts = {"base": [base]}
        self.out = layers.Dense(1, activation="sigmoid")

    def call(self, x):
        return self.out(self.parts["base"][0](x))


def closure():
    base = encoder()
    return on_top(base), [base]


def of_attribute():
    builder = Builder()
    return builder.build, [builder.base]


def in_list():
    listed = [layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.4)]
    outputs = [layers.Dense(1, activation="sigmoid", name="head")]
    return lambda: keras.Sequential([keras.Input((4,)), *listed, *outputs]), [*listed, *outputs]


def in_partial():
    base = encoder()

    def build(held):
        inputs = keras.Input((4,))
        return head(inputs, held.args[0](inputs))

    return functools.partial(build, functools.partial(print, base)), [base]


def unbuilt():
    layer = keras.Sequential(
        [layers.Dense(3), layers.Dropout(0.3), layers.BatchNormalization(), layers.Dense(2)]
    )
    return on_top(layer), [layer]


def built_at_the_first_call():
    layer = layers.Dense(3)
    return lambda: keras.Sequential([layer, layers.Dense(1, activation="sigmoid")]), [layer]


def frozen():
    base = encoder()
    base.trainable = False
    return on_top(base), [base]


def batch_normalization():
    shared = layers.BatchNormalization()

    def build():
        inputs = keras.Input((4,))
        return head(inputs, layers.Concatenate()([shared(inputs), shared(-inputs)]))

    return build, [shared]


def head_on_output():
    base = encoder()
    return lambda: head(base.input, base.output), [base]


def tensors():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3)(inputs)
    return lambda: head(inputs, layers.ReLU()(hidden) + 1.0), [hidden._keras_history.operation]


def wrapped():
    inner = layers.Dense(3)

    def build():
        inputs = keras.Input((4,))
        steps = layers.TimeDistributed(inner)(layers.Reshape((4, 1))(inputs))
        return head(inputs, layers.Flatten()(steps))

    return build, [inner]


def held_by_a_layer():
    inner = layers.Dense(3)
    return lambda: on_top(Holder(inner))({}), [inner]


def inside_models():
    base = encoder()

    def build():
        inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), base])
        return keras.Sequential([keras.Input((4,)), inner, layers.Dense(1, activation="sigmoid")])

    return build, [base]


def recurrent():
    layer = layers.Bidirectional(layers.LSTM(2))
    attention = layers.MultiHeadAttention(1, 2)

    def build():
        inputs = keras.Input((4,))
        steps = layers.Reshape((4, 1))(inputs)
        return head(inputs, layer(attention(steps, steps)))

    return build, [layer, attention]


def whole_model():
    base = encoder()
    model = head(base.input, base.output)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return lambda: model, [model]


def whole_subclassed_model():
    model = Subclassed(encoder())
    model(np.zeros((1, 4)))
    return lambda: model, [model]


KINDS = [
    closure,
    lambda: (build_with_global, [GLOBAL]),
    of_attribute,
    in_list,
    in_partial,
    unbuilt,
    built_at_the_first_call,
    frozen,
    batch_normalization,
    head_on_output,
    tensors,
    wrapped,
    held_by_a_layer,
    inside_models,
    recurrent,
    whole_model,
    whole_subclassed_model,
]
KINDS = {getattr(kind, "__name__").replace("<lambda>", "global"): kind for kind in KINDS}  # noqa: B009
FAST = ["closure", "global", "in_list", "unbuilt", "frozen", "batch_normalization", "wrapped"]


def parts(outer):
    """All layers in some."""
    return [part for layer in outer for part in layer._flatten_layers()]


def described(outer):
    """What must not change of layers from outside."""
    return [
        (
            layer.name,
            layer.built,
            layer.trainable,
            [variable.trainable for variable in layer.variables],
            getattr(layer, "rate", None),
            len(layer._inbound_nodes),
            len(layer._outbound_nodes),
            [keras.ops.convert_to_numpy(v).tolist() for v in layer.variables],
        )
        for layer in parts(outer)
    ]


@pytest.mark.parametrize("kind", long_but(KINDS, *FAST))
def test_each_fit_trains_copies_of_outer_layers_and_leaves_them_alone(data, kind):
    builder, outer = KINDS[kind]()
    before = described(outer)
    training.clear_programs()
    first = quick(builder).fit(*data)
    predicted = first.predict_proba(data[0])
    second = quick(builder).fit(*data)
    np.testing.assert_array_equal(second.predict_proba(data[0]), predicted)
    quick(builder, random_state=1).fit(*data)
    np.testing.assert_array_equal(first.predict_proba(data[0]), predicted)
    assert described(outer) == before
    own = {id(variable) for variable in first.model_.variables}
    assert not own & {id(v) for layer in parts(outer) for v in layer.variables}
    assert first.training_path_ == ORDINARY_PATH
    assert training.programs().misses <= 2  # one to train and one to predict, for all fits


@pytest.mark.parametrize("kind", ["closure", "head_on_output", "inside_models"])
def test_a_copy_starts_as_the_outer_layer_is(data, kind):
    builder, (base,) = KINDS[kind]()
    model = quick(builder).initialize(*data).model_
    copies = {layer.name: layer for layer in model._flatten_layers()}
    for layer in base.layers:
        copy = copies[layer.name]
        assert copy is not layer
        assert type(copy) is type(layer)
        for mine, theirs in zip(copy.variables, layer.variables, strict=True):
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    if kind == "closure":
        np.testing.assert_array_equal(copies["encoder"](data[0]), base(data[0]))


def test_training_starts_from_the_weights_of_the_outer_layers(data):
    base = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="base")
    for _ in range(2):
        fitted = quick(on_top(base), optimizer__learning_rate=0.0).fit(*data)
        kernel = fitted.model_.get_layer("base").get_weights()[0]
        np.testing.assert_array_equal(kernel, base.get_weights()[0])
        base.set_weights([2 * weight for weight in base.get_weights()])


def test_an_unbuilt_outer_layer_starts_from_the_seed_of_the_fit(data):
    layer = layers.Dense(3, name="outer")
    kernels = [
        quick(on_top(layer), random_state=seed).initialize(*data).model_.get_layer("outer").kernel
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])
    assert not layer.built
    assert not layer.variables


def test_copies_have_the_trainable_flag_of_the_moment(data):
    base = encoder()

    def build(meta, tune):
        base.trainable = tune
        return on_top(base)(meta)

    changed = {}
    for tune in (False, True):
        fitted = quick(build, tune=tune).fit(*data)
        assert fitted.model_.get_layer("encoder").trainable is tune
        kernel = fitted.model_.get_layer("encoder").layers[1].kernel
        changed[tune] = not np.array_equal(kernel, base.layers[1].kernel)
    assert changed == {False: False, True: True}


def freezes_closure():
    base = encoder()

    def build(meta, freeze):
        if freeze:
            base.trainable = False
        return on_top(base)(meta)

    return build, base


def freezes_in_a_helper():
    bases = {"encoder": encoder()}

    def made(freeze):
        if freeze:
            bases["encoder"].layers[1].trainable = False
        return bases["encoder"]

    return (lambda freeze: on_top(made(freeze))(None)), bases["encoder"]


def freezes_object():
    class Freezing:
        def __init__(self):
            self.bases = [encoder()]

        def __call__(self, freeze):
            if freeze:
                self.bases[0].layers[1].kernel.trainable = False
                self.bases[0].layers[-2].rate = 0.0
            return on_top(self.bases[0])(None)

    builder = Freezing()
    return builder, builder.bases[0]


def freezes_argument():
    base = encoder()

    def build(layer, freeze):
        layer.trainable = not freeze and layer.trainable
        return on_top(layer)(None)

    return functools.partial(build, base), base


def freezes_after_the_call():
    base = encoder()

    def build(freeze):
        model = on_top(base)(None)
        base.trainable = not freeze
        return model

    return build, base


@pytest.mark.parametrize(
    "make",
    [
        freezes_closure,
        freezes_in_a_helper,
        freezes_object,
        freezes_argument,
        freezes_after_the_call,
    ],
)
def test_what_a_builder_sets_on_an_outer_layer_is_for_its_fit_alone(data, make):
    builder, base = make()
    before = described([base])

    def kernel(freeze):
        fitted = quick(builder, freeze=freeze).fit(*data)
        return np.asarray(fitted.model_.get_layer("encoder").layers[1].kernel)

    tuned = kernel(False)
    frozen = kernel(True)
    np.testing.assert_array_equal(frozen, base.layers[1].kernel)
    assert described([base]) == before
    np.testing.assert_array_equal(kernel(False), tuned)
    assert not np.array_equal(tuned, frozen)


def test_fits_in_threads_equal_fits_in_turn(data):
    builder, outer = closure()
    before = described(outer)
    seeds = [0, 1, 2]

    def predicted(seed):
        return quick(builder, random_state=seed).fit(*data).predict_proba(data[0])

    together = Parallel(n_jobs=2, backend="threading")(delayed(predicted)(seed) for seed in seeds)
    np.testing.assert_array_equal(together, [predicted(seed) for seed in seeds])
    assert described(outer) == before


@pytest.mark.slow
def test_layers_that_other_threads_make_meanwhile_are_no_matter(data):
    base = encoder()

    def build(meta):
        Parallel(n_jobs=1, backend="threading")(delayed(layers.Dense)(2) for _ in range(2))
        return on_top(base)(meta)

    first, second = (quick(build).fit(*data).predict_proba(data[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_model_keeps_its_class_attributes_and_compile_settings(data):
    base = encoder()

    def build():
        inputs = keras.Input((4,))
        model = TrainsItself(inputs, layers.Dense(1, "sigmoid")(base(inputs)))
        model.alpha = 3
        model.compile(keras.optimizers.SGD(0.25), "binary_crossentropy", metrics=["accuracy"])
        return model

    fitted = quick(build).fit(*data)
    assert type(fitted.model_) is TrainsItself
    assert fitted.model_.alpha == 3
    assert fitted.history_["mine"] == [1.0, 1.0]
    assert set(fitted.history_) == {"loss", "accuracy", "mine"}
    assert float(fitted.model_.optimizer.learning_rate) == 0.25


@pytest.mark.slow
def test_a_compiled_model_from_outside_keeps_its_settings(data):
    builder, (model,) = whole_model()
    fitted = quick(builder).fit(*data)
    assert set(fitted.history_) == {"loss", "accuracy"}
    assert type(fitted.model_.optimizer).__name__ == "SGD"
    assert fitted.model_.optimizer is not model.optimizer
    assert not model.optimizer.built


@pytest.mark.slow
def test_an_optimizer_that_the_builder_built_moves_the_copies(data):
    base = encoder()

    def build():
        model = on_top(base)({})
        model.compile("adam", "binary_crossentropy")
        model.optimizer.build(model.trainable_variables)
        return model

    fitted = quick(build).fit(*data)
    kernel = fitted.model_.get_layer("encoder").layers[1].kernel
    assert not np.array_equal(kernel, base.layers[1].kernel)


def test_a_layer_used_twice_stays_one_layer(data):
    shared = layers.Dense(4, name="shared")

    def build():
        inputs = keras.Input((4,))
        return head(inputs, layers.Add()([shared(inputs), shared(shared(inputs))]))

    model = quick(build).fit(*data).model_
    assert [layer.name for layer in model.layers].count("shared") == 1
    assert len(model.weights) == 4


@pytest.mark.parametrize("make", [Subclassed, lambda base: keras.Sequential([Subclassed(base)])])
def test_a_subclassed_model_around_an_outer_layer_is_an_error_that_says_the_way_out(data, make):
    base = layers.Dense(3, name="outer")
    with pytest.raises(ValueError, match="Subclassed, a subclass .*'outer'.*outside.*an argument"):
        quick(lambda: make(base)).fit(*data)
    fitted = quick(lambda base: Subclassed(base), base=base).fit(*data)
    assert fitted.model_.parts["base"][0] is not base


def test_a_layer_that_a_builder_keeps_from_its_first_call_is_an_error(data):
    kept = []

    def build():
        kept.append(layers.Dense(3, name="kept"))
        return on_top(kept[0])({})

    quick(build).fit(*data)
    with pytest.raises(ValueError, match="a layer that an earlier fit has trained, 'kept'"):
        quick(build).fit(*data)


@pytest.mark.slow
def test_layers_of_a_fitted_model_are_templates_for_another_builder(data):
    fitted = quick(on_top(layers.Dense(3, name="base"))).fit(*data)
    base = fitted.model_.get_layer("base")
    before = base.get_weights()
    again = quick(lambda: on_top(base)({})).fit(*data)
    np.testing.assert_array_equal(base.get_weights()[0], before[0])
    assert again.model_.get_layer("base") is not base


def test_a_builder_without_outer_layers_gets_its_own_model_back(data):
    made = []

    def build():
        made.append(on_top(encoder())({}))
        return made[-1]

    fitted = quick(build).fit(*data)
    assert fitted.model_ is made[-1]
    assert fitted.model_.layers[1]._inbound_nodes[0].operation is fitted.model_.layers[1]


def test_a_fit_with_outer_layers_pickles(data):
    fitted = quick(build_with_global).fit(*data)
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict_proba(data[0]), fitted.predict_proba(data[0]))


# ------------------------------------------------------------------------------ names


def plain_encoder(*names):
    inputs = keras.Input((4,), name="input_layer")
    hidden = inputs
    for name in names:
        hidden = layers.Dense(3, name=name)(hidden)
    return keras.Model(inputs, hidden, name="functional")


ENCODER = plain_encoder("dense", "dense_1", "dense_3")


def clone_and_head(meta):
    output = layers.Dense(1, activation="sigmoid")
    base = keras.models.clone_model(ENCODER)
    return keras.Model(base.input, output(base.output))


def head_on_global(meta):
    hidden = layers.Dense(3, activation="tanh")(ENCODER.output)
    return keras.Model(ENCODER.input, layers.Dense(1, activation="sigmoid")(hidden))


def head_on_argument(meta, base):
    return keras.Model(base.input, layers.Dense(1, activation="sigmoid")(base.output))


def listed(meta, listed):
    return keras.Sequential([keras.Input((4,)), *listed, layers.Dense(1, activation="sigmoid")])


def listed_last(meta, listed):
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    for layer in [*listed, output]:
        model.add(layer)
    return model


@pytest.mark.parametrize(
    ("builder", "arguments", "expected"),
    [
        (clone_and_head, {}, ["dense", "dense_1", "dense_3", "dense_2"]),
        (head_on_global, {}, ["dense", "dense_1", "dense_3", "dense_2", "dense_4"]),
        (head_on_argument, {"base": ENCODER}, ["dense", "dense_1", "dense_3", "dense_2"]),
        (listed, {"listed": ["dense", "dense_2"]}, ["dense", "dense_2", "dense_1"]),
        (listed_last, {"listed": ["dense"]}, ["dense_2", "dense", "dense_1"]),
        (head_on_argument, {"base": plain_encoder("other")}, ["other", "dense"]),
    ],
)
def test_automatic_names_skip_those_of_outer_layers_in_the_same_model(
    data, builder, arguments, expected
):
    if "listed" in arguments:
        arguments = {"listed": [layers.Dense(2, name=name) for name in arguments["listed"]]}
    fitted = quick(builder, **arguments).initialize(*data)
    names = [layer.name for layer in fitted.model_.layers if isinstance(layer, layers.Dense)]
    assert names == expected


def test_names_of_the_user_that_clash_stay_an_error(data):
    def build():
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(1, name="a")(layers.Dense(1, name="a")(inputs)))

    with pytest.raises(ValueError, match='The name "a" is used 2 times'):
        quick(build).fit(*data)


class NoConfig(layers.Layer):
    """A layer that cannot be made from its configuration, with state of its own and a function."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.inner = layers.Dense(3)

    def call(self, x):
        return self.inner(x) * self.factor


def nested_without_config():
    return keras.Sequential([keras.Input((4,)), NoConfig(2.0), layers.BatchNormalization()])


@pytest.mark.parametrize(
    "make",
    [lambda: NoConfig(2.0), nested_without_config, lambda: Subclassed(layers.Dense(3))],
    ids=["layer", "model", "subclassed"],
)
def test_an_argument_that_has_no_configuration_is_a_template_too(data, make):
    given = make()
    if isinstance(given, keras.Model):
        given(data[0])  # builds it
    weights = [w.copy() for w in given.get_weights()]

    def build(base):
        return keras.Sequential([keras.Input((4,)), base, layers.Dense(1, "sigmoid")])

    estimator = clone(quick(build, model__base=given))
    first, second = (clone(estimator).fit(*data) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(data[0]), second.predict_proba(data[0]))
    assert estimator.get_params()["model__base"] is given
    assert given.built == bool(weights)
    assert all(map(np.array_equal, weights, given.get_weights()))
    assert not {id(v) for v in first.model_.variables} & {id(v) for v in given.variables}


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: [layer], lambda x: {"a": x}])
def test_a_clone_has_the_layers_it_was_given_and_draws_nothing(wrap):
    """Keras draws seeds from Python's generator, which a fit in another thread may have seeded."""
    given = layers.Dense(3)
    estimator = quick(build_with_global, model__layers=wrap(given))
    before = random.getstate()
    value = clone(estimator).get_params()["model__layers"]
    assert random.getstate() == before
    assert keras.tree.flatten(value)[0] is given


class CallsGlobal(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.function = lambda x: base(x)  # which hides the layer from Keras
        self.out = layers.Dense(1, activation="sigmoid")

    def call(self, x):
        return self.out(self.function(x))


def in_lambda(base):
    outputs = [layers.Lambda(lambda x: base(x)), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((4,)), *outputs])


def moving_averages():
    return layers.BatchNormalization(center=False, scale=False)


@pytest.mark.parametrize("make", [CallsGlobal, in_lambda])
@pytest.mark.parametrize(
    "base",
    [
        encoder,
        lambda: layers.Dense(3),
        lambda: layers.BatchNormalization(center=False, scale=False),
    ],
    ids=["model", "unbuilt", "moving_averages"],
)
def test_an_outer_layer_that_only_the_code_of_another_calls_is_an_error(data, make, base):
    outer = base()
    built = outer.built
    with pytest.raises(ValueError, match=f"calls the layer '{outer.name}', which was made outside"):
        quick(lambda: make(outer)).fit(*data)
    assert outer.built == built


@pytest.mark.parametrize("make", [CallsGlobal, in_lambda])
def test_code_may_call_an_outer_layer_that_is_frozen(data, make):
    frozen = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    frozen.trainable = False
    weights = [w.copy() for w in frozen.get_weights()]
    first, second = (quick(lambda: make(frozen)).fit(*data) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(data[0]), second.predict_proba(data[0]))
    assert all(map(np.array_equal, weights, frozen.get_weights()))


class HoldsLate(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.function = lambda: base
        self.out = layers.Dense(1, activation="sigmoid")

    def build(self, shape):
        self.base = self.function()
        self.base.build(shape)
        self.out.build(self.base.compute_output_shape(shape))

    def call(self, x):
        return self.out(self.base(x))


def test_an_outer_layer_that_a_model_takes_when_it_is_built_is_an_error(data):
    outer = layers.Dense(3)
    with pytest.raises(ValueError, match="a subclass of keras.Model, has the layer"):
        quick(lambda: HoldsLate(outer)).fit(*data)
