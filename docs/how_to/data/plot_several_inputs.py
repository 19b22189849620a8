"""
Search over a network with several inputs
=========================================

A network can have an Input for numbers, an Input for a category and an Input for text. ``inputs``
says which columns of the table each Input gets. The search splits the whole table into folds.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV

from kerasearch import KerasRegressor, summarize

# %%
# The table
# ---------
# These are 900 offers of used bicycles.

rng = np.random.default_rng(0)
n = 900
worth = {"Alto": 900, "Brisa": 700, "Corvo": 650, "Duna": 450, "Estrela": 400, "Faro": 250}
remarks = {"like new": 150, "new chain": 50, "some rust": -80, "frame bent": -200, "good light": 0}
offers = pd.DataFrame(
    {
        "age": rng.gamma(3, 1.5, n).round(1),
        "weight": rng.normal(14, 2, n).round(1),
        "brand": rng.choice(list(worth), n),
        "text": [" and ".join(rng.choice(list(remarks), 2, replace=False)) for _ in range(n)],
    }
)
price = offers["brand"].map(worth) * 0.88 ** offers["age"] - 15 * (offers["weight"] - 14)
for remark, difference in remarks.items():
    price += difference * offers["text"].str.contains(remark)
price += rng.normal(0, 40, n)
offers.head()

# %%
# The network
# -----------
# ``X`` is a dict with the training rows of each Input. Layers are adapted to these rows.
# ``meta["inputs_"]`` has the categories of the training rows.


def three_inputs(meta, X, brand_width=2, use_text=True):
    numbers = keras.Input((2,), name="numbers")
    scaled = keras.layers.Normalization()
    scaled.adapt(X["numbers"])

    brand = keras.Input((), dtype="string", name="brand")
    known = meta["inputs_"]["brand"]
    code = keras.layers.StringLookup(vocabulary=known.vocabulary)(brand)
    brand_vector = keras.layers.Embedding(known.n_categories + 1, brand_width, name="brands")(code)

    text = keras.Input((), dtype="string", name="text")
    words = keras.layers.TextVectorization(output_mode="multi_hot")
    words.adapt(X["text"])

    parts = [scaled(numbers), brand_vector, words(text) * float(use_text)]
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.concatenate(parts))
    price = keras.layers.Rescaling(meta["y_scale_"], meta["y_mean_"])(keras.layers.Dense(1)(hidden))
    return keras.Model([numbers, brand, text], price)


network = KerasRegressor(
    three_inputs,
    inputs={"numbers": ["age", "weight"], "brand": "brand", "text": "text"},
    epochs=25,
    optimizer__learning_rate=0.01,
    random_state=0,
)

# %%
# The search
# ----------
# Does the text help, and which width of the vectors of the brands is best?

search = GridSearchCV(network, {"use_text": [False, True], "brand_width": [1, 2]}, cv=3)
search.fit(offers, price)
summarize(search)[["use_text", "brand_width", "mean", "std"]].round(3)

# %%
# What the network learned about the brands
# -----------------------------------------
# With a width of 1, the vector of a brand is one number. The order of these numbers is the order of
# the prices, although the network never saw this order.

one = network.set_params(brand_width=1).fit(offers, price)
brands = one.inputs_["brand"].vocabulary
places = one.model_.get_layer("brands").get_weights()[0][1:, 0]

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.scatter([worth[brand] for brand in brands], places)
for brand, place in zip(brands, places, strict=True):
    ax.annotate(brand, (worth[brand], place), xytext=(6, -3), textcoords="offset points")
ax.set(xlabel="price when new", ylabel="learned place", xlim=(200, 1050))
plt.show()

# %%
# What to try next
# ----------------
# - Combine arrays of different shapes, such as images and tables:
#   :func:`kerasearch.stack_inputs`.
# - ``inputs`` takes column names, positions and slices: :class:`~kerasearch.KerasRegressor`.
# - Give the network several targets too: :doc:`../targets/plot_several_heads`.
