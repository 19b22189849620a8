"""
Put an autoencoder into a pipeline
==================================

An autoencoder learns to give its input back through a narrow layer, and needs no labels. As a
step of a pipeline it makes features for a classifier, and a search finds how narrow the layer may
be.
"""

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasTransformer, SliceDisplay, param_grid

# %%
# The pipeline
# ------------
# ``layer`` names the layer whose output is the code, that is, what ``transform`` gives.

X, y = load_digits(return_X_y=True)
X = X / 16


def squeeze(meta, size=8):
    n_features = meta["n_features_in_"]
    inputs = keras.Input((n_features,))
    hidden = keras.layers.Dense(64, activation="relu")(inputs)
    code = keras.layers.Dense(size, name="code")(hidden)
    hidden = keras.layers.Dense(64, activation="relu")(code)
    return keras.Model(inputs, keras.layers.Dense(n_features, activation="sigmoid")(hidden))


autoencoder = KerasTransformer(
    squeeze, layer="code", epochs=12, optimizer__learning_rate=0.005, random_state=0
)
pipeline = make_pipeline(autoencoder, StandardScaler(), LogisticRegression())

# %%
# The search
# ----------
# The score is the accuracy of the classifier at the end.

search = GridSearchCV(pipeline, param_grid(pipeline, size=[2, 8, 32]), cv=3).fit(X, y)
SliceDisplay.from_search(search)
plt.show()

# %%
# What comes back
# ---------------
# The first row has digits as they are. The rows below have come through codes of 2 and of 32
# numbers.

shown = X[:10]
rows = {"as it is": shown}
for size in [2, 32]:
    fitted = autoencoder.set_params(size=size).fit(X)
    rows[f"{size} numbers"] = fitted.model_.predict(shown, verbose=0)

figure, axes = plt.subplots(3, 10, figsize=(8, 2.7), layout="constrained")
for line, (label, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(label, rotation=0, ha="right", va="center")
plt.show()

# %%
# What to try next
# ----------------
# - Search an autoencoder by itself: the score is minus the loss, and ``fit(X)`` needs no target.
# - Have pandas columns as the output: ``set_output(transform="pandas")``.
# - A loss of one's own, several Inputs and other options: :class:`~kerasearch.KerasTransformer`.
