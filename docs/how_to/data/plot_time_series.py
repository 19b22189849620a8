"""
Search over a time series without looking into the future
=========================================================

With random folds, a network would train on tomorrow and be tested on today. ``TimeSeriesSplit``
trains only on the past. Use it for the folds of the search and for the validation rows of each fit.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from kerasearch import KerasRegressor, SliceDisplay

# %%
# The series
# ----------
# The series has the numbers of visitors of a museum on 1,000 days. They depend on the day of the
# week, on the season, and on weather that lasts for some days.

rng = np.random.default_rng(0)
day = np.arange(1000)
weather = np.zeros(1000)
for today in day[1:]:
    weather[today] = 0.7 * weather[today - 1] + rng.normal(0, 12)
week = np.array([-60, -20, -10, 0, 10, 50, 70])[day % 7]
visitors = 300 + week + 60 * np.sin(2 * np.pi * day / 365) + weather

# %%
# A row of X has the 28 days before the day that is predicted. The latest day is at the end.

X = np.lib.stride_tricks.sliding_window_view(visitors, 28)[:-1]
y = visitors[28:]
X.shape, y.shape

# %%
# The network
# -----------
# An argument of the builder says how many days the network looks back. The mean and the scale of
# the target are computed from the training rows.


def forecaster(meta, n_days=7, units=32):
    mean, scale = meta["y_mean_"], meta["y_scale_"]
    days = keras.Input((28,))
    recent = keras.layers.Rescaling(1 / scale, -mean / scale)(days[:, -n_days:])
    hidden = keras.layers.Dense(units, activation="relu")(recent)
    output = keras.layers.Dense(1)(hidden)
    return keras.Model(days, keras.layers.Rescaling(scale, mean)(output))


stopping = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
network = KerasRegressor(
    forecaster,
    epochs=60,
    validation_split=TimeSeriesSplit(),
    callbacks=[stopping],
    random_state=0,
)
folds = TimeSeriesSplit(3)
search = GridSearchCV(network, {"n_days": [1, 7, 28]}, cv=folds).fit(X, y)
SliceDisplay.from_search(search)
plt.show()

# %%
# A network that gets a whole week can find out which day of the week comes next.
#
# The forecast of the last fold
# -----------------------------
# The network is trained on the first rows, and predicts each of the last 60 days from the days
# before it.

train, test = list(folds.split(X))[-1]
forecast = search.best_estimator_.fit(X[train], y[train]).predict(X[test])
print(f"The mean error is {np.abs(forecast - y[test]).mean():.0f} visitors a day.")

figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(test[-60:] + 28, y[test][-60:], "k.-", lw=0.8, label="counted")
ax.plot(test[-60:] + 28, forecast[-60:], "C1", label="predicted the day before")
ax.set(xlabel="day", ylabel="visitors")
ax.legend()
plt.show()

# %%
# What to try next
# ----------------
# - Predict several days at once: a ``y`` with a column for each day, and as many outputs.
# - Leave a gap between training and test rows: ``TimeSeriesSplit(4, gap=7)``
#   (:class:`~sklearn.model_selection.TimeSeriesSplit`).
# - Predict a range instead of a number: :doc:`../targets/plot_quantiles`.
# - ``validation_split`` takes any splitter: :class:`~kerasearch.KerasRegressor`.
