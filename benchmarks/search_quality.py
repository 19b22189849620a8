"""What grid, random, Sobol, Bayesian search, halving and Hyperband find with the same epochs.

Run ``python -m benchmarks.search_quality``. On each of four data sets, the script trains every
point of a space of networks once. It stores the scores in the folder ``--table``, and a second run
only reads them. The script then replays each search many times. It compares the searches by the
test score of the candidate that they pick by its validation score.

``--figure FILE`` draws the scores. ``--by loss`` chooses and scores by the negative loss.
``--swap`` chooses on the test part and scores on the validation part, which shows whether a result
holds on other rows. ``--table benchmarks/tables`` uses the table of the figures in the README.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ._processes import machine, print_table
from ._replay import LAST, METHODS, N_TRIALS, curves, points
from ._table import DATASETS, EPOCHS, GRID, SHAPE, SPACE, Table, make

FULL = EPOCHS[LAST]
SHOWN = (4, 8, 16, 32, 64, 96)  # budgets, as numbers of full trainings
N_RANDOM = 4 * N_TRIALS  # the most trials in which random search may reach a score
PASSES = (4, 14)  # budgets; halving takes 3 trainings, and a pass of Hyperband 13.2
PARTS = ("validation", "test")
Curves = dict[str, np.ndarray]  # for each method: (n_repetitions, validation and test, n_trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=Path("build/search_quality"), metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=DATASETS, default=DATASETS)
    parser.add_argument("--by", choices=["score", "loss"], default="score")
    parser.add_argument("--swap", action="store_true", help="exchange validation and test")
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    args = parser.parse_args()

    names = tuple(args.only)
    make(args.table, names, args.jobs)
    tables = {name: Table.read(args.table, name, args.by, args.swap) for name in names}
    found = replay(tables, args.repetitions, args.jobs)
    qualities = {
        part: [row for name in names for row in quality(name, found[name], part)] for part in PARTS
    }
    claims = {
        "random and grid": [random_and_grid(tables[n], found[n]) for n in names],
        "what matters": [what_matters(tables[n]) for n in names],
        "why": [why(tables[n]) for n in names],
        "savings": [row for n in names for row in savings(n, found[n])],
        "TPE and random": [tpe_and_random(n, found[n]) for n in names],
    }
    for part, rows in qualities.items():
        print(f"\n{part} {args.by} after as many epochs as ... trainings of {FULL}\n")
        print_table(rows)
    for claim, rows in claims.items():
        print(f"\n{claim}\n")
        print_table(rows)
    if args.figure:
        draw(found, args.figure, args.by)
    print(json.dumps({"machine": machine(), "quality": qualities, "claims": claims}))


def replay(tables: dict[str, Table], repetitions: int, n_jobs: int) -> dict[str, Curves]:
    """Replay each search on each data set, `repetitions` times."""
    from joblib import Parallel, delayed

    size = 25
    chunks = [range(i, min(i + size, repetitions)) for i in range(0, repetitions, size)]
    work = [(name, method) for name in tables for method in METHODS]
    done = Parallel(n_jobs)(
        delayed(curves)(tables[name], m, seeds, N_RANDOM if m == "random" else N_TRIALS)
        for name, m in work
        for seeds in chunks
    )
    found: dict[str, Curves] = {name: {} for name in tables}
    for i, (name, method) in enumerate(work):
        found[name][method] = np.concatenate(done[i * len(chunks) : (i + 1) * len(chunks)])
    return found


def quality(name: str, found: Curves, part: str) -> list[dict[str, str]]:
    """Return mean scores by budget, with 95 % confidence intervals over the repetitions."""
    rows = []
    for method, values in found.items():
        mean, half = _mean(values[:, PARTS.index(part)])
        cells = {str(k): f"{mean[k - 1]:.3f} ± {half[k - 1]:.3f}" for k in SHOWN}
        rows.append({"data": name, "search": method} | cells)
    return rows


def random_and_grid(table: Table, found: Curves) -> dict[str, str]:
    """Count the random trials that reach the grid, and the mean of grids drawn at random."""
    score = np.nan_to_num(table.validation[:, LAST], nan=-np.inf)
    best = score[points(GRID)].max()
    n, good = len(score), int((score >= best).sum())
    drawn = np.array([_drawn_grid(table, seed) for seed in range(200)])
    random = found["random"].mean(axis=0)
    grid = found["grid"][:, :, -1].mean(axis=0)
    return {
        "data": table.name,
        "grid": f"{best:.3f}, {grid[1]:.3f}",
        f"random {N_TRIALS}": ", ".join(f"{random[part, N_TRIALS - 1]:.3f}" for part in (0, 1)),
        "as good or better": f"{good / n:.2%}",
        "trials: even chance": _at_most(_draws(n, good, 0.5)),
        "trials: nine in ten": _at_most(_draws(n, good, 0.9)),
        "trials: mean test": _at_most(_first(random[1] >= grid[1])),
        "drawn grids": ", ".join(f"{drawn[:, part].mean():.3f}" for part in (0, 1)),
        "trials: their mean validation": _at_most(_first(random[0] >= drawn[:, 0].mean())),
        "trials: their mean test": _at_most(_first(random[1] >= drawn[:, 1].mean())),
    }


def what_matters(table: Table) -> dict[str, str]:
    """Compute the share of the variance of validation scores that each hyperparameter explains.

    The next two columns are the share that hyperparameters explain only in combination, and the
    part of this share that belongs to learning rate and optimizer. All shares are exact, because
    the table has every point of the space. The last column counts how often `importance` names the
    strongest hyperparameter from 64 random candidates.
    """
    from kerasearch import importance

    score = np.fmax(table.validation[:, LAST], table.validation_floor)
    cube = score.reshape(SHAPE)
    axes = range(len(SHAPE))
    alone = {
        name: cube.mean(axis=tuple(a for a in axes if a != i)).var() / cube.var()
        for i, name in enumerate(SPACE)
    }
    strongest = max(alone, key=alone.__getitem__)
    hits = 0
    for seed in range(20):
        some = np.random.default_rng(seed).choice(len(score), 64, replace=False)
        results = {"params": [table.params[i] for i in some], "mean_test_score": score[some]}
        hits += importance(results).index[0] == strongest
    shares = {name: f"{share:.0%}" for name, share in alone.items()}
    pair = ("learning_rate", "optimizer")
    others = tuple(i for i, name in enumerate(SPACE) if name not in pair)
    both = cube.mean(axis=others).var() / cube.var() - sum(alone[name] for name in pair)
    together = {"together": f"{1 - sum(alone.values()):.0%}", " and ".join(pair): f"{both:.0%}"}
    return {"data": table.name} | shares | together | {"importance": f"{hits} of 20"}


def why(table: Table) -> dict[str, str]:
    """Look for reasons: the share of Adam, the ranks of early scores, and scores on other rows."""
    from scipy.stats import spearmanr

    scores = np.fmax(table.validation, table.validation_floor)
    adam = np.array([params["optimizer"] == "adam" for params in table.params])
    early, best = (_best(scores[:, rung], 0.1) for rung in (0, LAST))
    test = np.fmax(table.test[best, LAST], table.test_floor)
    row = {
        "data": table.name,
        "Adam in the best twentieth": f"{adam[_best(scores[:, LAST], 0.05)].mean():.0%}",
        "best tenth in it after 1 epoch": f"{early[best].mean():.0%}",
    }
    for rung in (0, LAST):
        r = spearmanr(scores[best, rung], test).statistic
        row[f"test of the best tenth with validation after {EPOCHS[rung]}"] = f"{r:+.2f}"
    return row


def savings(name: str, found: Curves) -> list[dict[str, str]]:
    """Compute how many times as many epochs random search needs for the same mean score.

    The last column of each part has the epochs that the search needs for the mean score that random
    search has after 64 trials.
    """
    rows = []
    for method in ("halving", "Hyperband"):
        row = {"data": name, "search": method}
        for part, label in enumerate(PARTS):
            these, random = found[method][:, part], found["random"][:, part]
            for k in PASSES:
                row[f"{label}, {k * FULL} epochs"] = _reached(these[:, k - 1], random, 1 / k, 1)
            goal = f"{label}, epochs to random's {64 * FULL}"
            row[goal] = _reached(random[:, 63], these, FULL, 0)
        rows.append(row)
    return rows


def tpe_and_random(name: str, found: Curves) -> dict[str, str]:
    """Return the mean of TPE minus the mean of random search, with 95 % confidence intervals."""
    row = {"data": name}
    for part, label in enumerate(PARTS):
        for k in (16, 32, 64):
            (tpe, a), (random, b) = (_mean(found[m][:, part, k - 1]) for m in ("TPE", "random"))
            row[f"{label}, {k} trials"] = f"{tpe - random:+.4f} ± {math.hypot(a, b):.4f}"
    return row


def draw(found: dict[str, Curves], path: Path, by: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from PIL import Image

    figure, axes = plt.subplots(
        2, len(found), figsize=(3.4 * len(found), 6), sharex=True, squeeze=False, layout="tight"
    )
    budgets = np.arange(1, N_TRIALS + 1)
    for column, (name, searches) in enumerate(found.items()):
        for part, label in enumerate(PARTS):
            ax = axes[part, column]
            for method, values in searches.items():
                these = values[:, part, :N_TRIALS]
                mean, half = _mean(these)
                (line,) = ax.plot(budgets * FULL, mean, label=method, linewidth=1.4)
                band = {"color": line.get_color(), "alpha": 0.15, "linewidth": 0}
                ax.fill_between(budgets * FULL, mean - half, mean + half, **band)
            start = min(_mean(v[:, part])[0][3] for v in searches.values())
            top = max(_mean(v[:, part, :N_TRIALS])[0].max() for v in searches.values())
            ax.set(xscale="log", xlim=(4 * FULL, N_TRIALS * FULL))
            ax.set_ylim(start - 0.02 * (top - start), top + 0.06 * (top - start))
            ax.set_title(name if part == 0 else "")
            ax.grid(alpha=0.3)
            if part:
                ax.set_xlabel("epochs")
            if column == 0:
                ax.set_ylabel(f"{label} {'score' if by == 'score' else 'negative loss'}")
            ticks = [4, 8, 16, 32, 64]
            ax.set_xticks([k * FULL for k in ticks], [str(k * FULL) for k in ticks])
            ax.minorticks_off()
    axes[1, 0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(128).save(path, optimize=True)


def _mean(values: np.ndarray) -> tuple[Any, Any]:
    """Return the mean over repetitions, and half the width of its 95 % confidence interval."""
    return values.mean(axis=0), 1.96 * values.std(axis=0, ddof=1) / math.sqrt(len(values))


def _drawn_grid(table: Table, seed: int) -> tuple[float, float]:
    """Return the validation score and the test score of the pick of a random grid.

    The grid has 96 points: 3 learning rates, and 2 values of 5 other hyperparameters.
    """
    rng = np.random.default_rng(seed)
    rate, others = "learning_rate", [name for name in SPACE if name != "learning_rate"]
    wide = set(rng.choice(others, 5, replace=False))
    sizes = {name: 3 if name == rate else 2 if name in wide else 1 for name in SPACE}
    places = {name: rng.choice(len(SPACE[name]), sizes[name], replace=False) for name in SPACE}
    chosen = rng.permutation(points({n: [SPACE[n][i] for i in places[n]] for n in SPACE}))
    pick = chosen[np.nan_to_num(table.validation[chosen, LAST], nan=-np.inf).argmax()]
    return (
        float(np.fmax(table.validation[pick, LAST], table.validation_floor)),
        float(np.fmax(table.test[pick, LAST], table.test_floor)),
    )


def _reached(goal: np.ndarray, curves: np.ndarray, unit: float, digits: int) -> str:
    """Return the budget at which the mean of curves reaches the mean of a goal.

    The interval is a 95 % bootstrap interval over the repetitions.
    """
    rng = np.random.default_rng(0)

    def at(goal: np.ndarray, curves: np.ndarray) -> float:
        return unit * (_first(curves.mean(axis=0) >= goal.mean()) or math.inf)

    n, m = len(goal), len(curves)
    again = [at(goal[rng.integers(0, n, n)], curves[rng.integers(0, m, m)]) for _ in range(500)]
    low, high = np.quantile(again, [0.025, 0.975], method="nearest")
    most = f">{curves.shape[1] * unit:.0f}"
    here, low, high = (
        most if math.isinf(budget) else f"{budget:.{digits}f}"
        for budget in (at(goal, curves), low, high)
    )
    return f"{here} ({low} to {high})"


def _best(scores: np.ndarray, share: float) -> np.ndarray:
    """Mark the best share of the scores, with all scores that tie with the last of them."""
    return scores >= np.quantile(scores, 1 - share)


def _draws(n: int, good: int, chance: float) -> int | None:
    """Count draws without replacement until a good candidate is drawn with this probability."""
    none = 1.0
    for drawn in range(N_RANDOM):
        none *= max(n - good - drawn, 0) / (n - drawn)
        if 1 - none >= chance:
            return drawn + 1
    return None


def _first(reached: np.ndarray) -> int | None:
    return int(reached.argmax()) + 1 if reached.any() else None


def _at_most(n: int | None) -> str:
    return f">{N_RANDOM}" if n is None else str(n)


if __name__ == "__main__":
    main()
