"""Random numbers that XLA compiles faster on CPUs, with the same bits.

JAX' generator, Threefry-2x32, has twenty rounds of additions and rotations. On CPUs, JAX writes
them as a loop, and XLA needs 0.3 to 1.2 s to compile this loop for each shape. Without a loop, the
same rounds need 0.1 s. This matters because Keras draws the initial values of each weight with its
own shape, and because dropout draws in each step.

Only integers are used, so that both ways give the same bits.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import jax

# JAX has no public way to read the rule that it registered. Checked for JAX 0.6 to 0.10.
from jax._src.interpreters import mlir as jax_mlir
from jax.extend.random import threefry2x32_p
from jax.interpreters import mlir

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA  # of the key schedule
_thread = threading.local()


@contextlib.contextmanager
def quickly_compiled() -> Iterator[None]:
    """Compile random numbers in this thread without a loop of rounds."""
    before = getattr(_thread, "is_on", False)
    _thread.is_on = True
    try:
        yield
    finally:
        _thread.is_on = before


def _threefry(key_0: Any, key_1: Any, x_0: Any, x_1: Any) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds.

    From Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
    """
    uint32 = jax.numpy.uint32
    keys = (key_0, key_1, key_0 ^ key_1 ^ uint32(_PARITY))
    x_0, x_1 = x_0 + keys[0], x_1 + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x_0 = x_0 + x_1
            x_1 = x_0 ^ ((x_1 << uint32(rotation)) | (x_1 >> uint32(32 - rotation)))
        x_0 = x_0 + keys[(group + 1) % 3]
        x_1 = x_1 + keys[(group + 2) % 3] + uint32(group + 1)
    return x_0, x_1


def _install() -> None:
    """Register a rule that uses JAX' own rule unless the thread is in `quickly_compiled`."""
    registered = getattr(jax_mlir, "_platform_specific_lowerings", {}).get("cpu", {})
    if threefry2x32_p not in registered:
        return  # a later version of JAX; its own rule is used
    jax_rule = registered[threefry2x32_p]
    jax_rule = getattr(jax_rule, "rule", jax_rule)  # later versions keep it in an entry
    own_rule = mlir.lower_fun(_threefry, multiple_results=True)

    def rule(*args: Any, **params: Any) -> Any:
        return (own_rule if getattr(_thread, "is_on", False) else jax_rule)(*args, **params)

    mlir.register_lowering(threefry2x32_p, rule, platform="cpu")


_install()
