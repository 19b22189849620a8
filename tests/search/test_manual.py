import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kerasearch import KerasClassifier, ManualSearchCV

from .conftest import Learner


@pytest.fixture
def search(iris):
    return ManualSearchCV(Learner(), cv=3).fit(*iris)


def test_fit_trains_nothing_and_trials_come_after_it(iris):
    search = ManualSearchCV(Learner())
    with pytest.raises(NotFittedError, match="fit"):
        search.trial(quality=1)
    assert search.fit(*iris) is search
    assert not Learner.log
    with pytest.raises(NotFittedError):
        search.predict(iris[0])
    assert not hasattr(search, "cv_results_")
    assert not hasattr(search, "best_estimator_")


def test_a_trial_has_the_score_of_cross_validation(iris, capsys):
    pipeline = make_pipeline(StandardScaler(), SVC())
    search = ManualSearchCV(pipeline, cv=KFold(4, shuffle=True, random_state=0)).fit(*iris)
    score = search.trial(C=3, kernel="poly")
    pipeline.set_params(svc__C=3, svc__kernel="poly")
    expected = cross_val_score(pipeline, *iris, cv=search.cv)
    assert score == expected.mean()
    assert search.cv_results_["params"] == [{"svc__C": 3, "svc__kernel": "poly"}]
    assert capsys.readouterr().out == f"trial 1: {expected.mean():.4f} ± {expected.std():.4f}\n"


def test_it_prints_the_difference_to_the_best_and_what_changed(search, capsys):
    search.trial(quality=0.5)
    search.trial(quality=0.9, epochs=9)
    search.trial(tag="x", quality=0.9, epochs=9)
    search.trial(quality=0.1)
    search.trial(quality=0.9, epochs=9)
    assert capsys.readouterr().out.splitlines() == [
        "trial 1: 0.4545 ± 0.0000",
        "trial 2: 0.8100 ± 0.0000, +0.3555 against trial 1: quality=0.5 → 0.9, epochs=10 → 9",
        "trial 3: 0.8100 ± 0.0000, +0.0000 against trial 2: tag=None → 'x'",
        "trial 4: 0.0909 ± 0.0000, -0.7191 against trial 2: quality=0.9 → 0.1, epochs=9 → 10",
        "trial 5: 0.8100 ± 0.0000, +0.0000 against trial 2: the same parameters",
    ]


def test_results_are_those_of_any_search(search):
    search.trial(quality=0.2)
    assert type(search.trial(quality=0.8, tag="b")) is float
    search.note("bigger").trial()
    results = search.cv_results_
    assert results["params"] == [{"quality": 0.2}, {"quality": 0.8, "tag": "b"}, {}]
    assert results["param_tag"].mask.tolist() == [True, False, True]
    assert results["note"].tolist() == ["", "bigger", ""]
    assert results["rank_test_score"].tolist() == [3, 1, 2]
    assert (search.best_index_, search.best_params_) == (1, {"quality": 0.8, "tag": "b"})
    assert search.best_score_ == results["mean_test_score"].max()
    assert search.n_splits_ == 3


def test_the_best_is_trained_once_when_it_is_asked_for(search, iris):
    search.trial(quality=0.2)
    search.trial(quality=0.8)
    assert len(Learner.log) == 6
    assert search.best_estimator_.quality == 0.8
    assert search.predict(iris[0]).shape == (150,)
    assert search.score(*iris) > 0.7
    assert len(Learner.log) == 7
    search.trial(quality=0.9)
    assert search.best_estimator_.quality == 0.9


def test_undo_strikes_the_last_trial_out(search, capsys):
    search.trial(quality=0.2)
    search.trial(quality=0.8)
    assert search.undo().best_params_ == {"quality": 0.2}
    assert "removed: quality=0.8" in capsys.readouterr().out
    search.undo()
    assert not hasattr(search, "cv_results_")
    with pytest.raises(ValueError, match="no trial yet"):
        search.undo()
    with pytest.raises(ValueError, match="no trial yet"):
        search.note("x")


def test_a_trial_that_fails_is_kept_with_its_message(search, capsys):
    assert np.isnan(search.trial(fail="so"))
    assert capsys.readouterr().out == "trial 1: failed\n  ValueError: told to fail: so\n"
    assert not hasattr(search, "cv_results_")
    search.trial(quality=0.3)
    assert search.cv_results_["error_messages"].tolist() == ["ValueError: told to fail: so", ""]
    assert search.best_params_ == {"quality": 0.3}
    search.set_params(error_score="raise")
    with pytest.raises(ValueError, match="^told to fail: so$"):
        search.trial(fail="so")
    assert len(search.cv_results_["params"]) == 2


def test_an_unknown_parameter_is_an_error_with_the_nearest_name(search):
    with pytest.raises(ValueError, match="quality"):
        search.trial(qualty=3)
    assert not Learner.log


def test_all_trials_have_the_same_folds_of_a_splitter_that_draws(iris):
    search = ManualSearchCV(SVC(), cv=KFold(5, shuffle=True), verbose=0).fit(*iris)
    assert search.trial(C=1) == search.trial(C=1.0)


def test_verbose_0_is_silent(iris, capsys):
    search = ManualSearchCV(Learner(), verbose=0).fit(*iris)
    search.trial(quality=1)
    search.trial(fail="x")
    search.undo()
    assert capsys.readouterr() == ("", "")


def test_a_notebook_shows_the_trials_with_the_best_in_bold(search):
    assert "ManualSearchCV" in search._repr_html_()
    search.trial(quality=0.2)
    search.trial(quality=0.8, tag="<b>")
    page = search.note("a & b")._repr_mimebundle_()["text/html"]
    assert page.count("<tr") == 3
    assert page.count("bold") == 1
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page


def test_nothing_in_a_notebooks_table_is_markup(search):
    search.trial(tag="<script>alert(1)</script>")
    search.trial(fail="<img src=x onerror=alert(1)>")
    page = search.note("</td><script>alert(2)</script>")._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    search.undo().undo()
    search.set_params(estimator=Learner(tag="<script>"))
    assert "&lt;script&gt;" in search._repr_html_()


def test_several_metrics_weights_and_jobs(iris):
    X, y = iris
    search = ManualSearchCV(
        SVC(), cv=3, scoring=["accuracy", "f1_macro"], refit="f1_macro", n_jobs=2
    ).fit(X, y, sample_weight=np.ones(150))
    score = search.trial(C=2)
    assert score == search.best_score_ == search.cv_results_["mean_test_f1_macro"][0]
    assert set(search.scorer_) == {"accuracy", "f1_macro"}


def test_it_goes_on_after_a_pickle(search):
    search.trial(quality=0.2)
    search = pickle.loads(pickle.dumps(search))
    search.trial(quality=0.3)
    assert len(search.cv_results_["params"]) == 2


def test_with_a_store_the_same_trial_is_read(iris, tmp_path):
    network = KerasClassifier(hidden_layer_sizes=(4,), epochs=2, random_state=0, store=tmp_path)
    trained = []

    def scoring(estimator, X, y):
        trained.append(estimator.n_epochs_trained_)
        return estimator.score(X, y)

    for _ in range(2):
        search = ManualSearchCV(network, cv=2, scoring=scoring).fit(*iris)
        search.trial(learning_rate=0.01)
    assert trained == [2, 2, 0, 0]
    assert search.best_params_ == {"optimizer__learning_rate": 0.01}


def test_ctrl_c_in_a_trial_keeps_the_trials_before(search, recwarn):
    def interrupts(X):
        raise KeyboardInterrupt

    search.trial(quality=0.5)
    with pytest.raises(KeyboardInterrupt):
        search.trial(fail=interrupts)
    assert search.cv_results_["params"] == [{"quality": 0.5}]
    assert [str(warning.message) for warning in recwarn] == []
    assert search.trial(quality=0.9) > search.cv_results_["mean_test_score"][0]


def test_a_second_fit_says_that_the_trials_are_gone(iris):
    search = ManualSearchCV(Learner(), cv=3, verbose=0).fit(*iris)
    search.trial(quality=0.5)
    with pytest.warns(UserWarning, match="fit removes the 1 trial"):
        search.fit(*iris)
