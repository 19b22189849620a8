"""Random numbers on JAX are compiled in another way, and keep their bits."""

import threading

import keras
import numpy as np
import pytest

if keras.backend.backend() != "jax":
    pytest.skip("is about JAX", allow_module_level=True)

import jax

from kerasearch.training import build
from kerasearch.training.jax_random import quickly_compiled

SHAPES = [(1,), (7,), (64, 64), (65, 17), (3, 3, 2, 5), (33, 12), (1000, 3)]
DRAWS = {
    "uniform": lambda key, shape: jax.random.uniform(key, shape, minval=-0.1, maxval=0.1),
    "normal": jax.random.normal,
    "truncated_normal": lambda key, shape: jax.random.truncated_normal(key, -2, 2, shape),
    "bernoulli": lambda key, shape: jax.random.bernoulli(key, 0.3, shape),
    "randint": lambda key, shape: jax.random.randint(key, shape, 0, 10),
    "bits of 8": lambda key, shape: jax.random.bits(key, shape, "uint8"),
    "split": lambda key, shape: jax.random.split(key, shape[0]),
    "gumbel": jax.random.gumbel,
}


def drawn(function, shape):
    """The numbers, from a function that no cache has."""
    compiled = jax.jit(lambda key: function(key, shape))
    return np.asarray(compiled(jax.numpy.array([3, 4], dtype="uint32")))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_draws_have_the_same_bits_as_with_jax_own_rounds(name, shape):
    expected = drawn(DRAWS[name], shape)
    with quickly_compiled():
        found = drawn(DRAWS[name], shape)
    np.testing.assert_array_equal(found, expected)


def lowered():
    """What XLA is given for random bits."""
    return jax.jit(lambda key: jax.random.bits(key, (5,))).lower(jax.random.PRNGKey(0)).as_text()


def test_only_the_thread_that_asks_for_it_compiles_them_so():
    with_a_loop = lowered()
    assert "while" in with_a_loop
    others = []
    with quickly_compiled():
        thread = threading.Thread(target=lambda: others.append(lowered()))
        thread.start()
        thread.join()
        with quickly_compiled():
            assert "while" not in lowered()
        assert "while" not in lowered()
    assert others == [with_a_loop]
    assert lowered() == with_a_loop


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "orthogonal"])
def test_weights_begin_with_the_values_that_keras_gives_them(initializer):
    def builder():
        layer = keras.layers.Dense(19, kernel_initializer=initializer)
        return keras.Sequential([keras.Input((23,)), layer])

    weights = build(builder, seed=5).get_weights()
    jax.clear_caches()
    keras.utils.set_random_seed(5)
    for found, expected in zip(weights, builder().get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
