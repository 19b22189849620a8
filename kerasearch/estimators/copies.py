"""Clone and pickle of estimators, with their fitted models."""

from __future__ import annotations

from typing import Any

import keras

from .. import training
from ..store import FitStore
from . import dask_tasks, dtype_policy, pickling
from .main_objects import warn_when_dumped
from .model_building import BuildInputs, build_model
from .routing import RoutedParameters


class Copies(RoutedParameters):
    """scikit-learn's clone and pickle for estimators with a fitted model."""

    callbacks_: list[keras.callbacks.Callback]
    model_: keras.Model
    _dtype_policy: Any

    def _build_inputs(self, X: Any = None) -> BuildInputs:
        """Collect the inputs that the fitted model was built from."""
        raise NotImplementedError

    def __sklearn_clone__(self) -> Any:
        # a search clones before it fits, so that it raises one error, not one for each fit
        FitStore.check(self.store)
        copy: Any = super().__sklearn_clone__()
        copy._dtype_policy = dtype_policy.of_this_thread() or self._dtype_policy
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        in_task = None if "model_" in vars(self) else dask_tasks.reduced(self)
        return super().__reduce_ex__(protocol) if in_task is None else in_task

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        warn_when_dumped(type(self), state)
        return pickling.pack(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if not training.process_can_run():
            # Making layers and optimizers would hang in this process. A later call that needs
            # them raises an error with the reason.
            super().__setstate__(state)
            return
        attributes = pickling.unpack(state)
        packed = attributes.pop("model_", None)
        super().__setstate__(attributes)
        if packed is not None:
            with dtype_policy.carried(self._dtype_policy):
                self.model_ = packed.model(lambda: build_model(self._build_inputs()).model)
            self.callbacks_ = []
