"""Processes and threads with the same work train each fit once."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
import time

import pytest

from kerasearch.store import FitStore
from kerasearch.store import claim as claim_module

from . import nets
from .conftest import ROOT

KEY = "ab" * 20
HOLD = """
import sys, time
from kerasearch.store import FitStore
with FitStore.of(sys.argv[1]).claimed(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""
SEARCH = """
import json, sys
from tests.store import killed_search
print(json.dumps(killed_search.run(sys.argv[1])))
"""


def holder(store):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.path), KEY],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_comes_second_waits_until_the_first_has_stored_the_fit(store, iris):
    X, y = iris
    networks = [nets.make(store, epochs=2) for _ in range(4)]
    threads = [threading.Thread(target=network.fit, args=(X, y)) for network in networks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(network.n_epochs_trained_ for network in networks) == [0, 0, 0, 2]
    assert len({tuple(network.history_["loss"]) for network in networks}) == 1


def test_a_claim_is_for_one_at_a_time_and_leaves_no_file(store):
    inside, most = [], []

    def take():
        with store.claimed(KEY):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=lambda: [take() for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 40
    assert not list(store.path.rglob("*.lock"))


def test_other_fits_do_not_wait(store):
    with store.claimed(KEY), store.claimed("cd" * 20):
        pass


def test_a_killed_process_gives_its_claim_back(store):
    process = holder(store)
    taken = threading.Event()

    def take():
        with store.claimed(KEY):
            taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not taken.wait(0.2)
    process.kill()
    assert taken.wait(20)
    thread.join()
    process.communicate()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES])
def test_where_there_are_no_locks_nobody_waits_and_every_fit_is_stored(
    store, iris, monkeypatch, code
):
    def refuse(*args):
        raise OSError(code, "no locks")

    monkeypatch.setattr(claim_module.fcntl, "flock", refuse)
    with store.claimed(KEY), store.claimed(KEY):
        pass
    assert nets.make(store, epochs=1).fit(*iris).n_epochs_trained_ == 1
    assert nets.make(store, epochs=1).fit(*iris).n_epochs_trained_ == 0
    assert len(store) == 1


def test_without_the_module_for_locks_nobody_waits(store, monkeypatch):
    monkeypatch.setattr(claim_module, "fcntl", None)
    with store.claimed(KEY), store.claimed(KEY):
        pass


@pytest.mark.long
@pytest.mark.slow
def test_four_processes_with_one_search_train_each_of_its_fits_once(tmp_path):
    place = tmp_path / "store"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SEARCH, str(place)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(4)
    ]
    results = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    n_fits = 8 * 2 + 1
    assert len(FitStore(place)) == n_fits
    assert sum(result.pop("epochs") for result in results) == 40 * n_fits
    assert all(result == results[0] for result in results)
    assert not list(place.rglob("*.lock"))
