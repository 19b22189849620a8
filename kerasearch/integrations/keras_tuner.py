"""Use ``build(hp)`` of KerasTuner as the model of an estimator, and its search space."""

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

_MOST_BUILDS = 64  # the largest number of models built to find conditional hyperparameters


def keras_tuner_model(build: Any) -> KerasTunerModel:
    """Use a function ``build(hp)`` of KerasTuner as the `model` of an estimator, without changes.

    This function calls `build` with the default values of its hyperparameters, and then with other
    values, to find all hyperparameters. Each hyperparameter becomes an argument of the result, with
    the default value of KerasTuner.

    Parameters
    ----------
    build : callable or keras_tuner.HyperModel
        A function from `keras_tuner.HyperParameters` to a Keras model. If the model is compiled,
        do not set `optimizer`, `loss` and `metrics` of the estimator.

    Returns
    -------
    KerasTunerModel
        A model-building function. Pass its attribute `hyperparameters` to `from_keras_tuner`.

    Raises
    ------
    ImportError
        If KerasTuner is not installed.
    TypeError
        If `build` is not callable.
    ValueError
        If two hyperparameters would become the same argument.

    See Also
    --------
    from_keras_tuner : Make the search space.
    KerasClassifier : The estimator that uses the result as its `model`.

    Examples
    --------
    >>> import keras
    >>> from kerasearch import KerasClassifier, keras_tuner_model
    >>> def build(hp):
    ...     hidden = keras.layers.Dense(hp.Int("units", 16, 64, default=32), "relu")
    ...     layers = [keras.Input((4,)), hidden, keras.layers.Dense(3, "softmax")]
    ...     model = keras.Sequential(layers)
    ...     model.compile("adam", "sparse_categorical_crossentropy")
    ...     return model
    >>> network = KerasClassifier(keras_tuner_model(build), epochs=20, random_state=0)
    >>> network.get_params()["model__units"]
    32
    """
    return KerasTunerModel(build)


class KerasTunerModel:
    """A model-building function with KerasTuner's hyperparameters as its arguments.

    `keras_tuner_model` returns such an object.

    Parameters
    ----------
    build : callable or keras_tuner.HyperModel
        A function from `keras_tuner.HyperParameters` to a Keras model.

    Attributes
    ----------
    hyperparameters : keras_tuner.HyperParameters
        The hyperparameters that `build` uses.
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
                    f"the hyperparameters {self._names[argument]!r} and {hp.name!r} would both "
                    f"become the argument {argument!r}; rename one of them"
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
        """Build a model; a hyperparameter that is not given has its default value."""
        unknown = values.keys() - self._names.keys()
        if unknown:
            raise TypeError(f"{self!r} has no hyperparameter {', '.join(sorted(unknown))}")
        hp = self.hyperparameters.copy()
        hp.values = {**_defaults(hp), **{self._names[name]: v for name, v in values.items()}}
        return self._build(hp)

    def __repr__(self) -> str:
        return f"keras_tuner_model({getattr(self.build, '__name__', self.build)})"


def from_keras_tuner(hyperparameters: Any, estimator: Any = None) -> Space:
    """Turn the hyperparameters of KerasTuner into a search space.

    Parameters
    ----------
    hyperparameters : keras_tuner.HyperParameters or KerasTunerModel
        Hyperparameters after a call of ``build(hp)``, such as
        ``keras_tuner_model(build).hyperparameters``; or the result of `keras_tuner_model` itself.
    estimator : estimator, default=None
        The estimator in which the full names are looked up, as in `param_distributions`. Pass it
        if the Keras estimator is inside a pipeline or ensemble.

    Returns
    -------
    dict or list of dict
        Lists and distributions by parameter names. The hyperparameter ``units`` has the name
        ``model__units``; characters that a name of an argument cannot have become underscores.
        ``Int`` becomes `integers` or `log_integers`. ``Float`` becomes `uniform` or `log_uniform`.
        If they have a step that these distributions do not support, they become a list, and
        ``sampling="reverse_log"`` becomes a special distribution. ``Choice``, ``Boolean`` and
        ``Fixed`` become lists. Conditional hyperparameters give a list of dicts. Values of a
        parent that make the same hyperparameters active share a dict.

    Raises
    ------
    TypeError
        If `hyperparameters` is of another type, or contains an unknown kind of hyperparameter.
    ValueError
        If `estimator` has no such parameter.

    See Also
    --------
    keras_tuner_model : Use ``build(hp)`` as the model of an estimator.
    param_distributions : Make a space without KerasTuner.

    Examples
    --------
    >>> import keras_tuner
    >>> from kerasearch import from_keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> units, rate = hp.Int("units", 16, 64), hp.Float("dropout", 0.0, 0.5)
    >>> from_keras_tuner(hp)
    {'model__units': integers(16, 64), 'model__dropout': uniform(0.0, 0.5)}
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
    """Call `build` with various values until they reveal no further hyperparameter.

    The values are each value of a choice or boolean, and the largest value of a number.
    """
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    settings: list[dict[str, Any]] = [{}]
    for n_builds, setting in enumerate(settings):
        n_known = len(hp.space)
        hp.values = {**_defaults(hp), **setting}
        try:
            _build_aside(build, hp)
        except Exception:  # some combinations cannot be built, but the default values must work
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
    """Build a model to see its hyperparameters; the process keeps its random state."""
    # imported here, so that a known space and the import of this package need no Keras
    from .. import training

    training.build(lambda: build(hp), 0)


def _defaults(hp: Any) -> dict[str, Any]:
    return {one.name: one.default for one in reversed(hp.space)}


def _active_hyperparameters(known: Sequence[Any], fixed: dict[str, Any]) -> list[Any]:
    """List the hyperparameters that the given values of their parents make active."""
    return [
        hp
        for hp in known
        if all(c.name in fixed and fixed[c.name] in c.values for c in hp.conditions)
    ]


def _settings_of_parents(
    known: Sequence[Any], parents: Sequence[str], fixed: dict[str, Any]
) -> list[dict[str, Any]]:
    """List all combinations of values of the parents that are active in the combination."""
    for hp in _active_hyperparameters(known, fixed):
        if hp.name in parents and hp.name not in fixed:
            return [
                setting
                for value in _values(hp)
                for setting in _settings_of_parents(known, parents, {**fixed, hp.name: value})
            ]
    return [fixed]


def _branch(known: Sequence[Any], fixed: dict[str, Any]) -> Branch:
    """Make the branch of a space in which the parents have the given values."""
    return {
        hp.name: [fixed[hp.name]] if hp.name in fixed else _distribution(hp)
        for hp in _active_hyperparameters(known, fixed)
    }


def _merge_branches(branches: list[Branch], parents: Sequence[str]) -> list[Branch]:
    """Join branches that differ only in the values of one parent."""
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
    """List the values of a hyperparameter that has a list of values."""
    return [hp.value] if hasattr(hp, "value") else list(hp.values)


def _distribution(hp: Any) -> Any:
    kind = type(hp).__name__
    if kind in ("Choice", "Boolean", "Fixed"):
        return unique(_values(hp))
    if kind not in ("Int", "Float"):
        raise TypeError(f"{hp.name}: {kind} is an unknown kind of KerasTuner hyperparameter")
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
    """KerasTuner's ``sampling="reverse_log"``, which is denser near the upper end."""

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
