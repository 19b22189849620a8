"""Reading of ``cv_results_``, which all other packages share.

`reading.read` reads a search, its ``cv_results_`` or a table of them. It returns a
`search_results.SearchResults` with metrics, comparable candidates, ranks and costs. `candidates`
reads the parameters of the candidates, also from files. `store_lookup` reads the fit store of the
search. `values` examines values of hyperparameters: whether they are missing, are numbers, or lie
on a logarithmic scale. This package imports pandas, scikit-learn and the fit store, but not Keras.
"""
