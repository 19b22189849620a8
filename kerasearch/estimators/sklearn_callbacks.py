"""scikit-learn's callbacks, as its ``ProgressBar``: a fit is one task of theirs.

scikit-learn 1.9 and later have them. A canary in ``tests/estimators/test_sklearn_callbacks.py``
fails when scikit-learn changes what is used here; it was checked with 1.6 to 1.9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import worker_processes

if TYPE_CHECKING:

    class CallbackSupportMixin:
        """What scikit-learn's mixin has."""

        def _init_callback_context(self) -> Any: ...

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Tear down what a method's callbacks have set up."""

else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # before 1.9: no callbacks, and no `set_callbacks` that promises any
        CallbackSupportMixin, with_callbacks = object, lambda method: method


class CallbackSupport(CallbackSupportMixin):
    """Takes scikit-learn's callbacks, its own and those of a search around it."""

    def _as_task(self, fit: Callable[..., Any], *given: Any) -> Any:
        """Fit, and tell the callbacks, where there are any, when that begins and ends."""
        search = vars(self).get("_search")
        if vars(self).get("_skl_callbacks"):
            return worker_processes.watched(search, self._fit_as_task, fit, *given)
        return worker_processes.watched(search, fit, *given)

    @with_callbacks
    def _fit_as_task(self, fit: Callable[..., Any], X: Any, y: Any, *given: Any) -> Any:
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        fitted = fit(X, y, *given)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return fitted
