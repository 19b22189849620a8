"""What the package uses of Keras' and TensorFlow's insides is there, and does what we rely on.

A test that fails here says what has changed and which module of the package to adapt to it.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import io
import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasearch
from kerasearch.training import data

from . import zoo

PACKAGE = Path(kerasearch.__file__).parent
PRIVATE = ("keras.src", "tensorflow.python")


def private_imports():
    """The modules of the package that import each private name."""
    users = collections.defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.Attribute):  # keras.src.module.name
                names = [ast.unparse(node)]
            for name in names:
                if name.startswith(tuple(f"{root}." for root in PRIVATE)):
                    users[name].append(f"kerasearch/{path.relative_to(PACKAGE)}")
    return {name: sorted(set(paths)) for name, paths in users.items()}


USERS = private_imports()
WATCHED = set()


@contextlib.contextmanager
def relied_on(what, *modules):
    """Turn whatever goes wrong into a message that says what has changed and what to adapt."""
    try:
        yield
    except Exception as error:
        library = "TensorFlow" if what.startswith("tensorflow") else "Keras"
        detail = f"{type(error).__name__}: {error}".splitlines()[0]
        pytest.fail(f"{library} changed {what}: adapt {', '.join(modules)} ({detail})")


def canary(name):
    """A test of a private name that the package imports."""
    WATCHED.add(name)

    def decorate(check):
        def test():
            with relied_on(name, *USERS.get(name, ["nothing; this test can go"])):
                check()

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


def test_every_private_name_that_is_imported_has_a_canary():
    assert USERS, "no private import was found: the search for them is broken"
    assert set(USERS) == WATCHED


# ------------------------------------------------------------------ imports from keras.src


@canary("keras.src.backend.common.global_state")
def test_global_state_holds_seeds_names_policies_and_scopes():
    from keras.src.backend.common import global_state

    get, put = global_state.get_global_attribute, global_state.set_global_attribute
    kept = {n: get(n) for n in ("global_random_seed", "global_seed_generator", "object_name_uids")}
    policy = get("dtype_policy")
    try:
        keras.utils.set_random_seed(3)
        assert get("global_random_seed") == 3
        put("global_seed_generator", None)  # which Keras 3.10 does not do by itself
        keras.random.normal((1,))
        assert get("global_seed_generator") is not None

        put("object_name_uids", collections.defaultdict(int))
        assert [keras.layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]

        keras.config.set_dtype_policy("mixed_bfloat16")
        assert get("dtype_policy").name == "mixed_bfloat16"
        assert get("no such attribute") is None
        with keras.name_scope("a"), autocast("bfloat16"):
            assert get("autocast_scope") is not None
        assert get("autocast_scope") is None
    finally:
        for name, value in {**kept, "dtype_policy": policy}.items():
            put(name, value)


@canary("keras.src.backend.common.stateless_scope.StatelessScope")
def test_what_is_assigned_in_a_stateless_scope_stays_there():
    from keras.src.backend.common.stateless_scope import StatelessScope

    first, second = keras.Variable(1.0), keras.Variable(2.0)
    with StatelessScope() as scope:
        first.assign(5.0)
    assert float(scope.get_current_value(first)) == 5.0
    assert scope.get_current_value(second) is None
    assert float(first.value) == 1.0


def autocast(dtype):
    from keras.src import backend

    return backend.AutocastScope(dtype)


@canary("keras.src.ops.node.Node")
def test_a_graph_is_of_nodes_with_operation_arguments_and_outputs():
    from keras.src.ops.node import Node

    model = zoo.small()
    (node, *_) = model.layers[-1]._inbound_nodes
    assert isinstance(node, Node)
    assert node.operation is model.layers[-1]
    assert isinstance(node.arguments.args, tuple)
    assert isinstance(node.arguments.kwargs, dict)
    assert isinstance(node.outputs[0], keras.KerasTensor)


@canary("keras.src.models.functional.Functional")
def test_functional_models_are_functional_and_sequential_ones_wrap_one():
    from keras.src.models.functional import Functional

    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    assert isinstance(model, Functional)
    assert type(model).call is Functional.call
    assert isinstance(model._outputs_struct, keras.KerasTensor)
    assert model.output_names == [model.layers[-1].name]
    assert isinstance(zoo.small()._functional, Functional)


@canary("keras.src.utils.naming")
def test_automatic_names_are_the_class_names_in_snake_case():
    from keras.src.utils import naming

    assert naming.to_snake_case("BatchNormalization") == "batch_normalization"
    assert naming.to_snake_case("LSTM") == "lstm"
    for layer in (keras.layers.LSTM(3), keras.layers.BatchNormalization()):
        name = naming.to_snake_case(type(layer).__name__)
        assert layer.name.removeprefix(name).lstrip("_").isdecimal() or layer.name == name


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@canary("keras.src.saving.saving_lib")
def test_models_are_saved_to_and_loaded_from_open_files():
    from keras.src.saving import saving_lib

    file, model = io.BytesIO(), zoo.small()
    saving_lib.save_model(model, file)
    loaded = saving_lib.load_model(io.BytesIO(file.getvalue()), custom_objects={}, safe_mode=False)
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@canary("keras.src.trainers.data_adapters.data_adapter_utils")
def test_class_weights_become_weights_of_rows():
    from keras.src.trainers.data_adapters import data_adapter_utils

    to_weights = data_adapter_utils.class_weight_to_sample_weights
    labels = np.array([0, 2, 1])
    weights = {0: 3.0, 1: 0.5}  # a class that is not named weighs 1
    np.testing.assert_array_equal(to_weights(labels, weights), [3.0, 1.0, 0.5])
    np.testing.assert_array_equal(to_weights(np.eye(3)[labels], weights), [3.0, 1.0, 0.5])


# ------------------------------------------------------------------ imports from TensorFlow


@canary("tensorflow.python.framework.config.is_op_determinism_enabled")
def test_determinism_can_be_asked_for():
    from tensorflow.python.framework.config import is_op_determinism_enabled

    assert is_op_determinism_enabled() is False


@canary("tensorflow.python.framework.op_def_registry")
def test_operations_tell_whether_they_are_stateful():
    from tensorflow.python.framework import op_def_registry

    kinds = ("RandomUniform", "ReadVariableOp", "MatMul", "StatelessRandomUniformV2")
    stateful = [op_def_registry.get(kind).is_stateful for kind in kinds]
    assert stateful == [True, True, False, False]
    assert op_def_registry.get("NoSuchOperation") is None


@canary("tensorflow.python.ops.random_ops_util")
def test_stateless_draws_ask_one_function_for_their_keys():
    from tensorflow.python.ops import random_ops_util, stateless_random_ops

    assert stateless_random_ops.random_ops_util is random_ops_util
    key, counter, _ = random_ops_util.get_key_counter_alg(tf.constant([1, 2]), "auto_select")
    assert (key.dtype, counter.dtype) == (tf.uint64, tf.uint64)


@canary("tensorflow.python.eager.context")
def test_the_context_holds_the_seed_and_frees_kernels():
    from tensorflow.python.eager import context

    now = context.context()
    kept = {name: getattr(now, name) for name in ("_seed", "_rng") if hasattr(now, name)}
    try:
        tf.random.set_seed(11)
        assert now._seed == 11
        assert isinstance(now._rng, random.Random)
        now._seed, now._rng = 12, random.Random(12)
        first = tf.random.normal((2,)).numpy()
        now._seed, now._rng = 12, random.Random(12)
        now.clear_kernel_cache()
        np.testing.assert_array_equal(tf.random.normal((2,)).numpy(), first)
    finally:
        vars(now).pop("_rng", None)
        for name, value in kept.items():
            setattr(now, name, value)


# ------------------------------------------------------------------ private attributes


def test_a_symbolic_build_makes_all_variables_without_training():
    modules = ("kerasearch/training/preparation.py", "kerasearch/training/program_cache.py")
    with relied_on("the building of models, loss and metrics", *modules):
        x, y = zoo.arrays("dense")
        model = keras.Sequential([keras.layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        assert [layer.built for layer in model._flatten_layers()][-1] is False
        model._symbolic_build(data_batch=(x[:2].astype("float32"), y[:2]))
        assert all(layer.built for layer in model._flatten_layers())
        assert model._compile_loss.built
        assert model._compile_metrics.built
        assert model.optimizer.built
        assert model.optimizer.iterations == 0
        assert model._loss_tracker in model.metrics
        tracker = model._loss_tracker
        model.compile("adam", "sparse_categorical_crossentropy")
        assert model._loss_tracker is not tracker


def test_loss_and_metrics_build_from_shapes_alone():
    with relied_on("what loss and metrics are built from", "kerasearch/training/preparation.py"):
        model = zoo.small()
        output = model._functional._outputs_struct
        target = keras.KerasTensor((2,), "int64")
        for part in (model._compile_loss, model._compile_metrics):
            assert not part.built
            part.build(target, output)
            assert part.built
        assert len(model.metrics_variables) > 0


def test_the_loop_of_epochs_has_the_parts_that_ours_uses():
    with relied_on("the parts of its training loop", "kerasearch/training/compiled_loop.py"):
        model = zoo.small()
        assert model._initial_epoch is None or model._initial_epoch == 0
        assert [model._should_eval(e, 2) for e in range(4)] == [False, True, False, True]
        assert [model._should_eval(e, [1, 4]) for e in range(4)] == [True, False, False, True]
        params = {"verbose": 1, "epochs": 1, "steps": 1}
        events = keras.callbacks.CallbackList([], add_progbar=True, model=model, **params)
        assert isinstance(events._progbar, keras.callbacks.ProgbarLogger)


def test_logs_of_a_step_are_turned_into_those_of_an_epoch():
    module = "kerasearch/training/tensorflow_backend.py"
    with relied_on("how logs become those of an epoch", module):
        model = zoo.small()
        model._symbolic_build(data_batch=data.head(data.as_keras_takes_them(*zoo.arrays("dense"))))
        metrics = model.get_metrics_result()
        assert model._get_metrics_result_or_logs({"mine": 1.0}) == {"mine": 1.0}
        same_names = model._get_metrics_result_or_logs(dict.fromkeys(metrics, 7.0))
        assert same_names.keys() == metrics.keys()


@pytest.mark.tensorflow("its variables and functions")
def test_the_sum_over_replicas_is_a_method_of_the_optimizer_and_the_identity():
    module = "kerasearch/training/tensorflow_memory.py"
    with relied_on("the sum of gradients over replicas", module):
        optimizer = keras.optimizers.Adam()
        pairs = [(tf.constant(1.0), keras.Variable(1.0))]
        ((gradient, _),) = optimizer._all_reduce_sum_gradients(pairs)
        assert float(gradient) == 1.0
        scaled = keras.optimizers.LossScaleOptimizer(optimizer)
        assert scaled.inner_optimizer is optimizer


@pytest.mark.tensorflow("its variables and functions")
def test_a_keras_variable_has_its_handle_and_tells_whether_it_is_cast():
    modules = ("kerasearch/training/tensorflow_program.py", "kerasearch/training/content.py")
    with relied_on("what is behind a variable", *modules):
        variable = keras.Variable(1.0)
        assert variable._value.handle.dtype == tf.resource
        assert variable._autocast is True


def test_a_layer_gives_its_losses_up():
    with relied_on("how losses are cleared", "kerasearch/training/tensorflow_program.py"):
        model = keras.Sequential([keras.Input((3,)), keras.layers.ActivityRegularization(0.1)])
        model(np.ones((2, 3), "float32"))
        assert model.losses
        model._clear_losses()
        assert not model.losses


@pytest.mark.tensorflow("its variables and functions")
def test_a_traced_function_runs_on_other_variables_than_those_of_its_trace():
    module = "kerasearch/training/tensorflow_program.py"
    with relied_on("tensorflow's concrete functions", module):
        one, other = tf.Variable(2.0), tf.Variable(5.0)
        function = tf.function(lambda x: [x * one], autograph=False)
        traced = function.get_concrete_function(tf.TensorSpec((), tf.float32))
        assert [capture is one.handle for capture in traced.captured_inputs] == [True]
        inner = traced._inference_function
        assert list(inner.children) == []
        assert inner._cached_graph is None or inner._cached_graph is not False
        inner._cached_graph = None
        (result,) = inner.call_flat(tf.constant(3.0), other.handle)
        assert float(result) == 15.0


def test_models_and_callbacks_tell_what_the_compiled_loop_cannot_do():
    modules = ("kerasearch/training/eligibility.py", "kerasearch/training/keras_loop.py")
    with relied_on("what tells of strategies, profiling and limits", *modules):
        assert getattr(zoo.small(), "_distribute_strategy", None) is None  # TensorFlow has it
        assert keras.callbacks.TensorBoard(profile_batch=0)._should_trace is False
        profiles = keras.callbacks.TensorBoard(profile_batch=(1, 2))._should_trace
        assert profiles is (keras.backend.backend() == "tensorflow")  # the one Keras profiles
        assert keras.config.max_epochs() is None
        assert keras.config.max_steps_per_epoch() is None
        for event in ("on_batch_begin", "on_train_batch_end", "on_test_batch_begin"):
            default = getattr(keras.callbacks.Callback, event)
            assert getattr(keras.callbacks.History(), event).__func__ is default


def test_optimizers_keep_what_is_not_decayed_and_their_schedule():
    modules = ("kerasearch/training/keras_bookkeeping.py", "kerasearch/training/serialization.py")
    with relied_on("what an optimizer keeps", *modules):
        optimizer = keras.optimizers.AdamW(0.01)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        assert optimizer._exclude_from_weight_decay_pattern
        schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
        assert keras.optimizers.SGD(schedule)._learning_rate is schedule


def test_new_layers_ask_for_the_scopes_that_recompute_and_used_ones_open_a_name_scope():
    from kerasearch.training.build_record import recorded

    class Own(keras.layers.Layer):
        def build(self, shape):
            self.inner = keras.layers.Dense(2, name="inner", dtype="float32")

        def call(self, x):
            return self.inner(x)

    with relied_on("what layers ask for", "kerasearch/training/build_record.py"):
        outer = keras.layers.Dense(3, name="outer", dtype="float32")
        seed = outer.kernel_initializer.seed
        with recorded(Own) as record:
            inputs = keras.Input((4,), name="input", dtype="float32")
            config = {**outer.get_config(), "name": "copy"}
            own, copy = Own(name="own"), keras.layers.Dense.from_config(config)
            model = keras.Model(inputs, own(copy(outer(inputs))), name="model")
            sequential = keras.Sequential([keras.layers.ReLU(name="relu")], name="sequential")
            assert outer.built
            assert outer.kernel_initializer.seed != seed
            for layer in (model, own, own.inner, copy, sequential, *sequential.layers):
                assert not record.is_outside(layer), layer.name
            assert not record.is_outside(inputs._keras_history.operation)
            assert record.is_outside(outer)
        assert not outer.built
        assert (outer.variables, outer._inbound_nodes) == ([], [])
        assert outer.kernel_initializer.seed == seed
        with keras.RematScope("full"), recorded(Own):
            assert keras.layers.Dense(1)._remat_mode.mode == "full"


def test_layers_are_made_of_what_a_copy_of_them_takes_over():
    module = "kerasearch/training/outer_layers.py"
    with relied_on("how layers, trackers and graphs keep what they hold", module):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
        layer = model.layers[0]
        for name, (_, stored) in layer._tracker.config.items():
            assert {id(item) for item in stored} == layer._tracker.stored_ids[name]
        assert layer._tracker.config["seed_generators"][1] is layer._seed_generators
        assert type(layer._tracker).__name__ == "Tracker"
        graph = model._functional
        (node,) = graph._nodes_by_depth[0]
        args, kwargs = node.arguments.convert(lambda value: value)
        assert args[0] is node.input_tensors[0]
        assert set(kwargs) <= {"training"}
        assert node in layer._inbound_nodes
        assert node in node.input_tensors[0]._keras_history.operation._outbound_nodes
        assert node.outputs[0]._keras_history.node_index == 0
        assert keras.layers.Dense(2).build.__wrapped__.__func__ is keras.layers.Dense.build


def test_names_that_clash_are_told():
    module = "kerasearch/training/seeds.py"
    with relied_on("the message about names that clash", module):
        from kerasearch.training.seeds import _names_that_clash

        inputs = keras.Input((3,), name="input")
        output = keras.layers.Dense(1, name="dense")(keras.layers.Dense(1, name="dense")(inputs))
        twice = [keras.layers.Dense(1, name=name) for name in ("relu", "dense", "dense")]
        for make, names in [
            (lambda: keras.Model(inputs, output), {"dense", "input"}),
            (lambda: keras.Sequential(twice), {"dense", "relu"}),
        ]:
            with pytest.raises(ValueError, match="unique") as error:
                make()
            assert _names_that_clash(error.value, {"dense"}) == names


def test_a_compiled_model_keeps_what_it_was_compiled_with():
    with relied_on("where the arguments of `compile` are", "kerasearch/estimators/pickling.py"):
        model, loss = zoo.small(), keras.losses.Huber()
        model.compile("sgd", loss, metrics=["mae"])
        config = model._compile_config.config
        assert isinstance(config["optimizer"], keras.optimizers.SGD)
        assert (config["loss"], config["metrics"]) == (loss, ["mae"])
        optimizer = keras.optimizers.SGD()
        optimizer.build(model.trainable_variables)
        assert [v is w for v, w in zip(optimizer._trainable_variables, model.weights, strict=True)]


def test_a_compiled_model_keeps_the_metrics_that_it_was_given():
    with relied_on("where the metrics of `compile` are", "kerasearch/training/serialization.py"):
        model = zoo.small()
        assert model._compile_metrics._user_metrics == ["accuracy"]
        assert model._compile_metrics._user_weighted_metrics is None
