"""Which modules of tests are for one backend alone."""

from __future__ import annotations

import keras

# of modules that are TensorFlow's
collect_ignore = (
    []
    if keras.backend.backend() == "tensorflow"
    else ["test_exactness_under_xla.py", "test_fits_under_xla.py", "test_xla_draws.py"]
)
