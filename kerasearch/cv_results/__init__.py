"""The one reading of ``cv_results_``, which spaces, searches and results all go through.

`reading.read` takes a search, its ``cv_results_`` or a table of it, and `candidates` the parameters
in it, also from files. What comes back is a `search_results.SearchResults`: the metric, which
candidates compare, their rank, what they cost. `store_lookup` asks the fit store of the search, and
`values` tells what hyperparameters' values are: missing, numbers, on a logarithmic scale. Knows
pandas, scikit-learn and the fit store, never Keras.
"""
