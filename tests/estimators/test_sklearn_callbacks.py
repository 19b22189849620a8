"""scikit-learn's callbacks reach an estimator, and are not said to be unknown to it."""

from __future__ import annotations

import warnings

import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier, KerasRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 and later have them")


class Recorder:
    """Notes what it is told, of this estimator and of those inside."""

    max_propagation_depth = None

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append(("setup", type(estimator).__name__))

    def teardown(self, estimator, context):
        self.told.append(("teardown", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", type(estimator).__name__))

    def on_fit_task_end(self, estimator, context):
        self.told.append(("end", type(estimator).__name__))


def network(kind=KerasClassifier, **options):
    return kind(hidden_layer_sizes=(4,), epochs=1, random_state=0, **options)


def test_canary_scikit_learn_has_what_a_fit_tells_its_callbacks_with():
    assert hasattr(callback.CallbackSupportMixin, "_init_callback_context")
    assert callable(callback.with_callbacks)


@pytest.mark.parametrize("kind", [KerasClassifier, KerasRegressor])
def test_a_fit_by_itself_is_one_task(kind):
    recorder = Recorder()
    fitted = network(kind).set_callbacks(recorder).fit(*load_iris(return_X_y=True))
    name = kind.__name__
    assert recorder.told == [(what, name) for what in ("setup", "begin", "end", "teardown")]
    assert fitted.n_epochs_ == 1


def test_a_fit_that_fails_leaves_no_callback_behind():
    recorder = Recorder()
    with pytest.raises(ValueError, match="batch_size"):
        network(batch_size=0).set_callbacks(recorder).fit(*load_iris(return_X_y=True))
    assert [what for what, _ in recorder.told] == ["setup", "begin", "teardown"]


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_progress_bar_of_a_search_warns_of_no_fit(in_pipeline, capsys):
    pytest.importorskip("rich")
    estimator = make_pipeline(StandardScaler(), network()) if in_pipeline else network()
    name = "kerasclassifier__batch_size" if in_pipeline else "batch_size"
    search = GridSearchCV(estimator, {name: [50, 150]}, cv=2, refit=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.set_callbacks(callback.ProgressBar()).fit(*load_iris(return_X_y=True))
    assert "GridSearchCV" in capsys.readouterr().out


def test_each_fit_of_a_search_is_told_to_its_callbacks_with_the_same_numbers():
    X, y = load_iris(return_X_y=True)
    recorder = Recorder()
    search = GridSearchCV(network(), {"batch_size": [50, 150]}, cv=2)
    plain = clone(search).fit(X, y)
    search.set_callbacks(recorder).fit(X, y)
    ours = [what for what, name in recorder.told if name == "KerasClassifier"]
    assert ours == ["begin", "end"] * 5  # four fits of folds and the refit
    scores = "mean_test_score"
    assert search.cv_results_[scores].tolist() == plain.cv_results_[scores].tolist()


@pytest.mark.long
@pytest.mark.slow
def test_callbacks_reach_worker_processes():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(network(), {"batch_size": [50, 150]}, cv=2, n_jobs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.set_callbacks(callback.ProgressBar()).fit(X, y)
    assert search.best_score_ > 0
