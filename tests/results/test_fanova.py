"""Shares of the variance: exact on what is known, near Optuna's on a planted function."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kerasearch import importance

from ..cv_results.tables import cv_results


def searched(params, score, n_folds=2):
    scores = np.array([[score(**each)] * n_folds for each in params], dtype=float)
    return cv_results(params, scores)


def drawn(n, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {
            "rate": float(10 ** rng.uniform(-4, -1)),
            "units": int(rng.integers(8, 129)),
            "optimizer": str(rng.choice(["adam", "sgd", "rmsprop"])),
            "idle": float(rng.uniform()),
        }
        for _ in range(n)
    ]


def planted(rate, units, optimizer, idle):
    log = np.log10(rate)
    return 4 * log + 0.02 * units + {"adam": 1.0, "sgd": 0.0, "rmsprop": 0.5}[optimizer]


def test_a_grid_gives_the_shares_of_an_analysis_of_variance():
    params = [{"a": a, "b": b} for a in range(5) for b in range(5)] * 4
    table = importance(searched(params, lambda a, b: 3 * a + b), n_trees=32)
    # variances of 3a and b are 9 to 1 on the same grid, with no interaction
    assert table.loc["a", "importance"] == pytest.approx(0.9, abs=0.02)
    assert table.loc["b", "importance"] == pytest.approx(0.1, abs=0.02)
    assert table.loc["a x b", "importance"] == pytest.approx(0, abs=0.01)
    assert table.attrs["oob_r2"] > 0.95


def test_an_interaction_without_main_effects_is_found():
    params = [{"a": a, "b": b} for a in "xy" for b in "uv"] * 10
    table = importance(searched(params, lambda a, b: (a == "x") != (b == "u")))
    assert table.loc[["a", "b"], "importance"].tolist() == pytest.approx([0, 0], abs=0.05)
    assert table["importance"].iloc[2] == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_it_agrees_with_optuna_on_a_planted_function():
    optuna = pytest.importorskip("optuna")
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    space = {
        "rate": FloatDistribution(-4, -1),  # its logarithm: Optuna integrates on a linear scale
        "units": IntDistribution(8, 128),
        "optimizer": CategoricalDistribution(["adam", "sgd", "rmsprop"]),
        "idle": FloatDistribution(0, 1),
    }
    params = drawn(200)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for each in params:
        value = float(planted(**each))
        given = each | {"rate": np.log10(each["rate"])}
        study.add_trial(optuna.trial.create_trial(params=given, distributions=space, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        theirs = optuna.importance.get_param_importances(
            study, evaluator=evaluator, normalize=False
        )
    ours = importance(searched(params, planted))
    assert ours.index[:4].tolist() == list(theirs)
    for name, share in theirs.items():
        assert ours.loc[name, "importance"] == pytest.approx(share, abs=0.03)
    assert (ours["std"] >= 0).all()


def test_what_does_not_matter_has_no_share():
    table = importance(searched(drawn(100), planted))
    assert table.index[0] == "rate"
    assert table.loc["idle", "importance"] < 0.01
    assert table.index[-1] == "rate x units"


def test_conditional_none_and_boolean_values_are_understood():
    rng = np.random.default_rng(0)
    params = []
    for _ in range(80):
        each = {"norm": bool(rng.integers(2)), "limit": [None, 3, (1, 2)][rng.integers(3)]}
        if each["norm"]:
            each["momentum"] = float(rng.uniform())
        params.append(each)
    table = importance(searched(params, lambda norm, limit, momentum=0: norm + momentum))
    assert set(table.index[:2]) == {"norm", "momentum"}
    assert table.loc["limit", "importance"] < 0.01
    assert table["importance"].between(0, 1).all()


def test_failed_candidates_and_constants_are_left_out():
    results = searched([{"a": i % 5, "same": 1} for i in range(30)], lambda a, same: a)
    for name in ("split0_test_score", "mean_test_score"):
        results[name][3] = np.nan
    table = importance(results)
    assert table.index.tolist() == ["a"]
    assert table.loc["a", "importance"] == pytest.approx(1)


def test_constant_scores_give_no_importance():
    table = importance(searched([{"a": i, "b": -i} for i in range(20)], lambda a, b: 0.5))
    assert table["importance"].tolist() == [0, 0, 0]
    assert table["ci_high"].tolist() == [0, 0, 0]


def test_too_few_candidates_are_told_with_how_many_it_takes():
    for n in (2, 3):
        with pytest.raises(ValueError, match=f"{n} candidates .* too few .* at least 4 are needed"):
            importance(searched(drawn(n), planted))
    results = searched(drawn(8), planted)
    results["mean_test_score"][:5] = np.nan
    with pytest.raises(ValueError, match="3 candidates with a score are too few"):
        importance(results)
    with pytest.raises(ValueError, match="no hyperparameter .* more than one value"):
        importance(searched([{"a": 1}], lambda a: a))


@pytest.mark.filterwarnings("ignore:the .* candidates do not show")
@pytest.mark.parametrize(("n_candidates", "n_parameters"), [(30, 8), (12, 6), (4, 5)])
def test_few_candidates_for_their_hyperparameters_have_wide_intervals(n_candidates, n_parameters):
    rng = np.random.default_rng(0)
    names = [f"x{i}" for i in range(n_parameters)]
    params = [{name: float(rng.uniform()) for name in names} for _ in range(n_candidates)]

    def score(**given):
        return 3 * given["x0"] + given["x1"] + given["x2"]

    table = importance(searched(params, score))
    assert set(table.index[:-1]) == set(names)
    assert (table["ci_low"] <= table["importance"]).all()
    assert (table["importance"] <= table["ci_high"]).all()
    assert table[["ci_low", "ci_high"]].stack().between(0, 1).all()
    assert table.loc["x0", "ci_high"] - table.loc["x0", "ci_low"] > 0.2


def test_intervals_are_narrow_where_candidates_are_many():
    table = importance(searched(drawn(200), planted))
    width = table["ci_high"] - table["ci_low"]
    assert (width > 0).all()
    assert width.max() < 0.05
    assert table.loc["rate", "ci_low"] > table.loc["units", "ci_high"]


def test_some_hyperparameters_alone_keep_their_shares_and_show_their_interaction():
    results = searched(drawn(60), planted)
    whole = importance(results)
    table = importance(results, parameters=["idle", "units"])
    assert sorted(table.index[:2]) == ["idle", "units"]
    assert table.index[2] in ("idle x units", "units x idle")
    for name in ("idle", "units"):
        assert table.loc[name, "importance"] == whole.loc[name, "importance"]
        assert table.loc[name, "std"] == whole.loc[name, "std"]
    assert importance(results, parameters="rate").index.tolist() == ["rate"]


def test_wrong_names_of_hyperparameters_are_told():
    results = searched([{"net__a": i % 5, "same": 1} for i in range(12)], lambda **k: k["net__a"])
    assert importance(results, parameters="net__a").equals(importance(results, parameters="a"))
    with pytest.raises(ValueError, match="the search has no parameter 'b'"):
        importance(results, parameters=["a", "b"])
    with pytest.raises(
        ValueError, match="have the same value of same; the hyperparameters that vary are a"
    ):
        importance(results, parameters=["a", "same"])
    with pytest.raises(ValueError, match="parameters is empty"):
        importance(results, parameters=[])


def test_numbers_that_are_close_or_huge_are_told_apart():
    rng = np.random.default_rng(0)
    for low, spread in ((1.0, 1e-9), (0.0, 1e300), (2020.0, 1e-4)):
        params = [{"a": low + spread * rng.uniform(), "b": rng.uniform()} for _ in range(60)]
        table = importance(searched(params, lambda a, b: (a - low) / spread))  # noqa: B023
        assert table.loc["a", "importance"] > 0.9


def test_a_search_in_which_all_failed_has_no_importance():
    table = cv_results([{"a": i} for i in range(20)], np.full((20, 2), np.nan))
    with pytest.raises(ValueError, match="every candidate of the search failed"):
        importance(table)


def test_noise_alone_warns():
    rng = np.random.default_rng(0)
    params = [{"a": float(rng.uniform())} for _ in range(40)]
    with pytest.warns(UserWarning, match="do not show which hyperparameters matter"):
        importance(searched(params, lambda a: rng.normal()))


def test_the_resource_of_halving_is_listed_once():
    params = [{"a": i % 7} for i in range(40)]
    results = searched(params, lambda a: a)
    results["n_resources"] = np.repeat([10, 30], 20)
    assert "n_resources" in importance(results).index
    for i, each in enumerate(results["params"]):
        each["epochs"] = int(results["n_resources"][i])
    table = importance(results)
    assert "epochs" in table.index
    assert "n_resources" not in table.index


def test_the_same_seed_gives_the_same_shares():
    results = searched(drawn(60), planted)
    assert importance(results).equals(importance(results))


@pytest.mark.parametrize("n_trees", [True, 2.5, "3", 0])
def test_the_number_of_trees_is_an_integer(n_trees):
    search = cv_results([{"a": i} for i in range(12)], np.arange(24).reshape(12, 2))
    with pytest.raises(ValueError, match=f"n_trees={n_trees!r} must be an integer of at least 1"):
        importance(search, n_trees=n_trees)
