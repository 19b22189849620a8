"""One stored fit as a file: what goes in comes out, and what is damaged is said to be."""

from __future__ import annotations

import io
import json
import math
import pickle
import random
import tracemalloc
import zipfile

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasearch.store import file_format

RECORD = {"key": "ab" * 20, "epochs": 3, "history": {"loss": [1.5, 0.1, math.inf]}}
ARRAYS = {
    "weight.0": np.arange(12, dtype=np.float32).reshape(3, 4),
    "weight.1": np.zeros((0, 2), np.float16),
    "optimizer.0": np.array(7, np.int64),
    "optimizer.1": np.array([True, False]),
    "metric.0": np.arange(300, dtype=np.float64)[::3],
}


def written(record=RECORD, arrays=ARRAYS):
    file = io.BytesIO()
    file_format.write(file, record, arrays)
    return file.getvalue()


def read(content):
    return file_format.read(io.BytesIO(content))


def without_listing(record):
    return {key: value for key, value in record.items() if key not in ("arrays", "digest")}


def rewritten(change, content=None):
    """The same members in a new archive, each as `change(name, content)`; None leaves it out."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content or written())) as old,
        zipfile.ZipFile(file, "w") as new,
    ):
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed is not None:
                new.writestr(zipfile.ZipInfo(name), changed)
    return file.getvalue()


def of_format_1():
    return rewritten(lambda _, content: content.replace(b'"format": 2', b'"format": 1'))


def assert_equal(arrays, expected=ARRAYS):
    assert arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_a_fit_is_read_as_it_was_written():
    record, arrays = read(written())
    assert without_listing(record) == {"format": file_format.VERSION, **RECORD}
    assert record["arrays"]["weight.0"] == ["<f4", [3, 4]]
    assert record["arrays"]["optimizer.0"] == ["<i8", []]
    assert_equal(arrays)


def test_the_record_alone_is_read_without_the_arrays():
    record = file_format.read_record(io.BytesIO(written()))
    assert without_listing(record) == {"format": file_format.VERSION, **RECORD}
    assert list(record["arrays"]) == list(ARRAYS)


def test_arrays_that_nobody_wants_are_not_read():
    told = []
    content = io.BytesIO(written())
    assert file_format.read(content, lambda record: told.append(record))[1] is None
    assert told[0]["arrays"]["metric.0"] == ["<f8", [100]]


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_a_dtype_that_numpy_lacks_keeps_its_bytes(dtype):
    array = np.linspace(-2, 2, 9).astype(dtype)
    read_back = read(written(arrays={"weight.0": array}))[1]["weight.0"]
    assert read_back.view(dtype).tolist() == array.tolist()


@given(st.lists(st.floats(width=64), max_size=5), st.lists(st.floats(width=32), max_size=5))
@settings(max_examples=30, deadline=None)
def test_every_float_of_a_history_comes_back_to_the_bit(doubles, singles):
    history = {"loss": doubles, "per_class": [np.array(singles, np.float32)]}
    back = read(written({"history": history}))[0]["history"]
    # repr, in which NaN is equal to itself and -0.0 differs from 0.0
    assert [*map(repr, back["loss"])] == [*map(repr, doubles)]
    assert back["per_class"][0].dtype == np.float32
    np.testing.assert_array_equal(back["per_class"][0], np.array(singles, np.float32))


def test_numpy_opens_the_arrays_and_any_zip_tool_the_record(tmp_path):
    path = tmp_path / "fit.npz"
    path.write_bytes(written())
    np.testing.assert_array_equal(np.load(path)["weight.0"], ARRAYS["weight.0"])
    assert b'"epochs": 3' in zipfile.ZipFile(path).read("fit.json")


def test_nothing_that_needs_pickle_is_written():
    with pytest.raises(TypeError, match="dtype object cannot be stored"):
        written(arrays={"weight.0": np.array([{}], object)})
    with pytest.raises(TypeError, match="object cannot be stored in a fit"):
        written({"value": object()})


def test_reading_a_file_runs_no_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path / "exploded").touch, ()

    content = io.BytesIO(written())
    array = io.BytesIO()
    np.lib.format.write_array(array, np.array([Bomb()], object), allow_pickle=True)
    assert b"exploded" in array.getvalue()
    assert pickle  # what a reader must not use
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("weight.9.npy", array.getvalue())
    with pytest.raises(file_format.DamagedFile, match="members do not match the list"):
        file_format.read(content)
    bomb = rewritten(lambda name, old: array.getvalue() if name == "weight.0.npy" else old)
    with pytest.raises(file_format.DamagedFile, match="dtype or shape of an array"):
        read(bomb)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete zip archive"),
        (b"\x93NUMPY, but not really", "not a complete zip archive"),
        (b"PK\x05\x06" + bytes(18), "not a stored fit"),  # an empty archive
        (of_format_1(), "has format 1, but format 2 is needed"),
    ],
    ids=["empty", "an array", "an empty archive", "another format"],
)
def test_what_is_no_stored_fit_is_damaged(content, message):
    with pytest.raises(file_format.DamagedFile, match=message):
        read(content)


def test_a_file_cut_short_is_damaged_wherever_it_was_cut():
    content = written()
    assert len(content) > 2000
    for n_bytes in range(0, len(content), 41):
        with pytest.raises(file_format.DamagedFile):
            read(content[:n_bytes])


def test_a_flipped_bit_is_noticed_or_harmless():
    content = written()
    chosen = random.Random(0).sample(range(8 * len(content)), 800)
    n_noticed = 0
    for bit in chosen:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            record, arrays = read(bytes(damaged))
        except file_format.DamagedFile:
            n_noticed += 1
        else:  # a date in the zip's directory, say
            assert without_listing(record) == {"format": file_format.VERSION, **RECORD}
            assert_equal(arrays)
    assert n_noticed > 500


def test_a_compressed_file_is_refused_before_anything_is_inflated():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fit.json", json.dumps({"format": 2, "arrays": {}, "pad": " " * 10**7}))
    assert len(file.getvalue()) < 20_000
    tracemalloc.start()
    with pytest.raises(file_format.DamagedFile, match="compressed"):
        read(file.getvalue())
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_members_that_share_their_bytes_are_refused():
    content = bytearray(rewritten(lambda name, content: content))
    # an entry of the directory says that its member is the whole file
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = len(content).to_bytes(4, "little") * 2
    with pytest.raises(file_format.DamagedFile, match="larger than the file"):
        read(bytes(content))


@pytest.mark.parametrize("shape", [b"(30, 4)", b"(300000000, 4)"])
def test_an_array_larger_than_its_bytes_is_refused_before_memory_is_taken(shape):
    def larger(name, content):
        pad = b" " * 40
        return content.replace(b"(3, 4), }" + pad, b"%s, }" % shape + pad[len(shape) - 6 :])

    def both(name, content):
        if name == "fit.json":
            return content.replace(b'["<f4", [3, 4]]', b'["<f4", [%s]]' % shape.strip(b"()"))
        return larger(name, content) if name == "weight.0.npy" else content

    with pytest.raises(file_format.DamagedFile, match="number of bytes of an array"):
        read(rewritten(both))


def test_a_record_with_an_array_of_long_texts_is_refused():
    def long_texts(name, content):
        return content.replace(b'"epochs": 3', b'"epochs": {"array": ["a"], "dtype": "U100000000"}')

    with pytest.raises(file_format.DamagedFile, match="has an array with dtype"):
        read(rewritten(long_texts))


def test_a_member_that_the_archive_no_longer_shows_is_missed():
    with pytest.raises(file_format.DamagedFile, match="members do not match the list"):
        read(rewritten(lambda name, content: None if name == "metric.0.npy" else content))


def test_two_arrays_of_one_shape_that_changed_places_are_noticed():
    content = written(arrays={"weight.0": np.zeros(3), "weight.1": np.ones(3)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    swapped = {"weight.0.npy": "weight.1.npy", "weight.1.npy": "weight.0.npy"}
    with pytest.raises(file_format.DamagedFile, match="digest of its arrays does not match"):
        read(rewritten(lambda name, _: members[swapped.get(name, name)], content))


@pytest.mark.parametrize("now", [0.0, -86400.0, 1e12])
def test_a_fit_is_written_whatever_the_clock_says(monkeypatch, now):
    expected = written()
    monkeypatch.setattr("time.time", lambda: now)
    assert written() == expected


@pytest.mark.parametrize("n_arrays", [0, 1, 30])
def test_the_size_is_known_before_writing(n_arrays):
    arrays = {f"optimizer.{i}": np.zeros((i, 7), np.float32) for i in range(n_arrays)}
    record = {**RECORD, "history": {"per_class": [np.ones(3)] * 50}}
    expected, real = file_format.size(record, arrays), len(written(record, arrays))
    assert expected - 512 * (n_arrays + 2) < real <= expected
