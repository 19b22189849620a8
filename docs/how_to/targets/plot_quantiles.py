"""
Search over a network that predicts quantiles
=============================================

A range such as "between 3 and 5 in eight of ten cases" has more information than one number. Your
own loss trains three quantiles at once, and the search ranks the candidates by this loss.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split

from kerasearch import KerasRegressor, summarize

# %%
# The data
# --------
# The noise grows with x. A single number for each row cannot show this.

rng = np.random.default_rng(0)
X = rng.uniform(0, 5, (1200, 1))
y = np.sin(X[:, 0]) + rng.normal(0, 0.1 + 0.15 * X[:, 0])
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=400, random_state=0)

# %%
# The loss and the network
# ------------------------
# The pinball loss is smallest if a share of 0.1, 0.5 and 0.9 of the targets is below the first, the
# second and the third output.

SHARES = [0.1, 0.5, 0.9]


def pinball(y_true, y_pred):
    error = keras.ops.reshape(y_true, (-1, 1)) - y_pred
    shares = keras.ops.array(SHARES)
    return keras.ops.mean(keras.ops.maximum(shares * error, (shares - 1) * error), axis=-1)


def quantiles(meta, units=16):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(units, activation="tanh")(inputs)
    hidden = keras.layers.Dense(units, activation="tanh")(hidden)
    return keras.Model(inputs, keras.layers.Dense(len(SHARES))(hidden))


network = KerasRegressor(quantiles, loss=pinball, epochs=60, random_state=0)

# %%
# The search
# ----------
# With your own loss, ``score`` is the negative loss. A larger score is better, as always in
# scikit-learn.

grid = {"units": [2, 16], "optimizer__learning_rate": [0.003, 0.01, 0.03]}
search = GridSearchCV(network, grid, cv=3).fit(X_train, y_train)
summarize(search)[["units", "learning_rate", "mean", "std"]].round(4)

# %%
# The result
# ----------
# ``predict`` returns a column for each quantile. A share of 0.8 of the test targets should be
# between the first and the last quantile.

low, middle, high = search.predict(X_test).T
print(f"{np.mean((low <= y_test) & (y_test <= high)):.2f} of the test targets lie in the range.")

# %%

order = np.argsort(X_test[:, 0])
at = X_test[order, 0]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(X_test[:, 0], y_test, ".", color="0.6", ms=4)
ax.fill_between(at, low[order], high[order], alpha=0.25, label="from 0.1 to 0.9")
ax.plot(at, middle[order], label="median")
ax.set(xlabel="x", ylabel="y")
ax.legend()
plt.show()

# %%
# What to try next
# ----------------
# - Let ``predict`` return only the median, so that R² ranks the candidates:
#   ``output_to_prediction=lambda output: output[:, 1]`` (:class:`~kerasearch.KerasRegressor`).
# - Compare with a scorer of scikit-learn: :func:`~sklearn.metrics.mean_pinball_loss`.
