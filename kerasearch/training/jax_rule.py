"""When the steps of an epoch are calls of their own on JAX: a pure function of a traced step.

What decides is what a step is made of, never how long it took: the same fit has the same numbers
always.
"""

from __future__ import annotations

from .jax_step import Step

# Operations that XLA computes by other kernels within a loop, with other last bits
_OTHERWISE_IN_A_LOOP = {"conv_general_dilated"}


def why_single_steps(step: Step) -> str | None:
    """Why the steps of an epoch are not one call; None where they are."""
    found = sorted(_OTHERWISE_IN_A_LOOP.intersection(step.primitives))
    return f"a loop computes {found[0]} otherwise" if found else None
