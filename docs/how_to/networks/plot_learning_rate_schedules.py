"""
Search over learning-rate schedules
===================================

A learning rate can be constant, or it can fall during training. If you give the class of a schedule
as the learning rate, the arguments of the schedule become hyperparameters too.
"""

import matplotlib.pyplot as plt
import numpy as np
from keras.optimizers.schedules import CosineDecay, ExponentialDecay
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from kerasearch import KerasClassifier, param_grid, summarize, when

# %%
# The grid
# --------
# Each schedule has its own arguments. Therefore ``when`` makes a part of the grid for each
# schedule. A training fold has 1,198 rows. Ten epochs of batches with 32 rows are 380 steps.

X, y = load_digits(return_X_y=True)
X = X / 16
network = KerasClassifier(epochs=10, random_state=0)
starts = [0.1, 0.01, 0.001]
cosine = when(CosineDecay, initial_learning_rate=starts, decay_steps=[380])
exponential = when(
    ExponentialDecay, initial_learning_rate=starts, decay_steps=[38], decay_rate=[0.7]
)
grid = param_grid(network, learning_rate=[*starts, cosine, exponential])

# %%
# The plot shows the three learning rates, which all start at 0.01.

steps = np.arange(381)
schedules = {
    "constant": lambda step: 0.01,
    "CosineDecay": CosineDecay(0.01, 380),
    "ExponentialDecay": ExponentialDecay(0.01, 38, 0.7),
}
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
for name, schedule in schedules.items():
    ax.plot(steps, [float(schedule(step)) for step in steps], label=name)
ax.set(xlabel="step", ylabel="learning rate")
ax.legend()
plt.show()

# %%
# The search
# ----------

search = GridSearchCV(network, grid, cv=3, refit=False).fit(X, y)
table = summarize(search)
table[["learning_rate", "initial_learning_rate", "mean", "std"]].round(3)

# %%

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
scores = search.cv_results_["mean_test_score"].reshape(3, 3)
for line, name in zip(scores, schedules, strict=True):
    ax.plot(starts, line, "o-", label=name)
ax.set(xscale="log", xlabel="first learning rate", ylabel="accuracy")
ax.legend()
plt.show()

# %%
# The last fit
# ------------
# A fit on all 1,797 rows has more steps than a fit on a training fold. With a schedule that ends
# after 380 steps, the network would not learn in the last epochs. Therefore the search does not
# refit, and the best candidate is trained here with the right number of steps.

best = dict(search.best_params_)
steps = "optimizer__learning_rate__decay_steps"
if steps in best:
    best[steps] = round(best[steps] * 1797 / 1198)
network.set_params(**best).fit(X, y)
best

# %%
# What to try next
# ----------------
# - Draw the initial rate at random: ``log_uniform(1e-3, 1e-1)`` in
#   :class:`~sklearn.model_selection.RandomizedSearchCV` (:func:`kerasearch.log_uniform`).
# - Reduce the rate when the validation loss no longer improves: ``callbacks=[ReduceLROnPlateau()]``
#   with ``validation_split`` (:doc:`plot_early_stopping`).
# - Read which object gets a parameter: :class:`~kerasearch.KerasClassifier`.
