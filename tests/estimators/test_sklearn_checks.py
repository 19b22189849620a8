"""scikit-learn's own checks of an estimator, all of them."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from kerasearch import KerasClassifier, KerasRegressor, KerasTransformer

_FLOAT32 = "the check wants more digits (rtol 1e-7) than float32 has; see test_fitting.py"

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": _FLOAT32,
    "check_sample_weight_equivalence_on_sparse_data": _FLOAT32,
    # the number of rows in a batch, and the place of a row among them, decide which of a
    # processor's kernels multiplies it; on some processors they differ in the last bit
    "check_methods_subset_invariance": _FLOAT32,
    "check_methods_sample_order_invariance": _FLOAT32,
}


def checks_of(estimator_class, epochs=20):
    """Parameters `estimator` and `check` for all of scikit-learn's checks of a class."""
    return parametrize_with_checks(
        [estimator_class(epochs=epochs, optimizer__learning_rate=0.01)],
        expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@checks_of(KerasClassifier)
def test_scikit_learns_check_of_a_classifier(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@checks_of(KerasRegressor)
@pytest.mark.slow
def test_scikit_learns_check_of_a_regressor(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@checks_of(KerasTransformer, epochs=2)
@pytest.mark.slow
def test_scikit_learns_check_of_a_transformer(estimator, check):
    check(estimator)
