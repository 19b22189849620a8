"""The parameter language of the estimators: which names there are, and what each is routed to.

A routed name is ``<route>__<argument>``: ``model__units`` goes to the model-building function,
``optimizer__learning_rate`` to the optimizer's class, ``callbacks__stopping__patience`` to the
callback called ``stopping``. The arguments of the builder and of the optimizer are read from their
signatures, so they need not be declared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
from sklearn.base import BaseEstimator

from .._utils.names import PARENTS, last_part, nearest
from ..training import serialization
from . import keras_objects
from .arguments import FILLED_IN, arguments
from .sklearn_callbacks import CallbackSupport

ROUTES = (
    "model",
    "optimizer",
    "loss",
    "metrics",
    "callbacks",
    "compile",
    "fit",
    "predict",
    "score",
)
# Keras' own arguments that scikeras took without a route
_ALIASES = {
    "loss_weights": "compile__loss_weights",
    "weighted_metrics": "compile__weighted_metrics",
    "jit_compile": "compile__jit_compile",
    "initial_epoch": "fit__initial_epoch",
    "validation_freq": "fit__validation_freq",
    "validation_steps": "fit__validation_steps",
    "steps": "predict__steps",
}
# the arguments of Keras' methods that are heeded, the estimator's own parameters aside
ARGUMENTS = {
    "compile": {
        "auto_scale_loss",
        "jit_compile",
        "loss_weights",
        "steps_per_execution",
        "weighted_metrics",
    },
    "fit": {
        "batch_size",
        "callbacks",
        "class_weight",
        "epochs",
        "initial_epoch",
        "shuffle",
        "steps_per_epoch",
        "validation_batch_size",
        "validation_data",
        "validation_freq",
        "validation_split",
        "validation_steps",
        "verbose",
    },
    "predict": {"batch_size", "callbacks", "steps", "verbose"},
}


class RoutedParameters(CallbackSupport, BaseEstimator):
    """scikit-learn's get_params, set_params and clone for estimators with routed parameters.

    A subclass's constructor passes its ``**kwargs`` to `_store_routed`.
    """

    _own_parameters: list[str]

    def _store_routed(self, kwargs: Mapping[str, Any]) -> None:
        # a private dict, since scikit-learn's check of __init__ allows no other attributes
        self._routed = {_full_name(name): value for name, value in kwargs.items()}

    def _builder(self) -> Callable[..., keras.Model]:
        """Get the function that builds models; an error if `model` is nothing of the kind."""
        raise NotImplementedError

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Read the constructor's parameters once for each class: attributes are set often."""
        if "_own_parameters" not in vars(cls):
            cls._own_parameters = super()._get_param_names()
        return cls._own_parameters

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give a constructor with ``**kwargs`` the signature that it really has.

        scikit-learn reads the parameters from the last ``__init__`` alone, so a subclass that
        hands ``**kwargs`` on would lose ``epochs`` and all others of its parent.
        """
        super().__init_subclass__(**kwargs)
        init = vars(cls).get("__init__")
        if init is None:
            return
        parent = inspect.signature(super(cls, cls).__init__).parameters
        own = inspect.signature(init).parameters
        if any(p.kind is p.VAR_KEYWORD for p in own.values()):
            inherited = [
                p.replace(kind=p.KEYWORD_ONLY)
                for name, p in parent.items()
                if name not in own and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            ]
            *first, last = own.values()
            init.__signature__ = inspect.Signature([*first, *inherited, last])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the arguments of the model-building function and of the optimizer that
            have not been set, with their defaults.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = {name: getattr(self, name) for name in self._get_param_names()}
        params.update(self._routed)
        return {**self._default_arguments(), **params} if deep else params

    def set_params(self, **params: Any) -> RoutedParameters:
        """Set parameters, by their full routed names or a builder's argument by its own name.

        Parameters
        ----------
        **params : dict
            Parameter names and values, for example ``optimizer__learning_rate=0.01``,
            ``model__units=32`` or, the same, ``units=32``.

        Returns
        -------
        self : object
            This estimator.

        Raises
        ------
        ValueError
            If there is no such parameter; the message has the nearest names.
        """
        own = set(self._get_param_names())
        for name in sorted(own & params.keys(), key=lambda name: name not in PARENTS):
            setattr(self, name, params[name])
        routed = params.keys() - own
        if self.get_params().keys() <= params.keys():  # set_params(**get_params()) sets nothing
            defaults = self._default_arguments()
            routed = {n for n in routed if defaults.get(n, _MISSING) is not params[n]}
        # a schedule's class comes before its arguments
        for name in sorted(routed, key=lambda name: name.count("__")):
            full = _full_name(name)
            self._check_name(full, name)
            self._routed[full] = params[name]
        return self

    def _default_arguments(self) -> dict[str, Any]:
        """Get the defaults of the builder's and the optimizer's arguments, by full names."""
        try:
            builder = self._builder()
        except (TypeError, ValueError):  # not something that builds models: fit says so
            builder = None
        return default_arguments(builder, self.optimizer)

    def _check_names(self) -> None:
        """Raise for a routed parameter that nothing would take."""
        for name in self._routed:
            self._check_name(name, name)

    def _check_name(self, full: str, given: str) -> None:
        if not self._accepts(full):
            self._refuse(full, given)

    def _refuse(self, full: str, given: str | None = None) -> None:
        """Raise the error for a parameter that nothing takes."""
        given = full if given is None else given
        if full.startswith("model__") and ("__" not in given or full == "model__build_fn"):
            full = given.removeprefix("model__")
        raise ValueError(
            f"Invalid parameter {full!r} for estimator {type(self).__name__}. "
            f"{self._suggestion(full)}"
            "`get_params().keys()` lists the valid ones."
        )

    def _accepts(self, full: str) -> bool:
        route, _, rest = full.partition("__")
        path = rest.split("__")
        if route not in ROUTES or not rest:
            return False
        if route == "model":
            try:
                taken = arguments(self._builder())
            except (TypeError, ValueError):
                return True
            return rest not in FILLED_IN and len(path) == 1 and taken.accepts(rest)
        if route in ("optimizer", "loss", "metrics", "callbacks"):
            return self._item_accepts(
                keras_objects.resolve(route, getattr(self, route)), path, route
            )
        if route in ("fit", "predict") and path[0] == "callbacks":
            items = self._routed.get(f"{route}__callbacks")
            return len(path) == 1 or self._item_accepts(items, path[1:], f"{route}__callbacks")
        if route == "fit" and (self.model is not None or hasattr(self, "_keras_build_fn")):
            return True  # a model may have a `fit` of its own: who trains it says what it takes
        return route == "score" or rest in ARGUMENTS[route]

    def _item_accepts(self, item: Any, path: list[str], prefix: str) -> bool:
        """Tell whether a class, an instance or a container of them takes a routed argument."""
        head, *tail = path
        if isinstance(item, (list, tuple, dict)):
            members = item if isinstance(item, dict) else {str(i): v for i, v in enumerate(item)}
            if head in members:
                return bool(tail) and self._item_accepts(members[head], tail, f"{prefix}__{head}")
            return any(self._item_accepts(v, path, prefix) for v in members.values())
        if item is keras_objects.UNKNOWN:
            return True  # fit says what is wrong with the name
        if isinstance(item, (keras.callbacks.Callback, str)) or item is None:
            return False
        if not callable(item) or isinstance(item, keras_objects.INSTANCES):
            return not tail and head in keras_objects.config(item)
        taken = arguments(item)
        if not tail:
            return taken.accepts(head) or head.isdigit()
        value = self._routed.get(f"{prefix}__{head}", taken.defaults.get(head))
        return self._item_accepts(value, tail, f"{prefix}__{head}")

    def _suggestion(self, name: str) -> str:
        if name == "build_fn":
            return "The model-building function is `model`. "
        known = [*self.get_params(deep=True), *_ALIASES]
        last = last_part(name)
        by_last: dict[str, list[str]] = {}
        for full in known:
            by_last.setdefault(last_part(full), []).append(full)
        near = [*by_last.get(last, []), *nearest(name, known, n=2, cutoff=0.85)]
        for close in nearest(last, by_last, n=2):
            near += by_last[close]
        near = [n for n in dict.fromkeys(near) if n != name][:3]
        return f"Did you mean {' or '.join(map(repr, near))}? " if near else ""

    def __getattr__(self, name: str) -> Any:
        # scikeras kept routed parameters as attributes, and code written for it reads them
        routed = vars(self).get("_routed", {})
        for full in (name, f"model__{name}"):
            if full in routed:
                return routed[full]
        return object.__getattribute__(self, name)  # raises, with a property's own error

    def __setattr__(self, name: str, value: Any) -> None:
        if "__" in name and name.partition("__")[0] in ROUTES:
            self._routed[name] = value
        elif name in self._get_param_names() or name.startswith("_") or name.endswith("_"):
            super().__setattr__(name, value)  # all that a constructor sets: no signature is read
        elif self._is_builder_argument(name):
            self._routed[f"model__{name}"] = value
        else:
            super().__setattr__(name, value)

    def _is_builder_argument(self, name: str) -> bool:
        if not {"model", "_routed"} <= vars(self).keys():
            return False
        full = f"model__{name}"
        return full in self._routed or (
            name not in vars(self) and full in self._default_arguments()
        )

    def __sklearn_clone__(self) -> RoutedParameters:
        # Builders and Keras objects are handed on by reference: fit never changes them, and a deep
        # copy of a bound method copies its object, that of a custom layer fails. So are arguments
        # of callbacks: a copied trial, or list to collect in, would be nobody's.
        by_reference = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name == "model"
            or "callbacks" in name.split("__")[:2]
            or serialization.contains_keras_objects(value)
        }
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self))
        twin._routed = dict(self._routed)
        twin._put(dict.fromkeys(by_reference))
        copy = BaseEstimator.__sklearn_clone__(twin)
        copy._put(by_reference)
        return copy

    def _put(self, params: Mapping[str, Any]) -> None:
        for name, value in params.items():
            if name in self._routed:
                self._routed[name] = value
            else:
                setattr(self, name, value)

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        # the table would show every discovered default as set by the user
        kwargs["deep"] = False
        return super()._get_params_html(*args[1:], **kwargs)


def default_arguments(builder: Callable[..., keras.Model] | None, optimizer: Any) -> dict[str, Any]:
    """Read the defaults of the builder's and the optimizer's arguments.

    Parameters
    ----------
    builder : callable or None
        The model-building function, where there is one.
    optimizer : str, class, instance or dict
        What the estimator has as `optimizer`; the configuration of an instance is its defaults.

    Returns
    -------
    defaults : dict
        By full names, such as ``"model__units"`` and ``"optimizer__learning_rate"``.
    """
    found: dict[str, Any] = {}
    if builder is not None:
        found.update(_prefixed("model", arguments(builder).defaults, FILLED_IN))
    cls = keras_objects.optimizer_class(optimizer)
    if isinstance(optimizer, keras.optimizers.Optimizer):
        found.update(_prefixed("optimizer", keras_objects.config(optimizer), {"name"}))
    elif cls is not None:
        found.update(_prefixed("optimizer", arguments(cls).defaults, {"name"}))
    return found


_MISSING = object()


def _full_name(name: str) -> str:
    return name if "__" in name else _ALIASES.get(name, f"model__{name}")


def _prefixed(prefix: str, values: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, Any]:
    return {f"{prefix}__{name}": v for name, v in values.items() if name not in left_out}
