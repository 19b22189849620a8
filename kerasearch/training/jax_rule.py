"""The rule whether the steps of an epoch are single calls on JAX.

The rule depends only on the operations in a traced step, never on measured time. Therefore the same
fit always has the same results.
"""

from __future__ import annotations

from .jax_step import Step

# operations for which XLA uses other kernels in a loop, so that the last bits differ
_OTHERWISE_IN_A_LOOP = {"conv_general_dilated"}


def why_single_steps(step: Step) -> str | None:
    """Explain why the steps of an epoch are not one call; None if they are one call."""
    found = sorted(_OTHERWISE_IN_A_LOOP.intersection(step.primitives))
    return f"a loop computes {found[0]} otherwise" if found else None
