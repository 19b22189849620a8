"""Names of the estimators' parameters, and routing of parameters to the objects that use them.

A routed name has the form ``<route>__<argument>``. For example, ``model__units`` goes to the
model-building function, ``optimizer__learning_rate`` to the optimizer's class, and
``callbacks__stopping__patience`` to the callback with the key ``stopping``. The arguments of the
builder and of the optimizer are read from their signatures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
from sklearn.base import BaseEstimator, clone

from .._utils.names import PARENTS, last_part, nearest
from .._utils.plain_values import equal
from .._utils.user_warnings import warn
from ..training import serialization
from . import keras_objects, worker_processes
from .arguments import FILLED_IN, arguments, names_in_code
from .parameter_advice import advice
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
# arguments of Keras that scikeras accepted without a route
_ALIASES = {
    "loss_weights": "compile__loss_weights",
    "weighted_metrics": "compile__weighted_metrics",
    "initial_epoch": "fit__initial_epoch",
    "validation_freq": "fit__validation_freq",
    "validation_steps": "fit__validation_steps",
    "steps": "predict__steps",
}
# the accepted arguments of Keras' methods
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


# Parameters that were added to the estimators later. Older model-building functions may have
# arguments with these names.
_ADDED_LATER = (
    "allow_nan",
    "inputs",
    "jit_compile",
    "layer",
    "loader",
    "loader_workers",
    "output_to_prediction",
)


class RoutedParameters(CallbackSupport, BaseEstimator):
    """scikit-learn's get_params, set_params and clone for estimators with routed parameters.

    A subclass's constructor stores its own parameters and then passes its ``**kwargs`` to
    `_store_routed`. The parameters of an estimator are the parameters of the constructors of its
    class and all base classes. If a user's subclass adds a parameter, the builder's argument with
    the same name gets its value.
    """

    _parameters: dict[str, inspect.Parameter] = {}  # parameters of all constructors, by name
    _own_parameters: list[str] = []  # the sorted names of `_parameters`
    _added_parameters: frozenset[str] = frozenset()  # parameters that users' subclasses added
    _constructor_takes: frozenset[str] = frozenset()  # arguments that a clone is constructed with

    def _store_routed(self, kwargs: Mapping[str, Any]) -> None:
        # a private dict, because scikit-learn's check of __init__ allows no other public attributes
        routed = self.__dict__.setdefault("_routed", {})
        # a subclass may have set the builder's arguments before it called this constructor
        for name in vars(self).keys() - self._parameters.keys():
            if not (name.startswith("_") or name.endswith("_")) and (
                f"model__{name}" in self._default_arguments()
            ):
                routed[f"model__{name}"] = self.__dict__.pop(name)
        for name, value in kwargs.items():
            full = self._full_name(name)
            # Check only short names: clones pass full names, and the constructor of a subclass
            # may not have set all attributes yet.
            if "__" not in name and _is_ours(type(self)) and not self._accepts(full):
                self._refuse(full, name)
            self._put(full, value)

    def _builder(self) -> Callable[..., keras.Model]:
        """Get the model-building function; raise if `model` is not valid."""
        raise NotImplementedError

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return cls._own_parameters

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect the parameters of all constructors, and set the signature of ``__init__``.

        scikit-learn reads names and defaults only from the ``__init__`` of the class itself.
        Without this signature, a subclass with its own ``__init__`` would lose the parameters of
        its parent, such as ``epochs``.
        """
        super().__init_subclass__(**kwargs)
        owner = next(c for c in cls.__mro__ if "__init__" in vars(c))
        if owner is object or (owner is not cls and issubclass(owner, RoutedParameters)):
            return
        parent: Any = super(cls, cls)
        signature = inspect.signature(vars(owner)["__init__"])
        own = dict(list(signature.parameters.items())[1:])
        rest = [own.pop(p.name) for p in list(own.values()) if p.kind is p.VAR_KEYWORD]
        cls._constructor_takes = frozenset(
            {n for n, p in own.items() if p.kind is not p.VAR_POSITIONAL}
            | {n for n, p in parent._parameters.items() if rest and p.default is p.empty}
        )
        inherited = {
            name: p.replace(kind=p.KEYWORD_ONLY)
            for name, p in parent._parameters.items()
            if name not in own
        }
        cls._parameters = {**{n: own[n] for n in own if n in cls._constructor_takes}, **inherited}
        cls._own_parameters = sorted(cls._parameters)
        if not _is_ours(cls):
            new = {n for n in cls._parameters.keys() - parent._parameters.keys() if "__" not in n}
            cls._added_parameters = parent._added_parameters | new
        if owner is cls:
            first = list(signature.parameters.values())[:1]
            vars(cls)["__init__"].__signature__ = inspect.Signature(
                [*first, *own.values(), *inherited.values(), *rest]
            )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include arguments of the model-building function and of the optimizer that
            have not been set, with their defaults.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = {name: getattr(self, name) for name in self._own_parameters}
        params.update(self._routed)
        return {**self._default_arguments(), **params} if deep else params

    def set_params(self, **params: Any) -> RoutedParameters:
        """Set parameters of the estimator, of the model-building function and of Keras objects.

        Parameters
        ----------
        **params : dict
            Parameter names and values, for example ``optimizer__learning_rate=0.01`` or
            ``model__units=32``. The short form ``units=32`` sets the same argument of the
            model-building function.

        Returns
        -------
        self : object
            This estimator.

        Raises
        ------
        ValueError
            If there is no such parameter; the message suggests similar names.
        """
        own = self._parameters.keys() & params.keys()
        before = self._made_by_constructor(own)
        for name in sorted(own, key=lambda name: name not in PARENTS):
            setattr(self, name, params[name])
        now, after = self.get_params(deep=False), self._made_by_constructor(own)
        for name in before.keys() & after.keys() & now.keys() - params.keys():
            if equal(now[name], before[name]) and not equal(before[name], after[name]):
                self._put(name, after[name])
        routed = params.keys() - own
        if self.get_params().keys() <= params.keys():  # set_params(**get_params()) sets nothing
            defaults = self._default_arguments()
            routed = {n for n in routed if defaults.get(n, _MISSING) is not params[n]}
        # set the class of a schedule before its arguments
        for name in sorted(routed, key=lambda name: name.count("__")):
            full = self._full_name(name)
            if full not in self._parameters:
                self._check_name(full, name)
            self._put(full, params[name])
        return self

    def _made_by_constructor(self, names: Iterable[str]) -> dict[str, Any]:
        """Get the parameters that a user's constructor computes from the current arguments.

        A constructor may pass an argument on under another name. If the argument is set, this
        parameter must change too. The dict is empty if no argument of a user's constructor is in
        `names`.
        """
        constructor = next(c for c in type(self).__mro__ if "__init__" in vars(c))
        if _is_ours(constructor) or not self._constructor_takes.intersection(names):
            return {}
        taken = {name: getattr(self, name) for name in self._constructor_takes}
        return type(self)(**taken).get_params(deep=False)

    def _put(self, name: str, value: Any) -> None:
        if name in self._parameters:
            setattr(self, name, value)
        else:
            self._routed[name] = value

    def _full_name(self, name: str) -> str:
        full = name if "__" in name else _ALIASES.get(name, f"model__{name}")
        own = full.removeprefix("model__")
        return own if own in self._handed_on() else full

    def _handed_on(self) -> list[str]:
        """List the added parameters that are passed to builder arguments with the same names."""
        if not self._added_parameters:
            return []
        try:
            names = arguments(self._builder()).names
        except (TypeError, ValueError):
            return []
        return [n for n in names if n in self._added_parameters and n not in FILLED_IN]

    def _build_parameters(self) -> dict[str, Any]:
        """Get the parameters that a model is built from; builder arguments have full names."""
        params = self.get_params(deep=False)
        return {**params, **{f"model__{name}": params[name] for name in self._handed_on()}}

    def _default_arguments(self) -> dict[str, Any]:
        """Get the defaults of the builder's and the optimizer's arguments, by full names."""
        try:
            builder = self._builder()
        except (TypeError, ValueError):  # `model` is not valid, and fit raises the error
            builder = None
        defaults = default_arguments(builder, self.optimizer)
        for name in self._handed_on():
            defaults.pop(f"model__{name}", None)
        return defaults

    def _check_names(self) -> None:
        """Raise for an unknown routed parameter; warn of an ambiguous name.

        A name is ambiguous if both the estimator and the builder have it.
        """
        for name in self._routed:
            self._check_name(name, name)
        for name in _ADDED_LATER:
            own, full = self._parameters.get(name), f"model__{name}"
            if own is None or getattr(self, name) is own.default or full in self._routed:
                continue
            if name in arguments(self._builder()).names:
                warn(
                    f"{name} is a parameter of {type(self).__name__}, so the argument {name} of "
                    f"the model-building function keeps its default: to set it, pass {full}="
                )

    def _check_name(self, full: str, given: str) -> None:
        if not self._accepts(full):
            self._refuse(full, given)

    def _refuse(self, full: str, given: str | None = None) -> None:
        """Raise the error for an unknown parameter."""
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
                builder = self._builder()
                arguments(builder)
            except (TypeError, ValueError):
                return True
            if rest in FILLED_IN or len(path) > 1 or rest in self._handed_on():
                return False
            return self._takes(builder, rest, full)
        if route in ("optimizer", "loss", "metrics", "callbacks"):
            return self._item_accepts(
                keras_objects.resolve(route, getattr(self, route)), path, route
            )
        if route in ("fit", "predict") and path[0] == "callbacks":
            items = self._routed.get(f"{route}__callbacks")
            return len(path) == 1 or self._item_accepts(items, path[1:], f"{route}__callbacks")
        if route == "fit" and (self.model is not None or hasattr(self, "_keras_build_fn")):
            return True  # a model may override `fit`: its arguments are checked before training
        return route == "score" or rest in ARGUMENTS[route]

    def _item_accepts(self, item: Any, path: list[str], prefix: str) -> bool:
        """Tell whether a class, an instance or a container of them accepts a routed argument."""
        head, *tail = path
        if isinstance(item, (list, tuple, dict)):
            members = item if isinstance(item, dict) else {str(i): v for i, v in enumerate(item)}
            if head in members:
                return bool(tail) and self._item_accepts(members[head], tail, f"{prefix}__{head}")
            return any(self._item_accepts(v, path, prefix) for v in members.values())
        if item is keras_objects.UNKNOWN:
            return True  # Keras does not know the name in the parameter, and fit raises the error
        if isinstance(item, (keras.callbacks.Callback, str)) or item is None:
            return False
        if not callable(item) or isinstance(item, keras_objects.INSTANCES):
            return not tail and head in keras_objects.config(item)
        taken = arguments(item)
        if not tail:
            return head.isdigit() or self._takes(item, head, f"{prefix}__{head}")
        value = self._routed.get(f"{prefix}__{head}", taken.defaults.get(head))
        return self._item_accepts(value, tail, f"{prefix}__{head}")

    def _takes(self, target: Callable[..., Any], name: str, full: str) -> bool:
        """Tell whether a function or class accepts an argument; warn of typos for ``**kwargs``."""
        taken = arguments(target)
        if not taken.takes_any or name in taken.names:
            return taken.accepts(name)
        names, texts = names_in_code(target)
        known = {n: full.removesuffix(name) + n for n in {*texts, *taken.names} - FILLED_IN}
        if full == f"model__{name}":
            others = [*self._own_parameters, *self._default_arguments()]
            known = {**{last_part(n): n for n in others}, **known}
        close = [] if name in names or name in known else nearest(name, known, n=1, cutoff=0.8)
        if close and name.rstrip("_0123456789") != close[0].rstrip("_0123456789"):
            warn(
                f"{full} goes to the **kwargs of {getattr(target, '__name__', target)}; did you "
                f"mean {known[close[0]]}?"
            )
        return True

    def _suggestion(self, name: str) -> str:
        known_way = advice(name, self.get_params(deep=False))
        if known_way:
            return f"{known_way}. "
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
        # code for scikeras reads routed parameters as attributes
        routed = vars(self).get("_routed", {})
        for full in (name, f"model__{name}"):
            if full in routed:
                return routed[full]
        own = name.removeprefix("model__")
        if own != name and own in self._added_parameters:
            return getattr(self, own)
        if name in self._parameters:
            raise AttributeError(
                f"{type(self).__name__}.__init__ does not store its parameter {name}: "
                f"add self.{name} = {name} to it"
            )
        return object.__getattribute__(self, name)  # raises the error of a property, if any

    def __setattr__(self, name: str, value: Any) -> None:
        if "__" in name and name.partition("__")[0] in ROUTES:
            self.__dict__.setdefault("_routed", {})[name] = value
        elif name in self._parameters or name.startswith("_") or name.endswith("_"):
            super().__setattr__(name, value)  # fast path without reading the builder's signature
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
        # Builders, loaders and Keras objects are not copied: fit never changes them, a deep copy of
        # a bound method would copy its object, and a deep copy of a custom layer would fail.
        # Arguments of callbacks are not copied either: a callback must reach the user's own trial
        # or list.
        params = self.get_params(deep=False)
        by_reference = {
            name: value
            for name, value in params.items()
            if name in ("model", "loader")
            or "callbacks" in name.split("__")[:2]
            or serialization.contains_keras_objects(value)
        }
        # A subclass's constructor may fix parameters of its parent and not accept them. It gets
        # only the arguments that it names, and the other parameters are set afterwards.
        constructed = {
            name: None if name in by_reference else value
            for name, value in params.items()
            if name in self._constructor_takes
        }
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self), get_params=lambda deep: dict(constructed))
        copy = BaseEstimator.__sklearn_clone__(twin)
        for name, value in params.items():
            if name in by_reference or name not in constructed:
                copy._put(name, value if name in by_reference else clone(value, safe=False))
        copy._search = worker_processes.search_around()
        return copy

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        # with deep=True, the table would show all defaults as values set by the user
        kwargs["deep"] = False
        return super()._get_params_html(*args[1:], **kwargs)


def default_arguments(builder: Callable[..., keras.Model] | None, optimizer: Any) -> dict[str, Any]:
    """Read the defaults of the builder's and the optimizer's arguments.

    Parameters
    ----------
    builder : callable or None
        The model-building function, if it is known.
    optimizer : str, class, instance or dict
        The estimator's parameter. The defaults of an instance are its configuration.

    Returns
    -------
    defaults : dict
        The defaults by full names, such as ``"model__units"`` and
        ``"optimizer__learning_rate"``.
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


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _prefixed(prefix: str, values: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, Any]:
    return {f"{prefix}__{name}": v for name, v in values.items() if name not in left_out}
