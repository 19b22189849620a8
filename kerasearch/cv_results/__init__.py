"""The one reading of ``cv_results_``, which spaces, searches and results all go through.

Knows pandas, scikit-learn and the fit store, never Keras.
"""
