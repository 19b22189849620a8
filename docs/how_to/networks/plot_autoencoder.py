"""
Put an autoencoder into a pipeline
==================================

An autoencoder learns to reproduce its input through a narrow layer, and needs no labels. As a
step of a pipeline, it makes features for a classifier. A search finds the best width of the narrow
layer.
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
# ``layer`` names the layer whose output is the code. ``transform`` returns the code.

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
# The reproduced digits
# ---------------------
# The first row has the original digits. The rows below have the digits that were reproduced from
# codes of 2 numbers and of 32 numbers.

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
# - Search over an autoencoder without a classifier: the score is the negative loss, and ``fit(X)``
#   needs no target.
# - Get the code as a pandas table: ``set_output(transform="pandas")``.
# - Use your own loss, several Inputs and other options: :class:`~kerasearch.KerasTransformer`.
