"""Read what a search found: tables, statistics, pictures. Knows ``cv_results_``, never Keras."""
