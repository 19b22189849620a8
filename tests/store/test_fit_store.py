"""FitStore by itself: files, tables, bounds. No Keras here."""

from __future__ import annotations

import copy
import datetime
import errno
import gc
import os
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerasearch.store import FitStore, StoredFit
from kerasearch.store import directory as directory_module
from kerasearch.store import file_format as format_module

from . import nets
from .conftest import ROOT, age, files, ours, output, run

KEYS = [f"{i:02x}" * 20 for i in range(1, 10)]


def record(loss=(0.5, 0.25), rows=10, data="d0", seconds=1.5, divergence=None, **parameters):
    return {
        "parameters": parameters,
        "n_rows": rows,
        "data": data,
        "seconds": seconds,
        "history": {"loss": list(loss), "accuracy": [0.5] * len(loss)},
        "path": "compiled",
        "finished": False,
        "divergence": divergence,
    }


def put(store, i, epochs=2, n=4, **about):
    store.save(KEYS[i], epochs, record(**about), {"weight.0": np.full(n, i, np.float32)})


@pytest.fixture(params=["path", "temporary"])
def any_store(request, tmp_path):
    return FitStore(tmp_path / "store" if request.param == "path" else None)


# ------------------------------------------------------------------ save and load


def test_what_is_saved_is_loaded(any_store):
    put(any_store, 0, epochs=3, units=8)
    loaded, arrays = any_store.load(KEYS[0], 3)
    assert loaded["parameters"] == {"units": 8}
    assert loaded["history"]["loss"] == [0.5, 0.25]
    np.testing.assert_array_equal(arrays["weight.0"], np.zeros(4, np.float32))
    assert any_store.load(KEYS[0], 4) is None
    assert any_store.load(KEYS[1], 3) is None


def test_the_lengths_of_a_fit_come_longest_first(any_store):
    for epochs in (3, 12, 5):
        put(any_store, 0, epochs=epochs)
    put(any_store, 1, epochs=7)
    assert any_store.lengths(KEYS[0]) == [12, 5, 3]
    assert any_store.lengths(KEYS[2]) == []


def test_a_fit_saved_again_is_replaced(any_store):
    put(any_store, 0, units=1)
    put(any_store, 0, units=2)
    assert len(any_store) == 1
    assert any_store.load(KEYS[0], 2)[0]["parameters"] == {"units": 2}


def test_a_fit_is_discarded_whether_it_is_there_or_not(any_store):
    put(any_store, 0)
    any_store.discard(KEYS[0], 2)
    any_store.discard(KEYS[0], 2)
    assert len(any_store) == 0


def test_an_empty_store_is_true_and_has_nothing(any_store):
    assert any_store
    assert len(any_store) == 0
    assert list(any_store) == []
    assert any_store.frame().empty
    assert any_store.training_history().empty
    assert any_store.verify() == {}
    any_store.clear()


def test_a_directory_that_is_not_there_is_empty_and_not_made_by_looking(tmp_path):
    store = FitStore(tmp_path / "none")
    assert len(store) == 0
    assert store.frame().empty
    assert not (tmp_path / "none").exists()


# ------------------------------------------------------------------ tables


def test_iteration_gives_stored_fits_the_oldest_first(any_store, monkeypatch):
    before = time.time()
    for i in (2, 0, 1):
        put(any_store, i, units=i)
        time.sleep(0.01)
    fits = list(any_store)
    assert [fit.key for fit in fits] == [KEYS[2], KEYS[0], KEYS[1]]
    fit = fits[0]
    assert isinstance(fit, StoredFit)
    assert (fit.epochs, fit.n_rows, fit.data, fit.seconds) == (2, 10, "d0", 1.5)
    assert fit.parameters == {"units": 2}
    assert fit.history == {"loss": [0.5, 0.25], "accuracy": [0.5, 0.5]}
    assert fit.path == "compiled"
    assert fit.divergence is None
    assert before <= fit.created.timestamp() <= time.time()
    assert fit.created.tzinfo is datetime.UTC
    assert fit.n_bytes > 300


def test_the_frame_has_a_row_a_fit(any_store):
    put(any_store, 0, units=4, hidden=[4, 2])
    put(any_store, 1, epochs=9, loss=(0.75,), rows=20, units=None)
    diverged = {"message": "the loss was nan", "epoch": 0, "at_once": True}
    put(any_store, 2, epochs=1, loss=(np.nan,), divergence=diverged, rate=0.5, options={"a": [1]})
    frame = any_store.frame()
    assert list(frame["fit"]) == [key[:8] for key in KEYS[:3]]
    assert list(frame["epochs"]) == [2, 9, 1]
    assert list(frame["n_rows"]) == [10, 20, 10]
    assert frame["param_units"][0] == 4
    assert frame["param_units"].isna().tolist() == [False, True, True]
    assert frame["param_hidden"][0] == (4, 2)
    assert frame["param_options"][2] == {"a": [1]}
    assert frame["loss"].tolist()[:2] == [0.25, 0.75]
    assert np.isnan(frame["loss"][2])
    assert frame["divergence"][2] == "the loss was nan"
    assert frame["seconds"].tolist() == [1.5] * 3
    assert isinstance(frame["created"].dtype, pd.DatetimeTZDtype)
    columns = ["fit", "param_units", "param_hidden", "n_rows", "epochs", "seconds"]
    assert [c for c in frame.columns if c in columns] == columns


def test_learning_curves_have_every_epoch_of_the_longest_fits(any_store):
    put(any_store, 0, epochs=1, loss=(0.5,), data="a", units=4)
    put(any_store, 0, epochs=3, loss=(0.5, 0.25, 0.125), data="a", units=4)
    put(any_store, 1, epochs=2, loss=(1.0, 0.5), data="b", units=4)
    put(any_store, 2, epochs=2, loss=(1.0, 0.5), data="a", units=8)
    curves = any_store.training_history()
    columns = ["candidate", "fold", "n_rows", "param_units", "epoch", "metric", "value"]
    assert list(curves.columns) == columns
    losses = curves[curves["metric"] == "loss"]
    assert losses["value"].tolist() == [0.5, 0.25, 0.125, 1.0, 0.5, 1.0, 0.5]
    assert losses["epoch"].tolist() == [1, 2, 3, 1, 2, 1, 2]
    assert losses["candidate"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert losses["fold"].tolist() == [0, 0, 0, 1, 1, 0, 0]
    assert len(curves) == 2 * len(losses)


def test_vectors_in_a_history_are_kept_and_left_out_of_tables(any_store):
    about = record()
    about["history"]["per_class"] = [np.array([0.5, 1.0], np.float32)] * 2
    any_store.save(KEYS[0], 2, about, {})
    assert "per_class" not in any_store.frame()
    assert "per_class" not in set(any_store.training_history()["metric"])
    (fit,) = any_store
    np.testing.assert_array_equal(fit.history["per_class"][1], [0.5, 1.0])


# ------------------------------------------------------------------ removing


def test_prune_removes_what_was_not_used_for_longest(store):
    for i in range(4):
        put(store, i)
    for i, file in enumerate(files(store)):
        os.utime(file, (time.time() - 1000 * (i + 1),) * 2)  # the last one is the oldest
    sizes = [file.stat().st_size for file in files(store)]
    assert store.prune(max_bytes=sum(sizes[:2])) == 2
    assert sorted(fit.key for fit in store) == KEYS[:2]
    assert store.prune(older_than=datetime.timedelta(seconds=1500)) == 1
    assert [fit.key for fit in store] == KEYS[:1]
    assert store.prune(older_than=1500, max_bytes=sum(sizes)) == 0
    assert store.prune(max_bytes=0) == 1
    with pytest.raises(ValueError, match="max_bytes, older_than or both"):
        store.prune()


def test_clear_removes_fits_and_leaves_other_files(store):
    put(store, 0)
    others = [store.path / "notes.txt", files(store)[0].with_name("README")]
    others.append(files(store)[0].with_name("not-a-fit.npz"))
    for other in others:
        other.write_text("mine")
    assert len(store) == 1
    store.clear()
    assert len(store) == 0
    assert all(other.read_text() == "mine" for other in others)


def test_verify_names_what_is_damaged_and_removes_it_when_told_to(store):
    for i in range(4):
        put(store, i, n=500)
    cut, flipped, swapped, good = files(store)
    cut.write_bytes(cut.read_bytes()[:-30])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 4
    flipped.write_bytes(bytes(content))
    swapped.write_bytes(good.read_bytes())
    damaged = store.verify()
    assert sorted(damaged) == sorted(map(str, (cut, flipped, swapped)))
    assert "not a complete zip archive" in damaged[str(cut)]
    assert "CRC" in damaged[str(flipped)]
    assert damaged[str(swapped)] == "the fit in it does not match its file name"
    assert len(store) == 4
    assert store.verify(remove=True) == damaged
    assert store.verify() == {}
    assert files(store) == [good]


def test_a_damaged_fit_is_left_out_of_the_tables_with_a_warning_that_names_it(store):
    put(store, 0)
    put(store, 1)
    files(store)[0].write_bytes(b"gone")
    frame, messages = ours(store.frame)
    assert len(frame) == 1
    (message,) = messages
    assert str(files(store)[0]) in message
    assert "is damaged" in message
    assert "is ignored" in message


# ------------------------------------------------------------------ bounds


def size_of_one(tmp_path):
    probe = FitStore(tmp_path / "probe")
    put(probe, 0, n=1000)
    return files(probe)[0].stat().st_size


def test_the_least_recently_used_fits_make_room(tmp_path):
    size = size_of_one(tmp_path)
    store = FitStore(tmp_path / "store", max_bytes=3 * size + size // 2)
    for i in range(3):
        put(store, i, n=1000)
    age(store)
    store.load(KEYS[0], 2)  # used just now
    _, messages = ours(put, store, 3, n=1000)
    assert messages == []
    assert sorted(fit.key for fit in store) == [KEYS[0], KEYS[2], KEYS[3]]
    assert sum(file.stat().st_size for file in files(store)) <= store.max_bytes


def test_fits_of_a_running_search_are_not_evicted_and_the_new_one_is_not_stored(tmp_path):
    size = size_of_one(tmp_path)
    store = FitStore(tmp_path / "store", max_bytes=2 * size + size // 2)

    def fill():
        for i in range(4):
            put(store, i, n=1000)

    _, messages = ours(fill)
    assert sorted(fit.key for fit in store) == KEYS[:2]
    (message,) = messages
    assert "full of fits used within the last hour" in message
    assert f"max_bytes={store.max_bytes}" in message


def test_a_fit_larger_than_the_bound_costs_no_other_fit(tmp_path):
    store = FitStore(tmp_path / "store", max_bytes=20_000)
    put(store, 0)
    age(store)
    _, messages = ours(put, store, 1, n=10_000)
    assert [fit.key for fit in store] == KEYS[:1]
    (message,) = messages
    assert "max_bytes=20000" in message
    assert "larger" in message


def test_a_temporary_store_is_bounded_too(monkeypatch):
    monkeypatch.setattr("kerasearch.store.room.PROTECTED_SECONDS", -1.0)
    store = FitStore(max_bytes=15_000)
    for i in range(5):
        put(store, i, n=1000)
        time.sleep(0.02)  # file systems count time in steps of 1 to 10 ms
    assert [fit.key for fit in store] == KEYS[2:5]


@pytest.mark.parametrize("max_bytes", [0, -1, 1.5, "10", True, None])
def test_a_bound_that_is_no_positive_integer_is_refused(max_bytes):
    with pytest.raises(ValueError, match="max_bytes=.* must be an integer of at least 1"):
        FitStore(max_bytes=max_bytes)


# ------------------------------------------------------------------ copies and names


def test_copies_are_the_same_store(any_store):
    assert copy.copy(any_store) is any_store
    assert copy.deepcopy({"store": any_store})["store"] is any_store


def test_a_store_on_disk_pickles_as_its_path(store, monkeypatch, tmp_path):
    put(store, 0)
    again, messages = ours(lambda: pickle.loads(pickle.dumps(store)))
    assert messages == []
    assert len(again) == 1
    monkeypatch.chdir(tmp_path)
    relative = pickle.dumps(FitStore("store", max_bytes=10**6))
    monkeypatch.chdir("/")
    again = pickle.loads(relative)
    assert len(again) == 1
    assert again.max_bytes == 10**6
    assert pickle.loads(relative) is again  # its warnings and its count are one


def test_a_temporary_store_is_itself_again_when_it_is_unpickled_where_it_was_made():
    store = FitStore(max_bytes=12345)
    put(store, 0)
    again, messages = ours(lambda: pickle.loads(pickle.dumps({"store": store})))
    assert again["store"] is store
    assert messages == []


def test_a_temporary_store_goes_when_nobody_has_it_any_more():
    store = FitStore()
    put(store, 0)
    content, path = pickle.dumps(store), store.path
    assert len(files(store)) == 1
    del store
    gc.collect()
    assert not path.exists()
    one, other = pickle.loads(content), pickle.loads(content)
    assert one is other
    assert len(one) == 0
    _, messages = ours(lambda: [FitStore.of(one), put(one, 1), put(one, 2)])
    assert [
        text for text in messages if "made on another machine, or was removed" in text
    ] == messages
    assert len(messages) == 1
    assert "the path of a directory that all machines share as store=" in messages[0]
    assert len(one) == 0
    assert not path.exists()


USES_A_COPY = """
import pickle, sys
import numpy as np
store = pickle.loads(bytes.fromhex(sys.argv[1]))
assert repr(store) == "FitStore()" and pickle.loads(pickle.dumps(store)) is store
record = {"parameters": {}, "n_rows": 1, "data": "d", "seconds": 0.0, "history": {"loss": [1.0]},
          "path": "compiled", "finished": False, "divergence": None}
print(len(store), flush=True)
sys.stdin.readline()
store.save("ab" * 20, 1, record, {"weight.0": np.zeros(3)})
print(len(store), store.path.exists(), flush=True)
"""


def test_processes_share_a_temporary_store_and_do_not_remove_it():
    store = FitStore()
    for n in range(2):
        code = USES_A_COPY.replace("ab", f"{n}b")
        process = run("-W", "error", "-c", code, pickle.dumps(store).hex(), stdin=-1)
        out, error = process.communicate("go\n", timeout=120)
        assert out.splitlines() == [f"{n}", f"{n + 1} True"], error
    assert len(store) == 2


def test_a_temporary_store_that_is_gone_is_not_made_again_by_a_process_that_had_it():
    store = FitStore()
    put(store, 0)
    path = store.path
    process = run("-c", USES_A_COPY, pickle.dumps(store).hex(), stdin=-1)
    assert process.stdout.readline() == "1\n"
    del store
    gc.collect()
    out, error = process.communicate("go\n", timeout=120)
    assert out == "0 False\n"
    assert "temporary directory of FitStore() was made on another machine, or was removed" in error
    assert not path.exists()


def test_a_temporary_store_goes_with_the_process_that_made_it_and_not_with_a_forked_one():
    code = """
import os
from kerasearch.store import FitStore
store = FitStore()
print(store.path, flush=True)
child = os.fork()
if child == 0:
    raise SystemExit  # which runs what is to be run at exit
os.waitpid(child, 0)
print(store.path.is_dir(), flush=True)
"""
    path, there = output(run("-c", code)).splitlines()
    assert there == "True"
    assert not Path(path).exists()


def test_one_path_is_one_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = FitStore.of("some")
    assert FitStore.of(tmp_path / "some") is one
    assert FitStore.of(one) is one
    assert FitStore.of(None) is None
    assert (tmp_path / "some").is_dir()
    with pytest.raises(TypeError, match=r"store=3 must be the path of a directory, a FitStore"):
        FitStore.of(3)


def test_the_repr_can_be_typed_in():
    assert repr(FitStore()) == "FitStore()"  # a temporary one has no name to be typed
    assert repr(FitStore("a", max_bytes=5)) == "FitStore('a', max_bytes=5)"


# ------------------------------------------------------------------ faults


def test_a_path_that_is_a_file_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(OSError, match=r"store='.*file' cannot be used as a directory"):
        FitStore.of(path)
    assert path.read_text() == "mine"


def test_what_was_left_half_written_is_removed_after_an_hour(tmp_path):
    folder = tmp_path / "store" / "fits" / "ab"
    folder.mkdir(parents=True)
    old, young = folder / ".ab-00000002.x.tmp", folder / ".ab-00000002.y.tmp"
    for file in (old, young):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 3700,) * 2)
    store = FitStore.of(tmp_path / "store")
    put(store, 0)
    store.clear()
    assert not old.exists()
    assert young.exists()
    assert len(store) == 0


def failing(code, after=0):
    """A way to write that fails when so many bytes were written."""
    write = directory_module.Directory.write

    def broken(self, name, content):
        def write_some(file):
            content(_Limited(file, after, code))

        return write(self, name, write_some)

    return broken


class _Limited:
    def __init__(self, file, left, code):
        self._file, self._left, self._code = file, left, code

    def write(self, content):
        self._left -= len(content)
        if self._left < 0:
            raise OSError(self._code, os.strerror(self._code), str(random.random()))
        return self._file.write(content)

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("after", [0, 500, 5000])
def test_a_write_that_fails_is_one_warning_and_leaves_nothing(store, monkeypatch, code, after):
    put(store, 0)

    def attempts():
        for i in (1, 2, 3):
            put(store, i, n=4000)

    with monkeypatch.context() as patch:
        patch.setattr(directory_module.Directory, "write", failing(code, after))
        _, messages = ours(attempts)
    (message,) = messages
    assert os.strerror(code) in message
    assert "not stored" in message
    assert [fit.key for fit in store] == KEYS[:1]
    assert list(store.path.rglob("*.tmp")) == []
    put(store, 1)  # space again
    assert len(store) == 2


def test_a_file_system_that_is_full_is_one_warning(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    try:
        store = FitStore.of(place / "store")

        def fill():
            for i in range(9):
                put(store, i, n=3000)

        _, messages = ours(fill)
        (message,) = messages
        assert "No space left on device" in message
        assert 2 <= len(store) <= 5
        assert store.verify() == {}
        assert list(store.path.rglob("*.tmp")) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_an_unreadable_folder_is_a_warning_and_no_error(store, monkeypatch):
    put(store, 0)

    def denied(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(directory_module.os, "scandir", denied)
    lengths, messages = ours(store.lengths, KEYS[0])
    assert lengths == []
    (message,) = messages
    assert "Permission denied" in message


def test_text_in_a_history_is_a_warning_and_no_error(any_store):
    about = record()
    about["history"]["note"] = [np.asarray("text")]
    _, messages = ours(any_store.save, KEYS[0], 2, about, {})
    (message,) = messages
    assert "not stored" in message
    assert len(any_store) == 0


# ------------------------------------------------------------------ processes


WRITER = """
import sys, numpy as np
from kerasearch.store import FitStore
store, seed = FitStore.of(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(3):
    for i in np.random.default_rng(seed).permutation(40):
        key = f"{i:02x}" * 20
        record = {"parameters": {"i": int(i)}, "n_rows": 1, "data": "d", "seconds": 0.0,
                  "history": {"loss": [float(i)]}, "path": "compiled", "finished": False,
                  "divergence": None}
        store.save(key, 1, record, {"weight.0": np.full(2000, i, np.float32)})
        found = store.load(f"{(i * 7) % 40:02x}" * 20, 1)
        assert found is None or (found[1]["weight.0"] == (i * 7) % 40).all()
"""


@pytest.mark.parametrize("n_processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_processes_that_write_at_once_leave_whole_fits(tmp_path, n_processes):
    path = tmp_path / "store"
    processes = [
        run("-W", "error", "-c", WRITER, path, seed, stdin=subprocess.PIPE)
        for seed in range(n_processes)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        output(process)
    store = FitStore(path)
    assert len(store) == 40
    assert store.verify() == {}
    assert sorted(fit.history["loss"][0] for fit in store) == list(range(40))
    assert list(path.rglob("*.tmp")) == []


def test_a_store_needs_neither_keras_nor_scikit_learn(store):
    put(store, 0)
    code = (
        "import sys\n"
        "from kerasearch import FitStore\n"
        "store = FitStore(sys.argv[1])\n"
        "assert len(store) == 1 and store.verify() == {}\n"
        "print(store.frame()['loss'][0], len(store.training_history()))\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'scikeras'} & set(sys.modules)\n"
    )
    assert output(run("-c", code, store.path)) == "0.25 4\n"
    assert Path(ROOT, "kerasearch").is_dir()
    assert sys.executable


def test_fits_of_several_sizes_above_the_bound_are_one_warning(tmp_path):
    store = FitStore(tmp_path / "store", max_bytes=10)
    _, messages = ours(lambda: [put(store, i, n=100 + i) for i in range(3)])
    assert len(messages) == 1


def test_folders_that_cannot_be_read_are_one_warning(store, monkeypatch):
    def denied(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(directory_module.os, "scandir", denied)
    _, messages = ours(lambda: [store.lengths(key) for key in KEYS])
    assert len(messages) == 1


def test_room_that_cannot_be_made_is_a_warning_and_no_error(tmp_path, monkeypatch):
    store = FitStore(tmp_path / "store", max_bytes=20_000)
    put(store, 0, n=4000)
    age(store)

    def denied(self, name):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

    monkeypatch.setattr(directory_module.Directory, "remove", denied)
    _, messages = ours(put, store, 1, n=4000)
    (message,) = messages
    assert "Permission denied" in message


def test_a_path_keeps_its_bound_when_another_store_of_it_is_unpickled(tmp_path):
    one = FitStore.of(tmp_path / "store")
    assert pickle.loads(pickle.dumps(FitStore(tmp_path / "store", max_bytes=123))).max_bytes == 123
    assert FitStore.of(tmp_path / "store") is one


def test_a_foreign_file_of_the_right_form_is_damaged_and_trained_again(tmp_path, iris):
    place = tmp_path / "store"
    fitted = nets.make(place).fit(*iris)
    (file,) = Path(place).rglob("*.npz")
    key, _, epochs = file.stem.partition("-")
    with file.open("wb") as foreign:
        format_module.write(foreign, {"key": key, "epochs": int(epochs)}, {})
    assert list(FitStore(place).verify().values()) == [
        "its record lacks created, data, divergence, finished, history, n_rows, parameters, path, "
        "seconds"
    ]
    again, (message,) = ours(lambda: nets.make(place).fit(*iris))
    assert str(file) in message
    assert again.history_ == fitted.history_
    assert FitStore(place).verify() == {}


def _read(path):
    with path.open("rb") as file:
        return format_module.read(file)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"history": 5}, "its field history has type int"),
        ({"history": {"loss": 5}}, "its field loss has type int"),
        ({"divergence": "nan"}, "its field divergence has type str"),
        ({"divergence": {"epoch": 1}}, "its record lacks at_once, message"),
        ({"seconds": None}, "its field seconds has type NoneType"),
        ({"created": 1e30}, "its time of creation, 1e+30, is out of range"),
    ],
)
def test_a_record_with_other_types_than_ours_is_damaged(tmp_path, iris, changed, what):
    place = tmp_path / "store"
    nets.make(place, epochs=1).fit(*iris)
    (file,) = Path(place).rglob("*.npz")
    about, arrays = _read(file)
    with file.open("wb") as foreign:
        format_module.write(foreign, {**about, **changed}, arrays)
    assert list(FitStore(place).verify().values()) == [what]
    again, (message,) = ours(lambda: nets.make(place, epochs=1).fit(*iris))
    assert what in message
    assert again.n_epochs_trained_ == 1


@pytest.mark.parametrize("dtype", ["S4", "V8", "float64"])
def test_arrays_of_another_dtype_are_not_put_into_a_model(tmp_path, iris, dtype):
    place = tmp_path / "store"
    nets.make(place, epochs=1).fit(*iris)
    (file,) = Path(place).rglob("*.npz")
    about, arrays = _read(file)
    arrays = {name: np.zeros(array.shape, dtype) for name, array in arrays.items()}
    with file.open("wb") as foreign:
        format_module.write(foreign, about, arrays)
    assert nets.make(place, epochs=1).fit(*iris).n_epochs_trained_ == 1
    assert nets.make(place, epochs=1).fit(*iris).n_epochs_trained_ == 0


def test_fits_with_many_small_arrays_stay_within_the_bound(tmp_path):
    store = FitStore(tmp_path / "store", max_bytes=22_000)
    arrays = {f"weight.{i}": np.zeros(3, np.float32) for i in range(20)}

    def fill():
        for key in KEYS:
            store.save(key, 1, record(loss=[0.1] * 100), arrays)

    _, (message,) = ours(fill)
    assert "full of fits" in message
    assert 10_000 < sum(file.stat().st_size for file in files(store)) <= store.max_bytes


@pytest.mark.parametrize(
    "settings",
    [
        {"max_bytes": -1},
        {"max_bytes": True},
        {"max_bytes": "1GB"},
        {"older_than": -5},
        {"older_than": float("nan")},
        {"older_than": "1d"},
        {"older_than": datetime.timedelta(days=-1)},
    ],
)
def test_a_slip_in_prune_is_an_error_and_removes_nothing(store, settings):
    put(store, 0)
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name}=.* must be an? "):
        store.prune(**settings)
    assert len(store) == 1


def test_a_tilde_is_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert FitStore("~/fits").path == tmp_path / "fits"
    assert FitStore.of("~/fits").path == tmp_path / "fits"
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("path", ["", 3, "a\0b"])
def test_what_is_no_path_is_an_error(path):
    with pytest.raises(ValueError, match="path=.* must be the path of a directory"):
        FitStore(path)


# ----------------------------------------------------------------- clocks, and many fits


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_hours_off_the_file_systems_changes_nothing(tmp_path, monkeypatch, hours):
    size = size_of_one(tmp_path)
    here = time.time
    monkeypatch.setattr(time, "time", lambda: here() + 3600 * hours)
    store = FitStore(tmp_path / "store", max_bytes=2 * size + size // 2)
    half = tmp_path / "store" / "fits" / "ab" / ".ab-00000002.x.tmp"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    _, messages = ours(lambda: [put(store, i, n=1000) for i in range(3)])
    assert len(store) == 2  # both were used just now, and stay
    assert "full of fits used within the last hour" in messages[0]
    assert store.prune(older_than=1800) == 0
    assert half.exists()  # somebody is writing it
    for file in files(store):
        os.utime(file, (here() - 3700,) * 2)
    os.utime(half, (here() - 3700,) * 2)
    put(store, 3, n=1000)
    assert KEYS[3] in [fit.key for fit in store]
    assert store.prune(older_than=3600) == 1
    assert not half.exists()


def counted_listings(monkeypatch):
    """Count how many fits are listed."""
    listed = []
    stat = directory_module.Directory._in_folder

    def in_folder(self, folder):
        for file in stat(self, folder):
            listed.append(file)
            yield file

    monkeypatch.setattr(directory_module.Directory, "_in_folder", in_folder)
    return listed


def test_saving_and_finding_a_fit_list_no_others_once_they_were_counted(tmp_path, monkeypatch):
    store = FitStore(tmp_path / "store")
    for i in range(5):
        put(store, i)
    listed = counted_listings(monkeypatch)
    for other in (store, FitStore(tmp_path / "store")):  # another process's
        put(other, 5)
        assert other.lengths(KEYS[0]) == [2]
        assert other.load(KEYS[5], 2) is not None
    assert listed == []


def test_a_store_that_is_full_is_listed_once_to_make_room_for_many(tmp_path, monkeypatch):
    size = size_of_one(tmp_path)
    store = FitStore(tmp_path / "store", max_bytes=4 * size + size // 2)
    for i in range(4):
        put(store, i, n=1000)
    age(store)
    store = FitStore(tmp_path / "store", max_bytes=4 * size + size // 2)
    listed = counted_listings(monkeypatch)
    for i in range(4, 7):
        put(store, i, n=1000)
    assert len(listed) == 4
    assert len(store) == 4


def test_fits_that_are_removed_by_hand_give_their_room_back(tmp_path):
    size = size_of_one(tmp_path)
    store = FitStore(tmp_path / "store", max_bytes=2 * size + size // 2)
    for i in range(2):
        put(store, i, n=1000)
    for file in files(store):
        file.unlink()
    _, messages = ours(lambda: [put(store, i, n=1000) for i in range(2, 4)])
    assert messages == []
    assert sorted(fit.key for fit in store) == KEYS[2:4]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"1 nan\n", b"9" * 500])
def test_a_damaged_number_of_bytes_is_counted_anew(tmp_path, content):
    size = size_of_one(tmp_path)
    store = FitStore(tmp_path / "store", max_bytes=2 * size + size // 2)
    put(store, 0, n=1000)
    (tmp_path / "store" / "fits" / "n_bytes").write_bytes(content)
    put(store, 1, n=1000)
    (text, _) = (tmp_path / "store" / "fits" / "n_bytes").read_text().split()[:2]
    assert int(text) == sum(file.stat().st_size for file in files(store))
