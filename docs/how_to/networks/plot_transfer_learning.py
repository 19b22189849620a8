"""
Transfer learning from your own network
=======================================

A network that was trained on many rows is a good start for a related task with few rows. Each fit
of the search starts from a copy of this network. The search decides whether the copy is trained
further.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from kerasearch import KerasClassifier, summarize

# %%
# The base
# --------
# The base network learns from 1,200 images of a first camera.

X, y = load_digits(return_X_y=True)
X = X / 16


def features():
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
        ]
    )


def first_network(meta):
    return keras.Sequential([features(), keras.layers.Dense(10, activation="softmax")])


first = KerasClassifier(first_network, epochs=20, random_state=0).fit(X[:1200], y[:1200])
base = first.model_.layers[0]

# %%
# A second camera makes darker images with noise, and its light comes from the left. The base
# network often predicts wrong labels for these images.

rng = np.random.default_rng(0)
light = np.tile(np.linspace(0.4, 0, 8), 8)
X_second = 0.6 * X[1200:] + light + rng.normal(0, 0.12, (597, 64))
y_second = y[1200:]
for name, pictures in [("first", X[1200:]), ("second", X_second)]:
    print(f"Accuracy on pictures of the {name} camera: {first.score(pictures, y_second):.2f}")

# %%
# The network
# -----------
# The base was made outside the builder. Therefore each fit trains a copy that starts from the
# weights of the base. The weights of the base itself never change.


def second_network(meta, start="base", train_start=True):
    layers = base if start == "base" else features()
    layers.trainable = train_start
    output = keras.layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input((64,)), layers, output])


# %%
# The search
# ----------
# Only 40 images of the second camera have labels. ``"nothing"`` is the same network without the
# weights of the base.

network = KerasClassifier(
    second_network, epochs=40, batch_size=10, optimizer__learning_rate=0.01, random_state=0
)
candidates = [{"start": ["base"], "train_start": [True, False]}, {"start": ["nothing"]}]


def search_with(n_rows):
    splits = StratifiedShuffleSplit(5, train_size=n_rows, test_size=400, random_state=0)
    search = GridSearchCV(network, candidates, cv=splits, refit=False)
    return search.fit(X_second, y_second)


summarize(search_with(40))[["start", "train_start", "mean", "std"]].round(3)

# %%
# The frozen base is best, because training on so few rows makes the weights worse. With more rows,
# it is better to train the copy further.

sizes = [20, 40, 80, 160]
scores = np.array([search_with(size).cv_results_["mean_test_score"] for size in sizes])
names = ["base, trained further", "base, frozen", "nothing"]
figure, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
for name, line in zip(names, scores.T, strict=True):
    ax.plot(sizes, line, "o-", label=name)
ax.set(xlabel="training rows", ylabel="accuracy", xticks=sizes)
ax.legend()
plt.show()

# %%
# What to try next
# ----------------
# - Use a saved model as the base: ``base = keras.models.load_model("base.keras")``.
# - Train the base without labels: :doc:`plot_autoencoder`.
# - Give a whole model as ``model=``, which is then a template:
#   :class:`~kerasearch.KerasClassifier`.
