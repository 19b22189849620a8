"""
Search over a network that gives a label to each position
=========================================================

A tagger predicts a label for each step of a sequence. The target has a row of labels for each row
of X. Everything else in the search stays the same.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from kerasearch import KerasClassifier, summarize

# %%
# The data
# --------
# These are 200 recordings of a step counter. Each recording has 60 measurements of a person who
# rests, walks and runs in turn.

rng = np.random.default_rng(0)
HEIGHT = {"rest": 0.1, "walk": 1.0, "run": 1.4}
SPEED = {"rest": 0.0, "walk": 0.7, "run": 1.5}


def recording():
    starts = np.sort(rng.choice(np.arange(10, 50, 5), 2, replace=False))
    tags = np.repeat(rng.permutation(list(HEIGHT)), np.diff([0, *starts, 60]))
    speed = np.array([SPEED[tag] for tag in tags])
    height = np.array([HEIGHT[tag] for tag in tags])
    return height * np.sin(np.cumsum(speed) + rng.uniform(0, 6)) + rng.normal(0, 0.4, 60), tags


recordings, tags = map(np.stack, zip(*(recording() for _ in range(200)), strict=True))
X = recordings[..., np.newaxis]
X.shape, tags.shape

# %%
# The network
# -----------
# The output has a softmax for each position. The hyperparameter is the number of measurements that
# the network reads for each label.


def tagger(meta, width=9):
    steps = keras.Input((60, 1))
    seen = keras.layers.Conv1D(16, width, padding="same", activation="relu")(steps)
    seen = keras.layers.Conv1D(16, width, padding="same", activation="relu")(seen)
    n_tags = len(meta["all_classes_"])
    return keras.Model(steps, keras.layers.Dense(n_tags, activation="softmax")(seen))


network = KerasClassifier(
    tagger, epochs=20, batch_size=16, optimizer__learning_rate=0.01, random_state=0
)

# %%
# The search
# ----------
# The score is the accuracy over all positions.

search = GridSearchCV(network, {"width": [1, 3, 9]}, cv=3).fit(X[:180], tags[:180])
summarize(search)[["width", "mean", "std"]].round(3)

# %%
# One measurement has little information. Nine measurements show the height and the speed of the
# steps.
#
# The result
# ----------
# The network was not trained on this recording.

predicted = search.predict(X[180:181])[0]
COLORS = {"rest": "C7", "walk": "C0", "run": "C3"}

figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(recordings[180], color="k", lw=0.8)
for tag, color in COLORS.items():
    at = np.flatnonzero(predicted == tag)
    ax.scatter(at, recordings[180][at], color=color, label=tag, zorder=3)
for step in np.flatnonzero(tags[180][1:] != tags[180][:-1]):
    ax.axvline(step + 0.5, color="k", ls=":")
ax.set(xlabel="step", title="colors: predicted; dotted lines: where the tag changed")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# What to try next
# ----------------
# - Tag the pixels of an image: y has the shape ``(n, height, width)``.
# - Ignore padding: pass a ``sample_weight`` with the shape of y to ``fit``, and set it to 0 at
#   padding.
# - Read how the shape of the output decides the meaning of y: :class:`~kerasearch.KerasClassifier`.
