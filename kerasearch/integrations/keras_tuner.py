"""KerasTuner's ``build(hp)`` as the model of an estimator, its hyperparameters as distributions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._utils.names import argument_name
from .._utils.values import unique
from ..space.branches import Branch, Space, one_or_list
from ..space.distributions import Integers, OneDimensional, Uniform
from ..space.names import resolve

if TYPE_CHECKING:
    import keras

_MOST_BUILDS = 64  # to find conditional hyperparameters


def keras_tuner_model(build: Any) -> KerasTunerModel:
    """Let KerasTuner's ``build(hp)`` serve as the `model` of an estimator, unchanged.

    The function is called with its defaults, and then with other values of what it asks for, to
    find the hyperparameters: each becomes an argument, with KerasTuner's default.

    Parameters
    ----------
    build : callable or keras_tuner.HyperModel
        Takes a `keras_tuner.HyperParameters` and returns a Keras model. If that is compiled, the
        estimator's own `optimizer`, `loss` and `metrics` must not be set.

    Returns
    -------
    KerasTunerModel
        A model-building function. Its `hyperparameters` go to `from_keras_tuner`.

    Raises
    ------
    ImportError
        If KerasTuner is not installed.
    TypeError
        If `build` cannot be called.
    ValueError
        If two hyperparameters would have the same argument.

    Examples
    --------
    .. code-block:: python

        model = keras_tuner_model(build)
        network = KerasClassifier(model, epochs=20, random_state=0)
        space = from_keras_tuner(model.hyperparameters)
        search = RandomizedSearchCV(network, space, n_iter=20).fit(X, y)
    """
    return KerasTunerModel(build)


class KerasTunerModel:
    """A model-building function with KerasTuner's hyperparameters; `keras_tuner_model` makes it.

    Attributes
    ----------
    hyperparameters : keras_tuner.HyperParameters
        What `build` asks for.
    """

    def __init__(self, build: Any) -> None:
        self.build = build
        if not callable(self._build):
            raise TypeError(f"build={build!r} must be a function of hp, or a HyperModel")
        self.hyperparameters = _discover_hyperparameters(self._build)
        self._names: dict[str, str] = {}
        defaults: dict[str, Any] = {}
        for hp in self.hyperparameters.space:
            argument = argument_name(hp.name)
            if self._names.setdefault(argument, hp.name) != hp.name:
                raise ValueError(
                    f"the hyperparameters {self._names[argument]!r} and {hp.name!r} would both be "
                    f"the argument {argument!r}; give one of them another name"
                )
            defaults.setdefault(argument, hp.default)
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                for name, default in defaults.items()
            ]
        )

    @property
    def _build(self) -> Callable[[Any], keras.Model]:
        return getattr(self.build, "build", self.build)

    def __call__(self, **values: Any) -> keras.Model:
        """Build a model; hyperparameters that are not given have their defaults."""
        unknown = values.keys() - self._names.keys()
        if unknown:
            raise TypeError(f"{self!r} has no hyperparameter {', '.join(sorted(unknown))}")
        hp = self.hyperparameters.copy()
        hp.values = {**_defaults(hp), **{self._names[name]: v for name, v in values.items()}}
        return self._build(hp)

    def __repr__(self) -> str:
        return f"keras_tuner_model({getattr(self.build, '__name__', self.build)})"


def from_keras_tuner(hyperparameters: Any, estimator: Any = None) -> Space:
    """Turn KerasTuner's hyperparameters into distributions.

    Parameters
    ----------
    hyperparameters : keras_tuner.HyperParameters
        After a ``build(hp)`` has filled it in, as in
        ``keras_tuner_model(build).hyperparameters``. What such a model itself is can be given
        too.
    estimator : estimator, default=None
        Where the names are looked up, as `param_distributions` does it: a pipeline, say.

    Returns
    -------
    dict or list of dict
        By the names of the model-building function's arguments, ``model__units`` for ``units``;
        what no argument can be called has underscores instead. ``Int`` becomes `integers` or
        `log_integers`, ``Float`` `uniform` or `log_uniform`, those with other steps or sampling a
        list or a distribution of their own; ``Choice``, ``Boolean`` and ``Fixed`` a list.
        Conditional hyperparameters make a list of dicts, one for each set of values of the
        parents that opens the same.

    Raises
    ------
    TypeError
        If it holds no hyperparameters, or one of a kind that KerasTuner does not have.

    Examples
    --------
    .. code-block:: python

        model = keras_tuner_model(build)
        network = KerasClassifier(model, random_state=0)
        space = from_keras_tuner(model.hyperparameters, network)
        RandomizedSearchCV(network, space, n_iter=20).fit(X, y)
    """
    hyperparameters = getattr(hyperparameters, "hyperparameters", hyperparameters)
    if not hasattr(hyperparameters, "space"):
        raise TypeError(
            f"hyperparameters={hyperparameters!r} must be a keras_tuner.HyperParameters that "
            "build(hp) has filled in"
        )
    known = list(hyperparameters.space)
    parents = list(dict.fromkeys(c.name for hp in known for c in hp.conditions))
    settings = _settings_of_parents(known, parents, {})
    branches = _merge_branches([_branch(known, setting) for setting in settings], parents)
    branches = [{f"model__{argument_name(n)}": s for n, s in b.items()} for b in branches]
    if estimator is not None:
        branches = [resolve(estimator, branch) for branch in branches]
    return one_or_list(branches)


def _discover_hyperparameters(build: Callable[[Any], Any]) -> Any:
    """Call `build` until no value of a choice, no switch and no largest number shows more."""
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    settings: list[dict[str, Any]] = [{}]
    for n_builds, setting in enumerate(settings):
        n_known = len(hp.space)
        hp.values = {**_defaults(hp), **setting}
        try:
            _build_aside(build, hp)
        except Exception:  # a combination that cannot be built; the defaults must be
            if not setting:
                raise
        for new in hp.space[n_known:]:
            others = new.values if hasattr(new, "values") else ()
            if type(new).__name__ in ("Int", "Float"):
                others = (new.max_value,)
            settings += [{**setting, new.name: v} for v in others if v != new.default]
        if n_builds + 1 == _MOST_BUILDS:
            break
    hp.values = {name: value for name, value in _defaults(hp).items() if hp.is_active(name)}
    return hp


def _build_aside(build: Callable[[Any], Any], hp: Any) -> None:
    """Build a model for what it asks for, and leave the process' random state as it was."""
    # imported where a model is built: a space that was read before needs neither Keras nor
    # TensorFlow, and neither does the import of this package
    from .. import training

    training.build(lambda: build(hp), 0)


def _defaults(hp: Any) -> dict[str, Any]:
    return {one.name: one.default for one in reversed(hp.space)}


def _active_hyperparameters(known: Sequence[Any], fixed: dict[str, Any]) -> list[Any]:
    """List the hyperparameters that these values of their parents open."""
    return [
        hp
        for hp in known
        if all(c.name in fixed and fixed[c.name] in c.values for c in hp.conditions)
    ]


def _settings_of_parents(
    known: Sequence[Any], parents: Sequence[str], fixed: dict[str, Any]
) -> list[dict[str, Any]]:
    """List all combinations of values of the parents, inner ones only where they are open."""
    for hp in _active_hyperparameters(known, fixed):
        if hp.name in parents and hp.name not in fixed:
            return [
                setting
                for value in _values(hp)
                for setting in _settings_of_parents(known, parents, {**fixed, hp.name: value})
            ]
    return [fixed]


def _branch(known: Sequence[Any], fixed: dict[str, Any]) -> Branch:
    """Make the dict of a space in which the parents have these values."""
    return {
        hp.name: [fixed[hp.name]] if hp.name in fixed else _distribution(hp)
        for hp in _active_hyperparameters(known, fixed)
    }


def _merge_branches(branches: list[Branch], parents: Sequence[str]) -> list[Branch]:
    """Join the branches that differ in the values of one parent alone."""
    for parent in parents:
        joined: dict[Any, Branch] = {}
        for branch in branches:
            rest = {n: repr(s) for n, s in branch.items() if n != parent}
            key = (parent in branch, tuple(rest.items()))
            if parent in branch and key in joined:
                joined[key][parent] = unique([*joined[key][parent], *branch[parent]])
            else:
                joined[key] = dict(branch)
        branches = list(joined.values())
    return branches


def _values(hp: Any) -> list[Any]:
    """List what a hyperparameter with few values can be."""
    return [hp.value] if hasattr(hp, "value") else list(hp.values)


def _distribution(hp: Any) -> Any:
    kind = type(hp).__name__
    if kind in ("Choice", "Boolean", "Fixed"):
        return unique(_values(hp))
    if kind not in ("Int", "Float"):
        raise TypeError(f"{hp.name}: {kind} is not a hyperparameter of KerasTuner's that is known")
    low, high, step = hp.min_value, hp.max_value, hp.step
    if low == high:
        return [low]
    if kind == "Int" and hp.sampling == "linear":
        step = step or 1
        high = low + (high - low) // step * step
        return Integers(low, high, step) if low < high else [low]
    if step is not None:
        made = int if kind == "Int" else float
        return unique(made(value) for value in hp.values)
    if hp.sampling == "reverse_log":
        return ReverseLog(low, high, kind == "Int")
    if kind == "Int":
        return Integers(low, high, log=True)
    return Uniform(low, high, log=hp.sampling == "log")


@dataclass(frozen=True)
class ReverseLog(OneDimensional):
    """KerasTuner's ``sampling="reverse_log"``: finer near the upper end than near the lower one."""

    low: float
    high: float
    whole: bool = False

    def support(self) -> tuple[float, float]:
        """Get the smallest and the largest value."""
        return self.low, self.high

    def _at(self, u: list[float]) -> float:
        kind: Any = Integers if self.whole else Uniform
        mirrored = kind(self.low, self.high, log=True)
        return self.low + self.high - mirrored.at([1 - u[0]])
