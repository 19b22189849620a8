"""Objects in a grid show what tells them apart: in tables, pictures, studies and the report."""

from __future__ import annotations

import enum
import functools
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from keras import callbacks, initializers, losses, optimizers, regularizers
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from kerasearch import (
    ManualSearchCV,
    merge_searches,
    param_grid,
    summarize,
    to_optuna_study,
    zoom,
)
from kerasearch._utils.descriptions import describe
from kerasearch._utils.json_values import as_json
from kerasearch._utils.text import cut_apart
from kerasearch._utils.values import identity
from kerasearch.cv_results.reading import read
from kerasearch.cv_results.values import LONGEST, MISSING, labels
from kerasearch.html_report import contents
from kerasearch.plots.scales import LONGEST_LABEL, Scale
from kerasearch.results.fanova import importance

from ..search.conftest import Learner
from .tables import cv_results, through_csv

L2, Adam = regularizers.L2, optimizers.Adam


class Loss(losses.Loss):
    """Leaves its argument out of its configuration."""

    def __init__(self, alpha):
        super().__init__()
        self.alpha = alpha


class Plain:
    def __init__(self, size, mode="a"):
        self.size = size
        self.mode = mode


class Renamed:
    """Keeps its argument by another name."""

    def __init__(self, size):
        self._n = size
        self.itself = self

    def method(self): ...


class Slotted:
    __slots__ = ("held",)

    def __init__(self, **given):
        self.held = given


class Kind(enum.Enum):
    SMALL = 1
    LARGE = 2


def scaled(scale):
    def init(shape, dtype=None):
        return scale

    return init


def decay(rate):
    return optimizers.schedules.ExponentialDecay(rate, 100, 0.9)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([L2(0.1), L2(0.01)], ["L2(l2=0.1)", "L2(l2=0.01)"]),
        (
            [Adam(), Adam(0.1), optimizers.SGD(0.1, momentum=0.9)],
            [
                "Adam(learning_rate=0.001)",
                "Adam(learning_rate=0.1)",
                "SGD(learning_rate=0.1, momentum=0.9)",
            ],
        ),
        (["adam", Adam(0.3), None], ["adam", "Adam(learning_rate=0.3)", "None"]),
        ([losses.Huber(0.5), losses.Huber(2.0)], ["Huber(delta=0.5)", "Huber(delta=2.0)"]),
        ([Loss(0.1), Loss(0.2)], ["Loss(alpha=0.1)", "Loss(alpha=0.2)"]),
        ([Plain(1), Plain(2, "b")], ["Plain(size=1, mode='a')", "Plain(size=2, mode='b')"]),
        (
            [initializers.RandomNormal(stddev=0.1), initializers.RandomNormal(seed=3)],
            ["RandomNormal(stddev=0.1, seed=None)", "RandomNormal(stddev=0.05, seed=3)"],
        ),
        (
            [callbacks.EarlyStopping(patience=3), callbacks.EarlyStopping("loss")],
            [
                "EarlyStopping(monitor='val_loss', patience=3)",
                "EarlyStopping(monitor='loss', patience=0)",
            ],
        ),
        ([Renamed(1), Renamed(2)], ["Renamed(_n=1)", "Renamed(_n=2)"]),
        ([Slotted(a=1), Slotted(a=2)], ["Slotted(held={'a': 1})", "Slotted(held={'a': 2})"]),
        ([Kind.SMALL, Kind.LARGE], ["Kind.SMALL", "Kind.LARGE"]),
        (
            [Renamed(1).method, Renamed(2).method],
            ["Renamed(_n=1).method", "Renamed(_n=2).method"],
        ),
        (
            [keras.DTypePolicy("float32"), keras.DTypePolicy("mixed_float16")],
            ["DTypePolicy(name='float32')", "DTypePolicy(name='mixed_float16')"],
        ),
        ([SVC(C=3), SVC(kernel="linear")], ["SVC(C=3)", "SVC(kernel='linear')"]),
        (
            [functools.partial(scaled, 1), functools.partial(scaled, scale=L2(0.5))],
            ["partial(scaled, 1)", "partial(scaled, scale=L2(l2=0.5))"],
        ),
        ([scaled(1), scaled(2)], ["init(scale=1)", "init(scale=2)"]),
        ([lambda x: x, lambda x: x + 1], ["<lambda> #1", "<lambda> #2"]),
        ([Learner, SVC], ["Learner", "SVC"]),
        ([[L2(0.1), 3], (L2(0.2),)], ["[L2(l2=0.1), 3]", "(L2(l2=0.2),)"]),
        ([{"k": L2(0.1)}, {"k": None}], ["{k: L2(l2=0.1)}", "{k: None}"]),
        (["None", None, "1", 1], ["'None'", "None", "'1'", "1"]),
        ([np.array([1, 2]), [1, 2]], ["array([1, 2], int64)", "[1, 2]"]),
        ([object(), object()], ["object() #1", "object() #2"]),
    ],
)
def test_different_values_have_different_texts(values, texts):
    assert labels([*values, MISSING, *values]) == [*texts, "MISSING", *texts]


def test_a_schedule_within_an_optimizer_is_told():
    texts = labels([Adam(decay(0.1)), Adam(decay(0.2)), Adam(0.1)])
    assert "initial_learning_rate=0.1" in describe(Adam(decay(0.1)))
    assert len(set(texts)) == 3
    assert max(map(len, texts)) <= LONGEST
    assert ["0.1" in text for text in texts] == [True, False, True]
    assert "0.2" in texts[1]


def test_long_texts_are_cut_where_they_are_alike():
    deep = [(64,) * 30 + (last,) + (32,) * 30 for last in (7, 8)]
    found = labels(deep)
    assert [("7" in text, "8" in text) for text in found] == [(True, False), (False, True)]
    assert all(len(text) <= LONGEST for text in found)
    assert (
        cut_apart(["a" * 40 + "b" + "c" * 40, "a" * 40 + "d" + "c" * 40], 20)
        != ["a" * 9 + "…" + "c" * 10] * 2
    )


def test_equal_configurations_are_one_value_and_hidden_differences_are_not():
    assert identity(L2(0.1)) == identity(L2(0.1)) != identity(L2(0.2))
    assert identity(Adam(0.1)) == identity(Adam(0.1)) != identity(Adam(0.1, beta_1=0.5))
    assert identity(SVC(C=1.0)) == identity(SVC()) != identity(SVC(C=2))
    assert identity(Loss(0.1)) == identity(Loss(0.1)) != identity(Loss(0.2))
    assert identity(functools.partial(scaled, 1)) == identity(functools.partial(scaled, 1))
    dense = keras.layers.Dense(1), keras.layers.Dense(1)
    assert identity(dense[0]) != identity(dense[1])  # their weights differ
    X, y = load_iris(return_X_y=True)
    fitted = [
        FrozenEstimator(LogisticRegression().fit(X[rows], y[rows])) for rows in (y > 0, y < 2)
    ]
    assert identity(fitted[0]) != identity(fitted[1])
    with pytest.warns(UserWarning, match="repeated values"):
        assert len(param_grid(Learner(), tag=[L2(0.1), L2(0.1), L2(0.2)])["tag"]) == 2


def test_a_search_read_back_from_a_pickle_has_the_same_values():
    tags = [L2(0.1), L2(0.01), L2(0.001), L2(0.1)]
    first = cv_results([{"tag": tag} for tag in tags[:3]], np.ones((3, 2)))
    again = pickle.loads(pickle.dumps(first))
    merged = merge_searches(first, again)
    assert merged["duplicate"].tolist() == [False] * 3 + [True] * 3
    assert summarize(merged)["tag"].nunique() == 3
    scores = [[0.9], [0.1], [0.2]]
    found = pickle.loads(pickle.dumps(cv_results(first["params"], scores)))
    (kept,) = zoom(found, {"tag": tags[:3]})["tag"]
    assert kept is tags[0]


@pytest.fixture
def table():
    values = [Adam(0.1), Adam(0.01), "sgd", Adam(0.1)]
    params = [{"opt": v, "n": i % 3} for i, v in enumerate(values * 3)]
    return cv_results(params, np.linspace(0, 1, 24).reshape(12, 2))


@pytest.mark.filterwarnings("ignore:the 12 candidates do not show")
def test_tables_pictures_studies_and_the_report_have_the_same_texts(table, tmp_path):
    texts = {"Adam(learning_rate=0.1)", "Adam(learning_rate=0.01)", "sgd"}
    assert set(summarize(table)["opt"]) == texts
    summarize(table).to_csv(tmp_path / "summary.csv")
    assert set(pd.read_csv(tmp_path / "summary.csv")["opt"]) == texts
    results = read(table)
    scale = Scale.of("opt", results.values("opt"))
    assert len(scale.categories) == len(set(scale.categories)) == 3
    assert all(len(text) <= LONGEST_LABEL for text in scale.categories)
    assert len(np.unique(scale.positions)) == 3
    assert set(dict(contents.space(results))["opt"].split(", ")) == texts
    assert dict(contents.best(results, "score"))["opt"] == "Adam(learning_rate=0.1)"
    assert "opt" in importance(table).index
    pytest.importorskip("optuna")
    study = to_optuna_study(table)
    assert {trial.params["opt"] for trial in study.trials} == texts - {"sgd"} | {"'sgd'"}


def test_objects_in_a_csv_file_of_the_results_stay_apart(tmp_path):
    params = [{"tag": tag, "n": 1} for tag in (Plain(1), Plain(2), Plain(1))]
    found = read(through_csv(cv_results(params, np.ones((3, 2))), tmp_path))
    assert found.labels("tag") == ["Plain #1", "Plain #2", "Plain #3"]


def test_a_manual_search_prints_what_was_changed(capsys):
    search = ManualSearchCV(Learner(), cv=3).fit(*load_iris(return_X_y=True))
    search.trial(tag=L2(0.1))
    search.trial(tag=L2(0.01))
    search.trial(tag=object())
    search.trial(tag="x")
    lines = capsys.readouterr().out.splitlines()
    assert "tag=L2(l2=0.1) → L2(l2=0.01)" in lines[1]
    assert "tag=L2(l2=0.1) → object()" in lines[2]
    assert lines[3].endswith("tag=L2(l2=0.1) → 'x'")
    assert "<td>L2(l2=0.01)</td>" in search._repr_html_()
    search.undo().undo().undo()
    assert "removed: tag=L2(l2=0.01)" in capsys.readouterr().out


def test_what_a_store_writes_of_an_object_is_the_same_in_every_process():
    assert as_json(L2(0.1)) == "L2(l2=0.1)"
    assert as_json([Adam(0.1), SVC]) == ["Adam(learning_rate=0.1)", "SVC"]
    assert as_json(keras.Sequential()) == as_json(keras.Sequential()) == "Sequential()"
    assert " at 0x" not in as_json(np.random.RandomState(0))
    assert as_json(pd.DataFrame({"a": [1]})) == "DataFrame"
