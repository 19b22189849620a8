"""
Stop early inside a search
==========================

Give a network more epochs than it needs. Each fit then stops when its validation loss no longer
improves. The validation rows are held out of the training fold, so that no fit uses the test
fold.
"""

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from kerasearch import FitStore, KerasClassifier, TrainingCurvesDisplay, summarize

# %%
# The network
# -----------
# A fifth of the training rows is held out, stratified. A fit stops if the loss of these rows did
# not improve in three epochs. It then restores its best weights. Each fit has a copy of the
# callback.

X, y = load_digits(return_X_y=True)
stopping = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
network = KerasClassifier(
    epochs=100,
    validation_split=0.2,
    callbacks=[stopping],
    random_state=0,
    store=FitStore(),
)

# %%
# The search
# ----------
# A scorer that returns a dict puts the number of epochs into ``cv_results_``.


def scoring(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "epochs": estimator.n_epochs_}


grid = {"optimizer__learning_rate": [0.03, 0.01, 0.003]}
search = GridSearchCV(network, grid, scoring=scoring, refit="accuracy", cv=3)
search.fit(X / 16, y)
summarize(search)[["learning_rate", "mean", "std", "epochs"]].round(3)

# %%
# A larger learning rate needs fewer epochs. The table is sorted by accuracy, and ``epochs`` is the
# mean over the folds.
#
# The curves
# ----------
# The store keeps the history of every fit. Without a path, the store is a temporary directory.

TrainingCurvesDisplay.from_search(search)
plt.show()

# %%
# What to try next
# ----------------
# - Search over the patience: give the class, ``callbacks=[keras.callbacks.EarlyStopping]``, and put
#   ``callbacks__0__patience`` into the grid.
# - Validate on the last rows of a time series: :doc:`../data/plot_time_series`.
# - Give few epochs to many candidates, and more epochs to the best candidates:
#   :class:`~kerasearch.HyperbandSearchCV`.
# - See all arguments of the display: :class:`~kerasearch.TrainingCurvesDisplay`.
