"""A store at a wrong place, and on a disk that takes no more: read what there is, lose no fit."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch.store import FitStore
from kerasearch.store import directory as directory_module
from kerasearch.store import fit_store as fit_store_module

from . import nets
from .conftest import ours


def _never_a_store(tmp_path):
    """Paths at which there can be no directory, and what is said of each."""
    file, dangling, loop = tmp_path / "file", tmp_path / "dangling", tmp_path / "loop"
    file.write_text("mine")
    dangling.symlink_to(tmp_path / "nowhere")
    loop.symlink_to(loop)
    return {
        "file": (file, "Not a directory"),
        "below a file": (file / "store", "Not a directory"),
        "dangling link": (dangling, "No such file"),
        "loop of links": (loop, "Too many levels of symbolic links"),
        "the kernel's": (Path("/proc/store"), "Permission denied"),
        "NUL": ("a\0b", "must be the path of a directory"),
        "empty": ("", "must be the path of a directory"),
        "number": (3, "must be the path of a directory"),
    }


@pytest.mark.parametrize(
    "kind",
    ["file", "below a file", "dangling link", "loop of links"]
    + ["the kernel's", "NUL", "empty", "number"],
)
def test_a_path_that_can_never_be_a_store_is_one_error_of_the_search(tmp_path, iris, kind):
    path, message = _never_a_store(tmp_path)[kind]
    if kind == "the kernel's" and not Path("/proc").is_dir():
        pytest.skip("this system has no /proc")
    before = sorted(tmp_path.rglob("*"))
    network = make_pipeline(StandardScaler(), nets.make(path, epochs=1))
    search = GridSearchCV(network, {"kerasclassifier__batch_size": [16, 32]}, cv=2)
    with pytest.raises((OSError, ValueError, TypeError), match=message) as caught:
        search.fit(*iris)
    assert "fits failed" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_is_made_by_the_first_fit_and_not_by_a_clone(tmp_path, iris):
    network = clone(nets.make(tmp_path / "deep" / "store", epochs=1))
    assert not (tmp_path / "deep").exists()
    network.fit(*iris)
    assert len(FitStore(tmp_path / "deep" / "store")) == 1


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_what_a_disk_that_takes_no_more_has_is_read_and_the_rest_is_trained(
    tmp_path, iris, monkeypatch, code
):
    place = tmp_path / "store"
    nets.make(place, epochs=1).fit(*iris)

    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fit_store_module, "_BY_PATH", {})  # as in a fresh process
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(directory_module.Directory, "write", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nets.make(place, epochs=1).fit(*iris).n_epochs_trained_ == 0

    def two_new_fits():
        return [nets.make(place, epochs=1, batch_size=n).fit(*iris) for n in (8, 16)]

    trained, (message,) = ours(two_new_fits)
    assert os.strerror(code) in message
    assert [network.n_epochs_trained_ for network in trained] == [1, 1]


def test_where_no_directory_can_be_made_for_want_of_room_fits_are_trained(
    tmp_path, iris, monkeypatch
):
    def refuse(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", refuse)
    trained, (message,) = ours(lambda: nets.make(tmp_path / "new", epochs=1).fit(*iris))
    assert "cannot be written (No space left on device)" in message
    assert trained.n_epochs_trained_ == 1
