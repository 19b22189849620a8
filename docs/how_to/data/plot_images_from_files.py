"""
Search over images that are stored in files
===========================================

X is a list of paths, and scikit-learn splits it into folds. A function, the ``loader``, reads a
batch of images when the network needs it. Therefore only a few batches are in memory at a time.
"""

import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from kerasearch import KerasClassifier, summarize

# %%
# The files
# ---------
# This example first writes the files into a temporary folder. You already have your files.

digits = load_digits()
folder = tempfile.TemporaryDirectory()
paths = [f"{folder.name}/{number:04}.png" for number in range(600)]
for path, image in zip(paths, digits.images, strict=False):
    Image.fromarray((image * 15).astype("uint8")).save(path)
labels = digits.target[:600]
[Path(path).name for path in paths[:3]]

# %%
# The loader
# ----------
# The loader gets some paths and returns an array with one image for each path.


def read(paths):
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    return images[..., np.newaxis] / np.float32(240)


read(paths[:2]).shape

# %%
# The search
# ----------
# ``meta["X_shape_"]`` has the shape of the array that the loader returns. Two threads load the next
# batches while the network trains.


def convolutions(meta, filters=8):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


network = KerasClassifier(
    convolutions,
    loader=read,
    loader_workers=2,
    epochs=6,
    optimizer__learning_rate=0.02,
    random_state=0,
)
search = GridSearchCV(network, {"filters": [2, 8, 32]}, cv=2).fit(paths, labels)
summarize(search)[["filters", "mean", "std"]].round(3)

# %%
# The result
# ----------
# The search did not use these files. The predicted label is above each image.

new = [f"{folder.name}/{number:04}.png" for number in range(600, 612)]
for path, image in zip(new, digits.images[600:], strict=False):
    Image.fromarray((image * 15).astype("uint8")).save(path)

figure, axes = plt.subplots(2, 6, figsize=(6, 2.6), layout="constrained")
for ax, path, label in zip(axes.flat, new, search.predict(new), strict=True):
    ax.imshow(Image.open(path), cmap="gray_r")
    ax.set(title=label, xticks=[], yticks=[])
plt.show()

# %%

folder.cleanup()

# %%
# What to try next
# ----------------
# - Change the images at random in training: give the loader an argument ``rng``, which is a random
#   generator in training and None in prediction (:class:`~kerasearch.KerasClassifier`).
# - Read the rows of a memory map or of an HDF5 file in the same way: X is then the row numbers.
# - Search over two loaders: ``{"loader": [read, read_and_shift]}``.
