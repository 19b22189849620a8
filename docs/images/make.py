"""Make the README's plots of a search: ``python docs/images/make.py``."""

from __future__ import annotations

from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV

from kerasearch import (
    CoverageDisplay,
    KerasClassifier,
    SliceDisplay,
    choice,
    integers,
    log_uniform,
    uniform,
)

HERE = Path(__file__).parent


def search() -> RandomizedSearchCV:
    """Draw 60 small networks for scikit-learn's digits."""
    X, y = load_digits(return_X_y=True)
    space = {
        "optimizer__learning_rate": log_uniform(1e-5, 1e-1),
        "hidden_layer_sizes": integers(8, 256),
        "dropout": uniform(0, 0.6),
        "activation": choice(["relu", "tanh", "sigmoid"]),
    }
    network = KerasClassifier(epochs=10, random_state=0)
    search = RandomizedSearchCV(network, space, n_iter=60, scoring="accuracy", cv=3, random_state=0)
    return search.fit(X / 16, y)


def main() -> None:
    """Write the PNG files beside this file."""
    drawn = search()
    coverage = CoverageDisplay.from_search(drawn, "learning_rate", "hidden_layer_sizes")
    coverage.figure_.savefig(HERE / "coverage.png", dpi=80)
    slices = SliceDisplay.from_search(drawn, n_columns=2)
    slices.figure_.savefig(HERE / "slices.png", dpi=80)


if __name__ == "__main__":
    main()
