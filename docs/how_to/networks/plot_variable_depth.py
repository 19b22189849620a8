"""
Search over the number of layers and their widths
=================================================

A network with one layer has one width, and a network with three layers has three. ``layer_sizes``
draws the depth first and then as many widths as there are layers.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.model_selection import ParameterGrid, RandomizedSearchCV

from kerasearch import KerasClassifier, layer_sizes, log_uniform, param_grid, summarize, when

# %%
# The space
# ---------
# These are some of the networks that the search can draw.

sizes = layer_sizes(depth=(0, 3), units=(2, 32))
[sizes.rvs(random_state=seed) for seed in range(5)]

# %%
# The search
# ----------
# The two classes are two interlocking half moons. A network without a hidden layer can only
# separate classes by a straight line.

X, y = make_moons(500, noise=0.2, random_state=0)
network = KerasClassifier(epochs=40, random_state=0)
space = {"hidden_layer_sizes": sizes, "optimizer__learning_rate": log_uniform(0.002, 0.05)}
search = RandomizedSearchCV(network, space, n_iter=12, cv=3, random_state=0).fit(X, y)
summarize(search, top=5)[["hidden_layer_sizes", "learning_rate", "mean", "std"]].round(3)

# %%
# The result
# ----------
# Each point is a candidate. Its color is the learning rate.

depths = [len(sizes) for sizes in search.cv_results_["param_hidden_layer_sizes"]]
rates = search.cv_results_["param_optimizer__learning_rate"].astype(float)
figure, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
points = ax.scatter(depths, search.cv_results_["mean_test_score"], c=np.log10(rates))
figure.colorbar(points, label="learning rate (log10)")
ax.set(xlabel="hidden layers", ylabel="accuracy", xticks=range(4))
plt.show()

# %%
# An argument for each layer
# --------------------------
# ``layer_sizes`` is for builders that take a tuple. If layers have more arguments than a width, use
# ``when``. It gives the arguments of the second layer only to networks that have a second layer.


def build(meta, n_layers=1, units1=16, units2=8, dropout2=0.0):
    inputs = hidden = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(units1, activation="relu")(hidden)
    if n_layers == 2:
        hidden = keras.layers.Dense(units2, activation="relu")(hidden)
        hidden = keras.layers.Dropout(dropout2)(hidden)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


grid = param_grid(
    KerasClassifier(build),
    units1=[8, 32],
    n_layers=[1, when(2, units2=[8, 32], dropout2=[0.0, 0.3])],
)
grid

# %%
# The grid has 2 candidates with one layer and 8 candidates with two layers. No fit is for a width
# of a layer that does not exist.

len(ParameterGrid(grid))

# %%
# What to try next
# ----------------
# - Use layers that become narrower, or layers of one width: ``shape="funnel"`` and
#   ``shape="constant"`` of :func:`kerasearch.layer_sizes`.
# - Add parameters that exist only with some values of another parameter: :func:`kerasearch.when`.
# - Write the space as code, with loops: ``space=function_of_a_trial`` in
#   :class:`~kerasearch.BayesSearchCV`.
