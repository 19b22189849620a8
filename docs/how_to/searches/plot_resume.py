"""
Continue a search that was killed
=================================

A long search can be killed by a power failure, by the system or by Ctrl-C. A ``store`` keeps every
finished fit in a folder. The same call then continues the search, with the same numbers.
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
# The script runs a search of 12 fits in a separate process. The store needs an integer
# ``random_state``, because it can find a fit only if the seed is known.

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
# We kill the process as soon as the store has five fits.

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
# Now the search runs in this process. A scorer that returns a dict counts the trained epochs. A fit
# that is read from the store trains no epoch.


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
# The numbers are equal to the numbers of a search that was never killed, to the last bit.

whole = GridSearchCV(network.set_params(store=None), grid, cv=3).fit(X, y)
same = whole.cv_results_["mean_test_score"] == search.cv_results_["mean_test_accuracy"]
bool(same.all())

# %%

folder.cleanup()

# %%
# What to try next
# ----------------
# - Use a larger grid, or more epochs, with the same store: only new fits and epochs are trained.
# - Read the content of a store: ``frame()`` and ``training_history()`` of
#   :class:`~kerasearch.FitStore`.
# - Continue a Bayesian search, which also needs its study: ``storage=`` of
#   :class:`~kerasearch.BayesSearchCV`, as in :doc:`plot_share_a_search`.
