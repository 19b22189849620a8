"""What a search will cost is what it then costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    LeaveOneOut,
    RandomizedSearchCV,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import (
    HyperbandSearchCV,
    KerasClassifier,
    choice,
    integers,
    log_uniform,
    param_distributions,
    param_grid,
    search_cost,
    sobol,
    uniform,
    when,
)


class Counting(SGDClassifier):
    """Counts fits and epochs of the whole test."""

    fits: list[int] = []

    def __init__(self, alpha=1e-4, l1_ratio=0.15, epochs=10, penalty="l2"):
        super().__init__(alpha=alpha, l1_ratio=l1_ratio, penalty=penalty, tol=1e-3)
        self.epochs = epochs

    def fit(self, X, y):
        Counting.fits.append(self.epochs)
        self.max_iter = 5
        return super().fit(X, y)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(Counting(), {"alpha": [1, 2, 3], "l1_ratio": [0.1, 0.2]}, cv=3),
        GridSearchCV(Counting(), {"epochs": [3, 5]}, cv=3, refit=False),
        GridSearchCV(
            Counting(epochs=3), [{"alpha": [1]}, {"l1_ratio": [0, 1]}], cv=ShuffleSplit(4)
        ),
        GridSearchCV(Counting(), sobol({"alpha": uniform(0, 1)}, 3)),
        RandomizedSearchCV(Counting(), {"alpha": log_uniform(1e-4, 1)}, n_iter=4, cv=2),
        RandomizedSearchCV(Counting(), {"alpha": [1, 2]}, n_iter=4, cv=2),
        HalvingGridSearchCV(
            Counting(), {"alpha": list(range(1, 10))}, resource="epochs", max_resources=27, cv=2
        ),
        HalvingGridSearchCV(
            Counting(),
            {"alpha": list(range(1, 13))},
            resource="epochs",
            max_resources=20,
            min_resources=4,
            factor=2,
            aggressive_elimination=True,
            cv=2,
        ),
        HalvingRandomSearchCV(
            Counting(),
            {"alpha": log_uniform(1e-4, 1)},
            resource="epochs",
            max_resources=9,
            min_resources=1,
            cv=2,
        ),
        HalvingRandomSearchCV(
            Counting(),
            {"alpha": log_uniform(1e-4, 1)},
            n_candidates=7,
            resource="epochs",
            max_resources=30,
            min_resources="exhaust",
            cv=2,
            refit=False,
        ),
        # log(243, 3) is a little less than 5 in floating point, so scikit-learn has one rung fewer
        HalvingGridSearchCV(
            Counting(),
            {"alpha": list(range(1, 13))},
            resource="epochs",
            min_resources=1,
            max_resources=243,
            cv=2,
        ),
        HalvingRandomSearchCV(
            Counting(), {"alpha": [1, 2, 3]}, resource="epochs", max_resources=9, cv=2
        ),
    ],
)
def test_fits_and_epochs_are_those_that_the_search_runs(search):
    X, y = load_iris(return_X_y=True)
    told = search_cost(search)
    Counting.fits.clear()
    search.fit(X, y)
    assert told.n_fits == len(Counting.fits)
    assert told.n_epochs == sum(Counting.fits)
    if hasattr(search, "n_candidates_"):
        assert told.n_candidates == search.n_candidates_[0]
    else:
        assert told.n_candidates == len(search.cv_results_["params"])


def test_epochs_are_those_of_the_keras_estimator_in_a_pipeline():
    network = make_pipeline(StandardScaler(), KerasClassifier(epochs=7))
    search = GridSearchCV(network, param_grid(network, batch_size=[8, 16]), cv=3)
    assert (search_cost(search).n_fits, search_cost(search).n_epochs) == (7, 49)
    assert (
        search_cost(GridSearchCV(network, param_grid(network, epochs=[10, 30]), cv=3)).n_epochs
        == 7 * 20
    )


def test_what_shares_a_program_is_counted_once():
    network = KerasClassifier()
    space = param_grid(
        network,
        learning_rate=[0.1, 0.01],
        batch_size=[8, 16],
        random_state=[0, 1],
        epochs=[1, 2],
        hidden_layer_sizes=[(4,), (8,), (4, 4)],
        dropout=[0.0, 0.5],
    )
    assert search_cost(space).n_programs == 6
    conditional = param_grid(
        network, optimizer=["adam", when("sgd", learning_rate=[0.1, 0.2, 0.3])]
    )
    assert search_cost(conditional).n_programs == 2
    drawn = param_distributions(network, dropout=uniform(0, 1), learning_rate=log_uniform(0.1, 1))
    assert search_cost(drawn, n_iter=12).n_programs == 12
    few = param_distributions(
        network, activation=choice(["relu", "tanh"]), learning_rate=uniform(0, 1)
    )
    assert search_cost(few, n_iter=12).n_programs == 2


def test_one_more_value_is_told_for_each_parameter_and_for_all():
    frame = search_cost({"a": [1, 2], "b": ["x", "y", "z"], "epochs": [10]}, cv=2).frame
    assert list(frame.index) == ["a", "b", "epochs", "all of them"]
    assert frame["n_values"].tolist()[:3] == [2, 3, 1]
    assert frame["n_candidates"].tolist() == [9, 8, 12, 24]
    assert frame["n_fits"].tolist() == [19, 17, 25, 49]
    assert frame["n_epochs"].tolist() == [190, 170, 250, 490]
    np.testing.assert_allclose(frame["growth"], [6 / 13, 4 / 13, 12 / 13, 36 / 13])


def test_a_value_of_a_parent_is_one_more_branch_and_a_shared_one_is_in_all():
    space = [{"o": ["adam"], "r": [1, 2]}, {"o": ["sgd"], "r": [1, 2], "m": [0, 1]}]
    frame = search_cost(space).frame
    assert frame["n_values"].to_dict() == pytest.approx(
        {"o": 2, "r": 2, "m": 2, "all of them": math.nan}, nan_ok=True
    )
    assert frame["n_candidates"].tolist()[:3] == [8, 9, 8]


def test_candidates_that_are_drawn_do_not_grow():
    told = search_cost({"a": log_uniform(1, 2), "b": [1, 2]}, n_iter=20, epochs=3)
    assert (told.n_candidates, told.n_fits, told.n_epochs) == (20, 101, 303)
    assert (told.frame["growth"] == 0).all()
    assert "do not add fits" in repr(told)
    assert search_cost({"b": [1, 2]}, n_iter=20).n_candidates == 2


def test_numpys_integers_are_integers():
    told = search_cost({"a": log_uniform(1, 2)}, n_iter=np.int64(20), epochs=np.int32(3))
    assert (told.n_candidates, told.n_epochs) == (20, 303)
    assert len(sobol({"a": log_uniform(1, 2)}, np.int64(4), random_state=0)) == 4


def test_it_is_readable_as_text_and_in_a_notebook():
    told = search_cost({"a<b": [1, 2], "c": [1]}, cv=2, epochs=1000)
    assert repr(told).splitlines()[0] == "2 candidates, 2 folds: 5 fits, 5,000 epochs"
    assert "a&lt;b" in told._repr_html_()
    assert "<table" in told._repr_html_()
    assert repr(search_cost({"a": [1]}, cv=2)).startswith(
        "1 candidate, 2 folds: 3 fits, epochs: not known"
    )


def test_what_depends_on_the_number_of_rows_is_said_to_be_unknown():
    told = search_cost(HalvingGridSearchCV(Counting(), {"alpha": [1, 2, 3]}))
    assert (told.n_candidates, told.n_fits, told.n_epochs) == (3, None, None)
    assert "depends on the number of rows" in repr(told)
    told = search_cost(HalvingRandomSearchCV(Counting(), {"alpha": uniform(0, 1)}))
    assert (told.n_candidates, told.n_fits) == (None, None)


def test_halving_is_not_counted_beyond_what_can_be_listed():
    space = {"alpha": list(range(1000)), "l1_ratio": list(range(1000))}
    told = search_cost(HalvingGridSearchCV(Counting(), space, resource="epochs", max_resources=9))
    assert (told.n_candidates, told.n_fits) == (1_000_000, None)
    assert "not counted beyond 100,000 candidates" in repr(told)


def test_counting_a_halving_search_draws_nothing_of_the_users():
    search = HalvingRandomSearchCV(
        Counting(), {"alpha": uniform(0, 1)}, resource="epochs", max_resources=9
    )
    np.random.seed(0)
    search_cost(search)
    after = np.random.rand()
    np.random.seed(0)
    assert after == np.random.rand()
    assert not hasattr(search, "n_resources_")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"resource": "epoch", "max_resources": 9}, "resource=epoch which is not supported"),
        ({"resource": "epochs"}, "resource can only be 'n_samples' when max_resources='auto'"),
        ({"resource": "alpha", "max_resources": 9}, "part of the searched parameters"),
        ({"resource": "epochs", "max_resources": 3, "min_resources": 5}, "is greater"),
    ],
)
def test_a_halving_search_that_cannot_run_is_an_error_at_once(settings, says):
    with pytest.raises(ValueError, match=says):
        search_cost(HalvingGridSearchCV(Counting(), {"alpha": [1, 2, 3]}, **settings))


def test_hyperband_is_counted_by_its_brackets():
    network = KerasClassifier()
    space = param_distributions(network, learning_rate=log_uniform(1e-4, 1))
    told = search_cost(HyperbandSearchCV(network, space, max_resources=9, cv=2))
    assert told.n_candidates == 9 + 5 + 3
    assert told.n_fits == (9 + 3 + 1 + 5 + 1 + 3) * 2 + 1
    assert told.n_epochs == (9 + 9 + 9 + 15 + 9 + 27) * 2 + 9


@pytest.mark.parametrize(
    ("space", "max_resources"),
    [({"alpha": [1, 2]}, 9), ({"alpha": [1]}, 9), ({"alpha": integers(1, 4)}, 27)],
)
@pytest.mark.filterwarnings("ignore:the space has")
def test_hyperband_on_a_small_space_is_counted_as_it_runs(space, max_resources):
    X, y = load_iris(return_X_y=True)
    search = HyperbandSearchCV(Counting(), space, max_resources=max_resources, cv=2)
    told = search_cost(search)
    Counting.fits.clear()
    search.fit(X, y)
    assert told.n_fits == len(Counting.fits)
    assert told.n_epochs == sum(Counting.fits)
    assert search._n_planned() == len(search.cv_results_["params"])


def test_hyperbands_resource_counts_as_epochs_only_if_it_is_epochs():
    network, space = SGDClassifier(), {"alpha": [1.0]}
    search = HyperbandSearchCV(network, space, resource="max_iter", max_resources=9)
    assert search_cost(search).n_epochs is None


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (({"a": uniform(0, 1)},), ValueError, "a: uniform.* is a distribution; pass n_iter"),
        (({"a": [1]}, LeaveOneOut()), ValueError, "depends on the data"),
        (({"a": [1]}, 1), ValueError, "cv=1"),
        (({"a": [1]}, "five"), ValueError, "cv='five' must be a number of folds"),
        (({"a": [1]}, iter([])), ValueError, "cv is an iterator"),
        (({"a": [1]}, 5, 0), ValueError, "n_iter=0 must be an integer of at least 1"),
        (({"a": [1]}, 5, True), ValueError, "n_iter=True must be"),
        ((RandomizedSearchCV(Counting(), {"alpha": [1]}, n_iter=2.5),), ValueError, "n_iter=2.5"),
        (({"a": [1]}, 5, None, 1.5), ValueError, "epochs=1.5 must be an integer of at least 1"),
        ((3,), TypeError, "space=3 must be a dict"),
        ((SGDClassifier(),), TypeError, "must be a dict"),
        ((GridSearchCV(Counting(), {"alpha": [1]}), 3), ValueError, "has its own cv"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, error, says):
    with pytest.raises(error, match=says):
        search_cost(*arguments)


def test_a_splitter_and_a_list_of_splits_are_counted():
    assert search_cost({"a": [1]}, GroupKFold(4)).n_splits == 4
    assert search_cost({"a": [1]}, [([0], [1]), ([1], [0])]).n_splits == 2
