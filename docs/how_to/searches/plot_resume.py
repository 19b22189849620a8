"""
Go on with a search that was killed
===================================

A long search may be killed by a power cut, by the system or by Ctrl-C. With a ``store`` every
finished fit is kept in a folder, and the same call goes on where it was, with the same numbers.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from kerasearch import FitStore, KerasClassifier, summarize

# %%
# A script that is killed
# -----------------------
# The script runs a search of 12 fits in a process of its own. The store needs an integer
# ``random_state``, since only then a fit can be told from another one.

SCRIPT = """
import sys
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from kerasearch import KerasClassifier

X, y = load_digits(return_X_y=True)
network = KerasClassifier(epochs=20, random_state=0, store=sys.argv[1])
grid = {"hidden_layer_sizes": [16, 64], "optimizer__learning_rate": [0.01, 0.001]}
GridSearchCV(network, grid, cv=3).fit(X / 16, y)
"""

folder = tempfile.TemporaryDirectory()
script = Path(folder.name) / "search.py"
script.write_text(SCRIPT, encoding="utf-8")
store = FitStore(Path(folder.name) / "store")

# %%
# We kill it as soon as five fits are there.

with subprocess.Popen(
    [sys.executable, str(script), str(store.path)], stderr=subprocess.DEVNULL
) as process:
    while len(store) < 5 and process.poll() is None:
        time.sleep(0.01)
    process.kill()

print(f"{len(store)} of 12 fits were kept.")

# %%
# The same search again
# ---------------------
# It runs in this process now. A scorer that returns a dict counts the epochs that are really
# trained: a fit that comes from the store has none.


def scoring(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "trained": estimator.n_epochs_trained_}


X, y = load_digits(return_X_y=True)
X = X / 16
network = KerasClassifier(epochs=20, random_state=0, store=store)
grid = {"hidden_layer_sizes": [16, 64], "optimizer__learning_rate": [0.01, 0.001]}
search = GridSearchCV(network, grid, scoring=scoring, refit="accuracy", cv=3).fit(X, y)
summarize(search)[["hidden_layer_sizes", "learning_rate", "mean", "mean_trained"]].round(3)

# %%

trained = np.transpose([search.cv_results_[f"split{fold}_test_trained"] for fold in range(3)])
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
ax.imshow(trained, cmap="Blues", vmin=0, vmax=40, aspect="auto")
for candidate, row in enumerate(trained):
    for fold, epochs in enumerate(row):
        text = f"{epochs:.0f} epochs" if epochs else "from the store"
        ax.text(fold, candidate, text, ha="center", va="center")
ax.set(xticks=range(3), yticks=range(4), xlabel="fold", ylabel="candidate")
plt.show()

# %%
# The numbers
# -----------
# They are those of a search that was never killed, to the last bit.

whole = GridSearchCV(network.set_params(store=None), grid, cv=3).fit(X, y)
same = whole.cv_results_["mean_test_score"] == search.cv_results_["mean_test_accuracy"]
bool(same.all())

# %%

folder.cleanup()

# %%
# What to try next
# ----------------
# - Give a larger grid, or more epochs, with the same store: only what is new is trained.
# - See what a store has: ``frame()`` and ``training_history()`` of :class:`~kerasearch.FitStore`.
# - A Bayesian search needs its study too: ``storage=`` of :class:`~kerasearch.BayesSearchCV`, as in
#   :doc:`plot_share_a_search`.
