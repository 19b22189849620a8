"""A fit with a seed has the same bits whatever other threads do, and leaves them alone."""

from __future__ import annotations

import contextlib
import pickle
import random
import threading
import time
import warnings
from random import choice as bound_choice
from random import random as bound_random

import keras
import numpy as np
import pytest
import tensorflow as tf
from joblib import parallel_config
from numpy.random import rand as bound_rand
from sklearn.model_selection import GridSearchCV
from sklearn.utils import check_random_state

from kerasearch import FitStore, KerasClassifier, training
from kerasearch.training.seeds import _tensorflow_context as tensorflow_context
from kerasearch.training.seeds import seeded
from tests.slow import long_but

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
X = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
y = np.arange(60) % 3

HOSTILE = {
    "draws from random": (lambda: random.random(), 0.0003),
    "draws from numpy.random": (lambda: np.random.rand(3), 0.0003),
    "draws by names bound before": (lambda: (bound_random(), bound_choice("ab")), 0.0003),
    "draws from NumPy's generator itself": (lambda: check_random_state(None).normal(), 0.0003),
    "seeds random and numpy.random": (lambda: (random.seed(1), np.random.seed(1)), 0.0005),
    "seeds all of Keras": (lambda: keras.utils.set_random_seed(7), 0.002),
    "seeds TensorFlow": (lambda: tf.random.set_seed(3), 0.002),
    "clears the session": (lambda: keras.utils.clear_session(free_memory=False), 0.002),
}


@contextlib.contextmanager
def beside(what):
    """Another thread does something again and again."""
    act, pause = HOSTILE[what]
    stop, errors = threading.Event(), []

    def loop():
        try:
            while not stop.is_set():
                act()
                time.sleep(pause)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not errors


def build(meta, units=4, dropout=0.0):
    hidden = [keras.layers.Dense(units), keras.layers.Dropout(dropout)]
    output = keras.layers.Dense(meta["n_classes_"], "softmax")
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), *hidden, output])


def backend_draw():
    """Draw from TensorFlow where it is Keras' backend: JAX has no generator of its own."""
    return float(tf.random.normal(()) if ON_TENSORFLOW else keras.random.normal(()))


def drawing(meta):
    """Draws in each of the ways itself, with time for other threads in between."""
    draws = [random.randint(0, 9), *np.random.rand(1), backend_draw()]
    time.sleep(0.005)
    draws += [random.gauss(0, 1), *np.random.randn(1), backend_draw()]
    time.sleep(0.005)
    draws += [bound_choice(range(9)), np.random.ranf(), float(keras.random.normal(()))]
    model = build(meta)
    model.layers[0].bias.assign(np.array(draws[:4], "float32") + np.array(draws[4:8]))
    model.layers[-1].bias.assign(np.full(3, draws[8], "float32"))
    return model


class EveryBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


NETS = {
    "default layers": {"hidden_layer_sizes": (4,)},
    "dropout": {"model": build, "model__dropout": 0.4},
    "a builder that draws": {"model": drawing},
    "Keras' own loop": {"model": build, "model__dropout": 0.4, "callbacks": EveryBatch()},
}


def fit(**settings):
    return KerasClassifier(epochs=2, random_state=0, **settings).fit(X, y)


def numbers(estimator):
    return [estimator.history_, estimator.predict_proba(X[:5]).tolist(), estimator.training_reason_]


@pytest.fixture(scope="module")
def quiet():
    return {net: numbers(fit(**settings)) for net, settings in NETS.items()}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("net", long_but(NETS, "a builder that draws"))
def test_a_fit_has_the_same_bits_beside_a_thread_that(what, net, quiet):
    with beside(what):
        found = [numbers(fit(**NETS[net])) for _ in range(2)]
    assert found == [quiet[net]] * 2


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("what", long_but(HOSTILE, "draws from numpy.random"))
def test_a_program_traced_beside_a_thread_that_is_shared_and_its_fit_stored(what):
    training.clear_programs()
    store = FitStore()
    with beside(what), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        first = fit(model=build, model__dropout=0.3, store=store)
        again = fit(model=build, model__dropout=0.3, store=store)
    assert first.training_reason_ == "shared program"
    assert (first.n_epochs_trained_, again.n_epochs_trained_) == (2, 0)
    training.clear_programs()
    assert numbers(fit(model=build, model__dropout=0.3)) == numbers(first)


@pytest.mark.long
@pytest.mark.slow
def test_a_mixed_precision_net_is_traced_alike_beside_a_thread_that_clears_the_session():
    def mixed(meta):
        make = keras.layers.Dense
        hidden = [make(4, dtype="mixed_bfloat16") for _ in range(2)]
        output = make(3, "softmax", dtype="float32")
        return keras.Sequential([keras.Input((6,)), *hidden, output])

    training.clear_programs()
    expected = numbers(fit(model=mixed))
    with beside("clears the session"):
        training.clear_programs()
        assert numbers(fit(model=mixed)) == expected


@pytest.mark.slow
def test_a_search_in_threads_is_the_one_in_a_loop_beside_a_hostile_thread():
    def search(n_jobs):
        network = KerasClassifier(build, epochs=1, random_state=0)
        grid = {"dropout": [0.0, 0.4]}
        done = GridSearchCV(network, grid, cv=2, n_jobs=n_jobs).fit(X, y)
        return done.cv_results_["mean_test_score"].tolist(), done.best_estimator_.history_

    expected = search(1)
    with parallel_config("threading"), beside("seeds all of Keras"):
        assert search(2) == expected


# ------------------------------------------------------------------ other threads are left alone


def in_another_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


DRAWS = {
    "random": lambda: [random.random(), random.gauss(0, 1), random.choice(range(99))],
    "numpy": lambda: [np.random.rand(), np.random.randn(), np.random.sample(), *np.random.bytes(2)],
    "a name bound before": lambda: [bound_choice(range(99)) for _ in range(3)],
    "keras": lambda: [
        float(keras.random.uniform(())),
        int(keras.ops.convert_to_numpy(keras.random.SeedGenerator().state)[0]),
    ],
}
if ON_TENSORFLOW:
    DRAWS["tensorflow"] = lambda: tf.random.uniform((2,)).numpy().tolist()


def seed_all():
    random.seed(5)
    np.random.seed(5)
    tf.random.set_seed(5)


@pytest.mark.parametrize("draw", [DRAWS[n] for n in DRAWS if n != "keras"], ids=lambda d: "")
def test_another_thread_draws_as_if_no_thread_were_seeded(draw):
    seed_all()
    expected = [draw(), draw(), draw()]
    seed_all()
    found = [draw()]
    with seeded(0):
        draw()
        found.append(in_another_thread(draw))
        with seeded(1):
            draw()
    found.append(draw())
    assert found == expected


def test_what_another_thread_seeds_meanwhile_stays_seeded():
    seed_all()
    expected = [draw() for name, draw in DRAWS.items() if name != "keras"]
    random.seed(9)
    with seeded(0):
        in_another_thread(seed_all)
        inside = random.random()
    assert [draw() for name, draw in DRAWS.items() if name != "keras"] == expected
    assert inside == random.Random(0).random()


@pytest.mark.parametrize("name", DRAWS)
def test_draws_of_a_seeded_thread_are_those_of_a_seeded_process(name):
    with seeded(3):
        inside = [DRAWS[name](), DRAWS[name]()]
        with seeded(4):
            deeper = DRAWS[name]()
        inside.append(DRAWS[name]())
    random.seed(3)
    np.random.seed(3)
    tf.random.set_seed(3)
    if name != "keras":
        assert inside == [DRAWS[name]() for _ in range(3)]
    with seeded(4):
        assert DRAWS[name]() == deeper


def test_a_seed_set_by_the_seeded_thread_is_its_own():
    random.seed(1)
    before = random.getstate()
    with seeded(0):
        keras.utils.set_random_seed(8)
        inside = random.random(), np.random.rand(), bound_rand()
        state = random.getstate()
        first = random.random()
        random.setstate(state)
        assert random.random() == first
    assert random.getstate() == before
    assert inside[0] == random.Random(8).random()
    assert inside[1] == inside[2] == np.random.RandomState(8).rand()


def test_draws_of_functions_that_tensorflow_runs_follow_from_the_seed():
    def draws():
        with seeded(0):
            rows = tf.data.Dataset.from_generator(
                lambda: ([np.random.rand(), random.random()] for _ in range(3)),
                output_signature=tf.TensorSpec((2,), tf.float64),
            )
            return [row.numpy().tolist() for row in rows]

    first = draws()
    assert draws() == first
    assert first[0] == [np.random.RandomState(0).rand(), random.Random(0).random()]


def test_nothing_is_left_in_the_modules_and_a_name_bound_meanwhile_goes_on():
    originals = random.random, random.seed, np.random.rand, np.random.seed
    generator, context = np.random.get_bit_generator(), type(tensorflow_context())
    with contextlib.suppress(RuntimeError), seeded(0):
        meanwhile, others = random.random, np.random.rand
        assert meanwhile is not originals[0]
        raise RuntimeError
    assert (random.random, random.seed, np.random.rand, np.random.seed) == originals
    assert vars(originals[0].__self__).keys() == {"gauss_next"}
    assert np.random.get_bit_generator() is generator
    assert type(tensorflow_context()) is context
    seed_all()
    drawn = meanwhile(), others()
    seed_all()
    assert drawn == (random.random(), np.random.rand())
    assert pickle.loads(pickle.dumps(meanwhile)) is not None
