"""
Search over a table with categories and missing values
======================================================

A real table has numbers, categories and empty cells. A pipeline prepares them in each fold, so that
no test row has a part in a median or a scale, and one grid searches the preparation and the network
together.
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
# These are the rents of 1,200 flats. The year of construction is often unknown, above all for old
# houses. So an empty cell tells something about the rent.

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
# Numbers are imputed and scaled. Categories become columns of zeros and ones; an unknown category
# in a test fold is a row of zeros.

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
# The empty tuple is a linear model. A hidden layer is much better, because the price of a square
# meter multiplies the area. A column that says where the year was missing helps too.

SliceDisplay.from_search(search)
plt.show()

# %%
# The fitted search takes a table as it is, with empty cells and new categories.

new = pd.DataFrame(
    {"area": [60, 60], "year": [2015, np.nan], "district": ["Center", "Island"], "heating": "gas"}
)
search.predict(new).round()

# %%
# What to try next
# ----------------
# - Give each category a vector that training finds: :doc:`plot_several_inputs`.
# - Search the default network's ``dropout`` and ``l2`` too: :func:`kerasearch.mlp`.
# - Names deep in a pipeline are found by :func:`kerasearch.param_grid` and
#   :func:`kerasearch.param_distributions`.
