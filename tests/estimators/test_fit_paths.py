"""What the callbacks of a fit write to: the name of the fit in a path, and fits that share one."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from kerasearch import FitStore, KerasClassifier
from tests.slow import long_but

callbacks = keras.callbacks


def quick(**params):
    defaults = {"epochs": 2, "hidden_layer_sizes": (4,), "random_state": 0, "batch_size": 50}
    return KerasClassifier(**{**defaults, **params})


class Writes(callbacks.Callback):
    """A callback of the user's with paths of several kinds."""

    def __init__(self, path, options):
        super().__init__()
        self.path = path
        self.options = options

    def on_train_end(self, logs=None):
        Path(self.path).write_text(self.options["text"][0])


WRITERS = {
    "ModelCheckpoint": lambda folder: callbacks.ModelCheckpoint(
        folder / "{fit}-{epoch}.weights.h5", save_weights_only=True
    ),
    "CSVLogger": lambda folder: callbacks.CSVLogger(folder / "{fit}.csv"),
    "CSVLogger of text": lambda folder: callbacks.CSVLogger(f"{folder}/{{fit}}.csv"),
    "TensorBoard": lambda folder: callbacks.TensorBoard(folder / "{fit}"),
    "BackupAndRestore": lambda folder: callbacks.BackupAndRestore(
        folder / "{fit}", delete_checkpoint=False
    ),
    "one of the user's": lambda folder: Writes(folder / "{fit}.txt", {"text": ["of {fit}"]}),
}


def names_in(folder):
    return {path.name.split(".")[0].split("-")[0] for path in folder.iterdir()}


@pytest.mark.parametrize(
    "kind", long_but(WRITERS, "CSVLogger", "BackupAndRestore", "one of the user's")
)
def test_each_fit_of_a_search_writes_to_a_path_of_its_own(iris, tmp_path, kind):
    if kind == "TensorBoard":
        pytest.importorskip("tensorboard")
    callback = WRITERS[kind](tmp_path)
    before = dict(vars(callback))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        cross_val_score(quick(callbacks=[callback]), *iris, cv=2, error_score="raise")
    names = names_in(tmp_path)
    assert len(names) == 2
    assert all(re.fullmatch("[0-9a-f]{10}", name) for name in names)
    assert vars(callback) == before
    if kind == "ModelCheckpoint":
        assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {
            "1.weights.h5",
            "2.weights.h5",
        }


def test_a_routed_path_names_the_fit_too(iris, tmp_path):
    grid = {"callbacks__0__filename": [f"{tmp_path}/{{fit}}.csv"], "epochs": [1, 2]}
    network = quick(callbacks=[callbacks.CSVLogger])
    GridSearchCV(network, grid, cv=2, refit=False, error_score="raise").fit(*iris)
    lengths = sorted(len(path.read_text().splitlines()) for path in tmp_path.iterdir())
    assert lengths == [2, 2, 3, 3]


def name_of(folder, iris, in_call=False, **params):
    folder.mkdir(parents=True)
    logger = callbacks.CSVLogger(folder / "{fit}.csv")
    if in_call:
        quick(**params).fit(*iris, callbacks=[logger])
        assert logger.filename.endswith("{fit}.csv")
    else:
        fitted = quick(**{"callbacks": [logger], **params}).fit(*iris)
        assert Path(fitted.callbacks_[0].filename).exists()
    (path,) = folder.iterdir()
    return path.stem


def test_the_same_fit_has_the_same_name_wherever_it_writes(iris, tmp_path):
    name = name_of(tmp_path / "a", iris)
    assert name_of(tmp_path / "b" / "c", iris) == name
    assert name_of(tmp_path / "d", iris, in_call=True) == name
    assert name_of(tmp_path / "e", iris, verbose=0, fit__epochs=2, epochs=7) == name
    assert name_of(tmp_path / "f", iris, activation="relu") == name


ANOTHER = {
    "an argument of the builder": {"hidden_layer_sizes": (5,)},
    "one of the optimizer": {"optimizer__learning_rate": 0.5},
    "an instance": {"optimizer": keras.optimizers.Adam(0.5)},
    "the seed": {"random_state": 1},
    "the epochs": {"epochs": 1},
    "the rows": {"validation_split": 0.2},
    "a setting of the call": {"fit__batch_size": 75},
    "a callback": {"fit__callbacks": [callbacks.EarlyStopping("loss", patience=9)]},
}


@pytest.mark.parametrize("what", long_but(ANOTHER, "an instance", "the epochs", "a callback"))
def test_another_fit_has_another_name(iris, tmp_path, what):
    assert name_of(tmp_path / "a", iris) != name_of(tmp_path / "b", iris, **ANOTHER[what])


def test_a_changed_row_makes_another_name(iris, tmp_path):
    X, y = iris
    changed = X.copy()
    changed[0, 0] += 1
    assert name_of(tmp_path / "a", (X, y)) != name_of(tmp_path / "b", (changed, y))


def test_the_table_of_the_store_has_the_name(iris, tmp_path):
    class Notes(callbacks.Callback):
        def __init__(self, path):
            super().__init__()
            self.path = path

    store = FitStore()
    network = quick(store=store, callbacks=[Notes(tmp_path / "{fit}")])
    cross_val_score(network, *iris, cv=2, error_score="raise")
    fitted = network.fit(*iris)
    table = store.frame()
    assert table["fit"].nunique() == 3
    assert table["fit"].iloc[-1] == fitted.callbacks_[0].path.name == list(store)[-1].name
    assert network.fit(*iris).n_epochs_trained_ == 0


def test_a_literal_brace_is_left_to_keras(iris, tmp_path):
    checkpoint = callbacks.ModelCheckpoint(
        f"{tmp_path}/{{{{fit}}}}-{{epoch}}.weights.h5", save_weights_only=True
    )
    quick(callbacks=[checkpoint], epochs=1).fit(*iris)
    assert [path.name for path in tmp_path.iterdir()] == ["{fit}-1.weights.h5"]


@pytest.mark.parametrize("kind", long_but(["ModelCheckpoint", "CSVLogger"], "CSVLogger"))
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_two_fits_that_write_to_one_path_are_one_warning(iris, tmp_path, kind, n_jobs):
    writer = {
        "ModelCheckpoint": callbacks.ModelCheckpoint(tmp_path / "best.keras"),
        "CSVLogger": callbacks.CSVLogger(tmp_path / "log.csv"),
    }[kind]
    network = quick(callbacks=[writer])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        network.fit(*iris)
        network.fit(*iris)  # the same fit may well write the same again
    with joblib.parallel_backend("threading"), pytest.warns(UserWarning, match="write to") as seen:
        cross_val_score(network, *iris, cv=3, n_jobs=n_jobs)
    ours = [str(warning.message) for warning in seen if "write to" in str(warning.message)]
    assert len(ours) == 1
    assert [w.filename for w in seen if "write to" in str(w.message)] == [__file__] or n_jobs == 2
    assert kind in ours[0]
    assert "{fit}" in ours[0]


class FailsOnce(callbacks.Callback):
    """Ends the first fit after an epoch, as a crash would; its backup stays."""

    failed = False

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and not FailsOnce.failed:
            FailsOnce.failed = True
            raise ConnectionError("the power failed")


@pytest.mark.parametrize("leftover", long_but(["crash", "kept"], "crash"))
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
def test_no_fit_of_a_search_restores_anothers_backup(iris, tmp_path, monkeypatch, leftover):
    monkeypatch.setattr(FailsOnce, "failed", leftover != "crash")
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=leftover == "crash")
    grid = {"epochs": [4], "optimizer__learning_rate": [0.01, 0.001]}

    def search(**params):
        network = quick(**params)
        return GridSearchCV(network, grid, cv=2, refit=False, error_score=np.nan).fit(*iris)

    plain = search().cv_results_
    with pytest.warns(UserWarning, match="store=") as seen:
        backed = search(callbacks=[backup, FailsOnce()]).cv_results_
    told = [str(warning.message) for warning in seen if "store=" in str(warning.message)]
    assert len(told) == 1
    assert "keeps its backup in its own folder" in told[0]
    for split in ("split0_test_score", "split1_test_score"):
        same = np.isnan(backed[split]) | (backed[split] == plain[split])
        assert same.all()
    assert np.isnan(backed["split0_test_score"]).sum() == (leftover == "crash")


def test_a_fit_that_was_cut_short_goes_on_from_its_own_backup(iris, tmp_path, monkeypatch):
    monkeypatch.setattr(FailsOnce, "failed", False)
    network = quick(epochs=3, callbacks=[callbacks.BackupAndRestore(tmp_path), FailsOnce()])
    with pytest.raises(ConnectionError):
        network.fit(*iris)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = network.fit(*iris).history_["loss"]
    assert history == quick(epochs=3).fit(*iris).history_["loss"][1:]
    assert not list(tmp_path.rglob("*.h5"))
