"""
Search over a network with several heads
========================================

A network can have several targets, with a head for each target. Here the network reads a digit and
estimates the angle by which the image was turned. One head predicts a label, and the other head
predicts a number.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, mean_absolute_error
from sklearn.model_selection import GridSearchCV, train_test_split

from kerasearch import KerasRegressor, summarize

# %%
# The data
# --------
# Each image is turned by up to 45 degrees. The target is a table with a column for each head.

digits = load_digits()
rng = np.random.default_rng(0)
angles = rng.uniform(-45, 45, len(digits.images))
turned = [
    rotate(image, angle, reshape=False, order=1)
    for image, angle in zip(digits.images, angles, strict=True)
]
X = np.stack(turned).reshape(-1, 64) / 16
y = pd.DataFrame({"digit": digits.target.astype(str), "turn": angles / 45})
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=300, random_state=0)
y.head(3)

# %%
# The network
# -----------
# A column goes to the head with the same name. Text is read as labels, and numbers with fractions
# are read as values. The losses follow from this, so only the weights of the losses are given.


def two_heads(meta, units=64):
    inputs = keras.Input((64,))
    hidden = keras.layers.Dense(units, activation="relu")(inputs)
    hidden = keras.layers.Dense(units, activation="relu")(hidden)
    n_digits = meta["targets_"]["digit"].n_classes
    digit = keras.layers.Dense(n_digits, activation="softmax", name="digit")(hidden)
    turn = keras.layers.Dense(1, name="turn")(hidden)
    return keras.Model(inputs, [digit, turn])


network = KerasRegressor(two_heads, epochs=30, optimizer__learning_rate=0.003, random_state=0)

# %%
# The search
# ----------
# ``score`` is the mean over the heads: the accuracy of the labels and the R² of the values. Your
# own scorer can return a score for each head.


def scoring(estimator, X, y):
    predicted = estimator.predict(X)
    return {
        "score": estimator.score(X, y),
        "accuracy": accuracy_score(y["digit"], predicted["digit"]),
        "error": 45 * mean_absolute_error(y["turn"], predicted["turn"]),
    }


weights = [{"digit": 1, "turn": 1}, {"digit": 1, "turn": 10}]
grid = {"units": [16, 64, 128], "compile__loss_weights": weights}
search = GridSearchCV(network, grid, scoring=scoring, refit="score", cv=3)
search.fit(X_train, y_train)
columns = ["units", "loss_weights", "mean", "mean_accuracy", "mean_error"]
summarize(search)[columns].round(3)

# %%
# ``mean_error`` is in degrees. A larger weight for the angle improves the head for the angle, and
# the other head becomes only slightly worse.
#
# The result
# ----------
# ``predict`` returns a table with the same columns as y.

predicted = search.predict(X_test)
predicted.head(3)

# %%

is_right = predicted["digit"].to_numpy() == y_test["digit"].to_numpy()
figure, ax = plt.subplots(figsize=(4.5, 3.4), layout="constrained")
for rows, label in [(is_right, "digit right"), (~is_right, "digit wrong")]:
    ax.scatter(45 * y_test["turn"][rows], 45 * predicted["turn"][rows], s=8, label=label)
ax.set(xlabel="turned by (degrees)", ylabel="predicted")
ax.legend()
plt.show()

# %%
# These are six of the test images with both predictions.

figure, axes = plt.subplots(1, 6, figsize=(7, 1.5), layout="constrained")
for i, ax in enumerate(axes):
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    digit, turn = predicted.iloc[i]
    ax.set(title=f"{digit}, {45 * turn:+.0f}°", xticks=[], yticks=[])
plt.show()

# %%
# What to try next
# ----------------
# - Make fields of any shapes, such as a box and a mask: :func:`kerasearch.stack_inputs`.
# - Leave cells of y empty if a target is not known: ``allow_nan=True``
#   (:class:`~kerasearch.KerasRegressor`).
# - Give the network several inputs too: :doc:`../data/plot_several_inputs`.
