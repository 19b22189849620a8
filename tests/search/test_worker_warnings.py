"""What fits in worker processes warn of is known where the search runs."""

from __future__ import annotations

import warnings

import joblib
import pytest

from kerasearch import BayesSearchCV, HyperbandSearchCV, ManualSearchCV, uniform

from .conftest import Learner

pytestmark = pytest.mark.slow


class Warner(Learner):
    def fit(self, X, y):
        if self.quality > 0.5:
            warnings.warn("the same for all", UserWarning, stacklevel=1)
            warnings.warn(f"quality {self.quality:.2f}", RuntimeWarning, stacklevel=1)
        return super().fit(X, y)


def warned(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        found = function()
    return found, [(one.category, str(one.message)) for one in caught]


SEARCHES = [
    BayesSearchCV(Warner(), {"quality": [0.1, 0.6, 0.9]}, n_iter=3, cv=2, n_jobs=2, batch_size=3),
    HyperbandSearchCV(Warner(), {"quality": [0.1, 0.6, 0.9]}, max_resources=3, cv=2, n_jobs=2),
]


@pytest.mark.parametrize("search", SEARCHES, ids=["bayes", "hyperband"])
def test_distinct_warnings_of_workers_come_once_and_are_in_the_results(iris, search):
    found, messages = warned(lambda: search.fit(*iris))
    refit = [(UserWarning, "the same for all"), (RuntimeWarning, "quality 0.90")]
    assert sorted(messages, key=str) == sorted(
        [*refit, (RuntimeWarning, "quality 0.60"), *refit], key=str
    )
    results = found.cv_results_
    for params, text in zip(results["params"], results["warning_messages"], strict=True):
        quality = params["quality"]
        assert text == ("" if quality < 0.5 else f"the same for all; quality {quality:.2f}")


def test_threads_and_one_process_warn_by_themselves(iris):
    search = BayesSearchCV(Warner(), {"quality": [0.6, 0.9]}, n_iter=2, cv=2, refit=False)
    for n_jobs in (None, 2):
        with joblib.parallel_config("threading"):
            found, messages = warned(lambda n=n_jobs: search.set_params(n_jobs=n).fit(*iris))
        assert (UserWarning, "the same for all") in messages
        assert "warning_messages" not in found.cv_results_


def test_a_trial_by_hand_has_the_warnings_of_its_worker(iris):
    search = ManualSearchCV(Warner(), cv=2, n_jobs=2, verbose=0).fit(*iris)
    _, messages = warned(lambda: search.trial(quality=0.75))
    assert (RuntimeWarning, "quality 0.75") in messages
    assert "quality 0.75" in search.cv_results_["warning_messages"][0]


def test_warnings_that_the_user_ignores_or_makes_errors_stay_so_in_workers(iris):
    search = BayesSearchCV(
        Warner(), {"quality": uniform(0.6, 0.7)}, n_iter=1, cv=2, n_jobs=2, refit=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "warning_messages" not in search.fit(*iris).cv_results_
    assert warnings.showwarning.__module__ != "kerasearch.search.worker_warnings"
