"""scikit-learn's own checks of an estimator, all of them."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from kerasearch import KerasClassifier, KerasRegressor

_FLOAT32 = "the check wants more digits (rtol 1e-7) than float32 has; see test_fitting.py"

EXPECTED_FAILURES = {
    KerasClassifier: {
        "check_sample_weight_equivalence_on_dense_data": _FLOAT32,
        "check_sample_weight_equivalence_on_sparse_data": _FLOAT32,
    },
    KerasRegressor: {
        "check_sample_weight_equivalence_on_dense_data": _FLOAT32,
        "check_sample_weight_equivalence_on_sparse_data": _FLOAT32,
        # one row and many go through different matrix kernels, which differ in the last bit
        "check_methods_subset_invariance": _FLOAT32,
    },
}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        KerasClassifier(epochs=20, optimizer__learning_rate=0.01),
        KerasRegressor(epochs=20, optimizer__learning_rate=0.01),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator)],
)
def test_scikit_learns_check(estimator, check):
    check(estimator)
