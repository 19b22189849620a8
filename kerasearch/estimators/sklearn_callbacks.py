"""Support of scikit-learn's callbacks, such as ``ProgressBar``; a fit is one task for them.

scikit-learn has callbacks since version 1.9. A test in
``tests/estimators/test_sklearn_callbacks.py`` fails if scikit-learn changes the functions that are
used here. This was checked with scikit-learn 1.6 to 1.9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import worker_processes

if TYPE_CHECKING:

    class CallbackSupportMixin:
        """The part of scikit-learn's mixin that is used here."""

        def _init_callback_context(self) -> Any: ...

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a method so that its callbacks are torn down at the end."""

else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # scikit-learn before 1.9 has no callbacks
        CallbackSupportMixin, with_callbacks = object, lambda method: method


class CallbackSupport(CallbackSupportMixin):
    """Support of scikit-learn's callbacks, of the estimator itself and of a search."""

    def _as_task(self, fit: Callable[..., Any], *given: Any) -> Any:
        """Fit, and notify the callbacks, if any, at begin and end."""
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
