"""
Search over a table with categories and missing values
======================================================

A real table has numbers, categories and empty cells. A pipeline prepares the table in each fold, so
that no median and no scale depends on test rows. One grid has the hyperparameters of the
preparation and of the network.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kerasearch import KerasRegressor, SliceDisplay, param_grid, summarize

# %%
# The table
# ---------
# These are the rents of 1,200 apartments. The year of construction is often unknown, most often for
# old houses. Therefore an empty cell has information about the rent.

rng = np.random.default_rng(0)
n = 1200
flats = pd.DataFrame(
    {
        "area": rng.gamma(9, 8, n).round(),
        "year": rng.integers(1890, 2024, n).astype(float),
        "district": rng.choice(["Center", "Harbor", "Hill", "North", "South", "West"], n),
        "heating": rng.choice(["gas", "oil", "district heating"], n, p=[0.5, 0.2, 0.3]),
    }
)
price = flats["district"].map(
    {"Center": 17, "Harbor": 15, "Hill": 14, "North": 9, "South": 11, "West": 12}
)
price = price - 3 * (flats["year"] < 1950) + 2 * (flats["year"] > 2000)
rent = flats["area"] * price + rng.normal(0, 60, n)

old = flats["year"] < 1950
flats.loc[rng.random(n) < np.where(old, 0.6, 0.1), "year"] = np.nan
flats.loc[rng.random(n) < 0.1, "heating"] = None
flats.head()

# %%
# The pipeline
# ------------
# Numbers are imputed and scaled. Categories become columns of zeros and ones. An unknown category
# in a test fold becomes a row of zeros.

numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
prepare = make_column_transformer(
    (numbers, ["area", "year"]), (categories, ["district", "heating"])
)
network = KerasRegressor(epochs=40, optimizer__learning_rate=0.01, random_state=0)
pipeline = make_pipeline(prepare, network)

# %%
# The search
# ----------
# ``param_grid`` finds ``add_indicator`` in the imputer and ``hidden_layer_sizes`` in the network,
# and writes their full names.

grid = param_grid(pipeline, add_indicator=[False, True], hidden_layer_sizes=[(), (16,), (64,)])
list(grid)

# %%

search = GridSearchCV(pipeline, grid, cv=3).fit(flats, rent)
summarize(search)[["add_indicator", "hidden_layer_sizes", "mean", "std"]].round(3)

# %%
# The empty tuple is a linear model. A network with a hidden layer is much better, because the rent
# is the price of a square meter times the area. A column that marks the missing years also helps.

SliceDisplay.from_search(search)
plt.show()

# %%
# The fitted search accepts a new table with empty cells and new categories.

new = pd.DataFrame(
    {"area": [60, 60], "year": [2015, np.nan], "district": ["Center", "Island"], "heating": "gas"}
)
search.predict(new).round()

# %%
# What to try next
# ----------------
# - Use a vector for each category, which training finds: :doc:`plot_several_inputs`.
# - Search over ``dropout`` and ``l2`` of the default network too: :func:`kerasearch.mlp`.
# - :func:`kerasearch.param_grid` and :func:`kerasearch.param_distributions` find names deep in a
#   pipeline.
