"""
Save and serve the best network
===============================

There are three ways to use the best network of a search in another process: joblib, cloudpickle,
and Keras' own file. They need different packages in the other process.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cloudpickle
import joblib
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier

# %%
# The best network
# ----------------
# The builder puts the scaling into the network. Therefore the file of Keras also has the scaling.

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def scaled_network(meta, X, units=16):
    scale = keras.layers.Normalization()
    scale.adapt(X)
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            scale,
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


network = KerasClassifier(scaled_network, epochs=40, random_state=0)
search = GridSearchCV(network, {"units": [4, 16]}, cv=3).fit(X_train, y_train)
print(f"Accuracy on the test rows: {search.score(X_test, y_test):.2f}")

# %%
# cloudpickle
# -----------
# ``cloudpickle`` also writes the code of the builder, which is a function of this script.
# ``pickle`` reads the file in any process in which kerasearch is installed.

folder = tempfile.TemporaryDirectory()
files = Path(folder.name)
with (files / "wine.pickle").open("wb") as file:
    cloudpickle.dump(search.best_estimator_, file)

# %%
# Keras' own file
# ---------------
# This file needs only Keras. It has no labels, so the labels are written into a second file.

search.best_estimator_.model_.save(files / "wine.keras")
np.savetxt(files / "labels.txt", search.classes_, fmt="%d")

# %%
# joblib
# ------
# ``joblib`` and ``pickle`` write only the name of the builder. The process that reads the file must
# be able to import the builder. This is always possible for the builder of the default network. The
# example saves a whole pipeline with the default network.

pipeline = make_pipeline(StandardScaler(), KerasClassifier(epochs=20, random_state=0))
joblib.dump(pipeline.fit(X_train, y_train), files / "pipeline.joblib")
loaded = joblib.load(files / "pipeline.joblib")
bool((loaded.predict_proba(X_test) == pipeline.predict_proba(X_test)).all())

# %%
# In another process
# ------------------
# A process without the builder reads the first two files, and predicts the same labels for the
# first five test rows.

SCRIPT = """
import pickle
import keras
import numpy as np

rows = np.loadtxt("rows.txt")
with open("wine.pickle", "rb") as file:
    print("pickle:", pickle.load(file).predict(rows))
probabilities = keras.models.load_model("wine.keras").predict(rows, verbose=0)
print("Keras: ", np.loadtxt("labels.txt", dtype=int)[probabilities.argmax(axis=1)])
"""
np.savetxt(files / "rows.txt", X_test[:5])
done = subprocess.run(
    [sys.executable, "-c", SCRIPT], cwd=files, capture_output=True, text=True, check=True
)
print(done.stdout, end="")
print("here:  ", search.predict(X_test[:5]))

# %%
# How long a prediction takes
# ---------------------------
# A service predicts one row at a time. Keras' own ``predict`` is made for many rows, and is slow
# for a single row. The fitted estimator and a call of the model are much faster.

model = keras.models.load_model(files / "wine.keras")
row = X_test[:1]
ways = {
    "predict of kerasearch": lambda: search.predict(row),
    "predict of Keras": lambda: model.predict(row, verbose=0),
    "call of the model": lambda: np.asarray(model(row)),
}
milliseconds = []
for answer in ways.values():
    times = []
    for _ in range(21):
        start = time.perf_counter()
        answer()
        times.append(1000 * (time.perf_counter() - start))
    milliseconds.append(np.median(times))

figure, ax = plt.subplots(figsize=(6, 1.8), layout="constrained")
ax.bar_label(ax.barh(list(ways), milliseconds), fmt="%.1f", padding=3)
ax.set(xlabel="milliseconds for one row")
ax.margins(x=0.15)
plt.show()

# %%

folder.cleanup()

# %%
# What to try next
# ----------------
# - Put all preparation into the network, as here, if you want to serve it with Keras only.
# - Give the columns of the network by name: :doc:`../data/plot_several_inputs`.
# - Read about the attributes of a fitted estimator, such as ``model_`` and ``classes_``:
#   :class:`~kerasearch.KerasClassifier`.
