"""
Share a search between processes
================================

Start the same script twice or ten times, and all processes work on one Bayesian search. They share
a file, evaluate no candidate twice, and end with the same result.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from kerasearch import BayesSearchCV, KerasClassifier, integers, log_uniform, summarize

# %%
# The script
# ----------
# ``storage`` is the file that the processes share. Here it is an Optuna journal. ``n_iter`` is the
# number of candidates of all processes together.

SCRIPT = """
import sys
from sklearn.datasets import load_digits
from kerasearch import BayesSearchCV, KerasClassifier, integers, log_uniform

X, y = load_digits(return_X_y=True)
network = KerasClassifier(epochs=10, random_state=0)
space = {
    "optimizer__learning_rate": log_uniform(1e-4, 1e-1),
    "batch_size": integers(16, 256, log=True),
}
search = BayesSearchCV(
    network, space, n_iter=10, cv=3, storage=sys.argv[1], random_state=0, refit=False
)
search.fit(X / 16, y)
"""

folder = tempfile.TemporaryDirectory()
script = Path(folder.name) / "search.py"
script.write_text(SCRIPT, encoding="utf-8")
journal = str(Path(folder.name) / "journal.log")

# %%
# Two processes
# -------------
# If you have two terminals, write ``python search.py journal.log`` in each terminal. A status of 0
# means that a process ended without an error.

processes = [
    subprocess.Popen([sys.executable, str(script), journal], stderr=subprocess.DEVNULL)
    for _ in range(2)
]
print([process.wait() for process in processes])

# %%
# The result
# ----------
# The same call finds all candidates in the journal. It only trains the best candidate, on all rows.

X, y = load_digits(return_X_y=True)
network = KerasClassifier(epochs=10, random_state=0)
space = {
    "optimizer__learning_rate": log_uniform(1e-4, 1e-1),
    "batch_size": integers(16, 256, log=True),
}
search = BayesSearchCV(network, space, n_iter=10, cv=3, storage=journal, random_state=0)
search.fit(X / 16, y)
summarize(search, top=3)[["learning_rate", "batch_size", "mean", "std"]].round(4)

# %%
# The work of each process
# ------------------------
# The study has the start and the end of each trial. Two trials run at a time, one in each process.
# If both processes add the same candidate at the same moment, one of the two trials fails, and
# nothing is trained for this trial.

trials = [trial for trial in search.study_.trials if trial.state.name == "COMPLETE"]
first = min(trial.datetime_start for trial in trials)
starts = np.array([(trial.datetime_start - first).total_seconds() for trial in trials])
seconds = np.array([trial.duration.total_seconds() for trial in trials])

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
bars = ax.barh(range(len(trials)), seconds, left=starts)
ax.bar_label(bars, [f"{trial.value:.3f}" for trial in trials], padding=3)
ax.set(xlabel="seconds since the first candidate began", ylabel="candidate", yticks=range(0, 10, 2))
ax.set_xlim(right=1.1 * (starts + seconds).max())
ax.invert_yaxis()
plt.show()

# %%

folder.cleanup()

# %%
# What to try next
# ----------------
# - Share a database between machines: ``storage="postgresql://..."``
#   (:class:`~kerasearch.BayesSearchCV`).
# - Start one of the processes again after a crash: it continues the search.
# - Share the fits of a grid or random search: give all processes one ``store``
#   (:class:`~kerasearch.FitStore`, :doc:`plot_resume`).
