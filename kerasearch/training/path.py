"""The path that a fit takes: how its epochs run, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TrainingPath:
    """How a fit is trained, and why so.

    Attributes
    ----------
    compiled : bool
        Whether whole epochs run in one compiled call. Otherwise Keras' own loop trains.
    shared : bool
        Whether the compiled program may serve other models with the same fingerprint.
    storable : bool
        Whether the outcome follows from what a store's key describes, so that it may be stored.
    reason : str
        Why the fit takes this path, for people to read.
    """

    compiled: bool
    shared: bool
    storable: bool
    reason: str

    @property
    def name(self) -> str:
        """The public name of the path, ``"compiled"`` or ``"model.fit"``."""
        return "compiled" if self.compiled else "model.fit"

    @classmethod
    def private_program(cls, reason: str) -> TrainingPath:
        """A compiled program that only the model it was traced with may run on.

        It depends on something that the fingerprint does not describe, so it is not stored.
        """
        return cls(True, False, False, f"private program: {reason}")

    @classmethod
    def keras_loop(cls, reason: str) -> TrainingPath:
        """Keras' own loop, because the model, a callback or the process needs it."""
        return cls(False, False, True, reason)

    @classmethod
    def keras_loop_untraceable(cls, error: Exception) -> TrainingPath:
        """Keras' own loop, because tracing was tried and failed.

        Nobody has looked at what the graph depends on, so the fit is not stored.
        """
        reason = f"the loop cannot be traced: {type(error).__name__}: {error}"
        return cls(False, False, False, reason)

    @classmethod
    def read_from_store(cls, name: str) -> TrainingPath:
        """The path of a fit that is not trained now: the one that `name` says it took."""
        compiled = name == SHARED_PROGRAM.name
        return cls(compiled, compiled, True, "read from the store")

    def under_xla(self, whole_epochs: bool) -> TrainingPath:
        """The same path for a model that XLA compiles: the loop over the steps, or each step."""
        how = "whole epochs under XLA" if whole_epochs else "each step under XLA"
        return replace(self, reason=f"{self.reason}, {how}")

    def continued_from(self, epoch: int) -> TrainingPath:
        """The same path for a fit that began at `epoch`, where a stored fit ended."""
        return replace(self, reason=f"{self.reason}, from epoch {epoch} of the store")


SHARED_PROGRAM = TrainingPath(True, True, True, "shared program")
