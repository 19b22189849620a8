"""The training path of a fit: how its epochs run, and whether its result can be stored."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TrainingPath:
    """The way in which a fit is trained, and the reason.

    Attributes
    ----------
    compiled : bool
        Whether whole epochs run in compiled calls. Otherwise, Keras' loop trains.
    shared : bool
        Whether the compiled program may serve other models with the same fingerprint.
    storable : bool
        Whether the key in a store describes all inputs of the fit, so that it can be stored.
    reason : str
        The reason for this path, as readable text.
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
        """Make the path for a compiled program that other models must not use.

        The program depends on objects that the fingerprint does not describe, so that the fit is
        not stored.
        """
        return cls(True, False, False, f"private program: {reason}")

    @classmethod
    def keras_loop(cls, reason: str) -> TrainingPath:
        """Make the path for Keras' loop, if the model, a callback or the process needs it."""
        return cls(False, False, True, reason)

    @classmethod
    def keras_loop_untraceable(cls, error: Exception) -> TrainingPath:
        """Make the path for Keras' loop, if the model could not be traced.

        It is not known which objects the fit depends on, so that it is not stored.
        """
        reason = f"the loop cannot be traced: {type(error).__name__}: {error}"
        return cls(False, False, False, reason)

    @classmethod
    def read_from_store(cls, name: str) -> TrainingPath:
        """Make the path for a fit that was read from the store; `name` is its original path."""
        compiled = name == SHARED_PROGRAM.name
        return cls(compiled, compiled, True, "read from the store")

    def under_xla(self, whole_epochs: bool) -> TrainingPath:
        """Get this path for a model that XLA compiles, as whole epochs or as single steps."""
        how = "whole epochs under XLA" if whole_epochs else "each step under XLA"
        return replace(self, reason=f"{self.reason}, {how}")

    def continued_from(self, epoch: int) -> TrainingPath:
        """Get this path for a fit that continued a stored fit from `epoch`."""
        return replace(self, reason=f"{self.reason}, from epoch {epoch} of the store")


SHARED_PROGRAM = TrainingPath(True, True, True, "shared program")
