"""The base class of the displays, and the preparation of their data and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils.checks import as_integer
from ..cv_results.reading import read
from ..cv_results.search_results import SearchResults
from ..results.comparison import undecided
from ..results.fanova import by_importance

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class SearchDisplay:
    """A plot in scikit-learn's Display convention.

    A subclass defines the size of a new figure in `_size`, and draws on the axes in `_draw`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the axes.
    """

    ax_: Axes
    figure_: Figure

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the plot again, on `ax` or on axes of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : SearchDisplay
            This object. The attributes that end in ``_`` belong to the new plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not an Axes.
        """
        require_matplotlib(type(self))
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(figsize=self._size(), layout="constrained")[1]
        self.ax_ = check_axes(ax)
        self.figure_ = ax.figure  # type: ignore[assignment]
        self._draw(ax)
        return self

    def _size(self) -> tuple[float, float]:
        """Get the width and height of a new figure, in inches."""
        return 5.6, 3.8

    def _draw(self, ax: Axes) -> None:
        raise NotImplementedError


def require_matplotlib(display: type) -> None:
    """Raise an ImportError that says how to install matplotlib, if it is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{display.__name__} needs matplotlib; install it with pip install 'kerasearch[plot]' "
            "or pip install matplotlib"
        ) from error


def check_axes(ax: Any) -> Axes:
    """Raise a TypeError if an object is not an Axes."""
    if not hasattr(ax, "get_subplotspec"):
        raise TypeError(f"ax={ax!r} must be matplotlib Axes or None")
    return ax


def panels(
    ax: Axes | Sequence[Axes] | None, n: int, n_columns: int, size: tuple[float, float]
) -> np.ndarray:
    """Get axes for `n` panels: the given axes, a grid in the place of one axes, or a new figure.

    Parameters
    ----------
    ax : Axes, sequence of Axes or None
        The axes to draw on.
    n : int
        The number of panels.
    n_columns : int
        The number of panels side by side.
    size : (float, float)
        The width and height of each panel in a new figure, in inches.

    Returns
    -------
    axes : ndarray of Axes, shape (n,)
        The axes of the panels.
    """
    columns = as_integer(n_columns)
    if columns is None or columns < 1:
        raise ValueError(f"n_columns={n_columns!r} must be an integer of at least 1")
    columns = min(columns, n)
    rows = -(-n // columns)
    if isinstance(ax, Sequence | np.ndarray):
        given = np.array([check_axes(each) for each in np.ravel(np.asarray(ax, dtype=object))])
        if len(given) != n:
            raise ValueError(f"ax has {len(given)} axes, but {n} panels are to be drawn")
        return given
    if ax is None:
        import matplotlib.pyplot as plt

        width, height = max(size[0] * columns, 4), size[1] * rows
        figure = plt.figure(figsize=(width, height), layout="constrained")
        places: Any = figure.add_gridspec(rows, columns)
    elif n == 1:
        return np.array([check_axes(ax)])
    elif (place := check_axes(ax).get_subplotspec()) is None:
        raise ValueError(
            f"ax must be {n} axes, one for each panel, or a single axes made by plt.subplots"
        )
    else:
        figure = ax.figure  # type: ignore[assignment]
        ax.set_axis_off()
        # without a layout engine, labels would overlap with the neighboring panels
        room: dict[str, Any] = {} if figure.get_layout_engine() else {"hspace": 0.6, "wspace": 0.15}
        places = place.subgridspec(rows, columns, **room)
    return np.array([figure.add_subplot(places[divmod(i, columns)]) for i in range(n)])


def two_parameters(
    results: SearchResults, x: str | None, y: str | None, metric: str | None
) -> dict[str, Any]:
    """Get the arguments of a display of two parameters.

    A name that is None is replaced by the most important parameter. If both are None, the two most
    important parameters are used in the order of the search.
    """
    x = None if x is None else results.parameter(x)
    y = None if y is None else results.parameter(y)
    if x is not None and x == y:
        raise ValueError(f"x and y are both {x!r}; use SliceDisplay to plot one parameter")
    wanted = (x is None) + (y is None)
    ranked = by_importance(results, metric) if 0 < wanted < len(results.varying()) else []
    others = dict.fromkeys([*ranked, *results.varying(), *results.names])
    chosen = [name for name in others if name not in (x, y)][:wanted]
    chosen.sort(key=list(results.names).index)
    if x is None:
        if not chosen:
            raise ValueError("the search has no other parameter to plot against y")
        x = chosen.pop(0)
    if y is None and chosen:
        y = chosen[0]
    return {
        "x": results.values(x),
        "y": None if y is None else results.values(y),
        "scores": results.mean(metric),
        "x_name": results.names[x],
        "y_name": None if y is None else results.names[y],
        "metric": results.metric_label(metric),
    }


def several_parameters(
    results: SearchResults, names: Sequence[str] | str | None, metric: str | None
) -> dict[str, Any]:
    """Get the arguments of a display of several parameters; None means all that vary."""
    if names is None:
        chosen = results.varying() or list(results.names)
    else:
        given = [names] if isinstance(names, str) else list(names)
        chosen = list(dict.fromkeys(results.parameter(name) for name in given))
    if not chosen:
        raise ValueError("the candidates have no parameters to plot")
    has_score = np.isfinite(results.mean(metric)).any()
    return {
        "values": {results.names[name]: results.values(name) for name in chosen},
        "scores": results.mean(metric),
        "metric": results.metric_label(metric),
        "best": results.best(metric) if has_score else None,
        "decided": not (has_score and undecided(results, metric)),
    }


def several_searches(search: Any) -> dict[str, SearchResults]:
    """Read one search, a dict of searches or a sequence of searches, as a dict from names.

    The name of a single search is ``""``.
    """
    if isinstance(search, Mapping) and not any(str(k).startswith("mean_test_") for k in search):
        named = {str(name): one for name, one in search.items()}
    elif isinstance(search, Sequence) and not isinstance(search, str):
        named = {f"search {i}": one for i, one in enumerate(search, start=1)}
    else:
        return {"": read(search)}
    if not named:
        raise ValueError("search is empty; pass at least one search")
    return {name: read(one) for name, one in named.items()}


def one_metric(searches: Mapping[str, SearchResults], metric: str | None) -> str:
    """Get the name of the searches' common metric; raise if their metrics differ."""
    labels = {name: each.metric_label(metric) for name, each in searches.items()}
    # a table without its search has the name "score" for any metric
    known = dict.fromkeys(label for label in labels.values() if label != "score") or ["score"]
    if len(known) > 1:
        each = ", ".join(f"{name}: {label}" for name, label in labels.items())
        raise ValueError(f"the searches have different metrics ({each}); pass metric")
    return next(iter(known))
