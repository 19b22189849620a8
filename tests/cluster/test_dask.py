"""Searches on Dask: the numbers of one process, whatever dies; and what goes over the network."""

from __future__ import annotations

import json
import subprocess
import time
import types
from pathlib import Path

import numpy as np
import pytest

from kerasearch import BayesSearchCV, HyperbandSearchCV, ManualSearchCV, uniform
from tests.search.conftest import Learner

from .dask_cluster import dask_cluster, wait_for
from .program import KINDS
from .running import n_stored, outputs, program, tables

distributed = pytest.importorskip("distributed", reason="pip install 'kerasearch[dask]'")
joblib = pytest.importorskip("joblib")

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with dask_cluster(tmp_path_factory.mktemp("dask")) as started:
        yield started


@pytest.fixture(scope="module")
def found(cluster, tmp_path_factory):
    return tables(program(KINDS, tmp_path_factory.mktemp("there"), cluster.address_file))


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_on_dask_has_the_numbers_of_one_process(expected, found, kind):
    assert found[kind] == expected[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_whose_worker_is_killed_finishes_with_the_same_numbers(
    expected, cluster, tmp_path, kind
):
    cluster.add_worker()  # in place of the one that dies
    with distributed.Client(scheduler_file=str(cluster.address_file)) as client:
        client.wait_for_workers(3, timeout=240)
    before = cluster.n_dead()
    cluster.doom(5)
    assert tables(program([kind], tmp_path, cluster.address_file))[kind] == expected[kind]
    assert cluster.n_dead() == before + 1


def test_a_killed_driver_goes_on_from_the_store(expected, cluster, tmp_path):
    killed = program(["grid"], tmp_path, cluster.address_file)
    wait_for(lambda: n_stored(tmp_path) >= 3)
    killed.kill()
    killed.communicate()
    assert tables(program(["grid"], tmp_path, cluster.address_file))["grid"] == expected["grid"]
    assert n_stored(tmp_path) == 16  # 8 candidates, 2 folds, none of them twice


def can_hide_directories():
    try:
        command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def test_a_hyperband_without_a_store_says_that_workers_elsewhere_begin_rungs_anew(
    expected, tmp_path
):
    if not can_hide_directories():
        pytest.skip("no directory can be hidden from a process: unshare is not allowed here")
    hidden = tmp_path / "tmp of the program"
    hidden.mkdir()
    with dask_cluster(tmp_path / "dask", n_workers=2, hidden=hidden) as cluster:
        process = program(
            ["hyperband"], "none", cluster.address_file, {"TMPDIR": hidden}, stderr=subprocess.PIPE
        )
        output, errors = outputs(process)
        assert json.loads(output.splitlines()[-1])["hyperband"] == expected["hyperband"]
        assert errors.count("UserWarning: the temporary directory of FitStore() was made on") == 1
        assert "the path of a directory that all machines share as store=" in errors
        assert cluster.left_behind() == []
    assert [*hidden.iterdir()] == []


def test_what_workers_warn_of_in_scikit_learns_searches_reaches_the_program(cluster, tmp_path):
    process = program(["unseeded"], tmp_path, cluster.address_file, stderr=subprocess.PIPE)
    _, errors = outputs(process)
    assert process.returncode == 0
    assert errors.count("needs an integer random_state, not None") == 1


def test_the_scheduler_of_searches_does_not_import_tensorflow(tmp_path):
    with dask_cluster(tmp_path / "dask", n_workers=1) as cluster:
        tables(program(KINDS, tmp_path / "store", cluster.address_file))
        maps = Path(f"/proc/{cluster.scheduler.pid}/maps")
        if not maps.exists():
            pytest.skip("what a process has loaded is read from /proc")
        assert "tensorflow" not in maps.read_text()


def test_a_preloaded_worker_has_imported_tensorflow_before_it_takes_tasks(cluster):
    cluster.add_worker(preload=False, name="plain")
    with distributed.Client(scheduler_file=str(cluster.address_file)) as client:
        wait_for(lambda: "plain" in names_of(client))
        has = client.run(lambda: "tensorflow" in __import__("sys").modules)
        plain = names_of(client)["plain"]
        assert has.pop(plain) is False
        assert set(has.values()) == {True}
        client.retire_workers([plain])


def names_of(client):
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {one["name"]: address for address, one in workers.items()}


# -------------------------------------------------------- what goes over the network


class Counting:
    """Counts the bytes that a client scatters, and how often."""

    def __init__(self, client, monkeypatch):
        self.sent = []
        scatter = client.scatter

        def counted(data, **settings):
            self.sent.append((data, settings.get("broadcast", False)))
            return scatter(data, **settings)

        monkeypatch.setattr(client, "scatter", counted)

    @property
    def n_bytes(self):
        return sum(one.nbytes for data, _ in self.sent for one in _arrays(data))


def _arrays(data):
    found = data if isinstance(data, list) else [data]
    return [one for one in found if isinstance(one, np.ndarray)]


@pytest.fixture
def client(cluster):
    with distributed.Client(scheduler_file=str(cluster.address_file)) as client:
        client.wait_for_workers(2, timeout=240)
        yield client


def rows():
    X = np.random.default_rng(0).random((5000, 100))
    return X, (X[:, 0] > 0.5).astype(int)


SPACE = {"quality": uniform(0, 1)}


@pytest.mark.parametrize(
    "search",
    [
        BayesSearchCV(Learner(), SPACE, n_iter=4, cv=2, random_state=0, n_jobs=-1),
        HyperbandSearchCV(Learner(), SPACE, max_resources=4, factor=2, cv=2, n_jobs=-1),
    ],
    ids=["bayes", "hyperband"],
)
def test_a_search_sends_its_rows_and_folds_once_to_every_worker(client, monkeypatch, search):
    X, y = rows()
    counting = Counting(client, monkeypatch)
    with joblib.parallel_config("dask"):
        search.fit(X, y)
    folds = 2 * y.nbytes  # which rows train and which test, in two folds
    assert counting.n_bytes == X.nbytes + y.nbytes + folds
    assert all(broadcast for _, broadcast in counting.sent)


def test_an_iterator_of_splits_is_sent_once_too(client, monkeypatch):
    X, y = rows()
    halves = np.arange(0, 5000, 2), np.arange(1, 5000, 2)
    counting = Counting(client, monkeypatch)
    with joblib.parallel_config("dask"):
        cv = iter([halves, halves[::-1]])
        BayesSearchCV(Learner(), SPACE, n_iter=3, cv=cv, n_jobs=-1, random_state=0).fit(X, y)
    assert counting.n_bytes == X.nbytes + y.nbytes + y.nbytes


def test_the_trials_of_a_manual_search_send_their_rows_once(client, monkeypatch):
    X, y = rows()
    counting = Counting(client, monkeypatch)
    search = ManualSearchCV(Learner(), cv=2, verbose=0, n_jobs=-1).fit(X, y)
    with joblib.parallel_config("dask"):
        for quality in (0.2, 0.5, 0.9):
            search.trial(quality=quality)
    assert counting.n_bytes == X.nbytes + 3 * y.nbytes


def test_rows_that_were_lost_with_their_worker_are_sent_again(client, monkeypatch):
    X, y = rows()
    counting = Counting(client, monkeypatch)
    lose = [distributed.client.FutureCancelledError("a key", "its worker is gone")]
    search = BayesSearchCV(Learner(), SPACE, n_iter=3, cv=2, n_jobs=-1, random_state=0)
    with monkeypatch.context() as patch:
        fit = joblib.Parallel.__call__

        def fit_or_lose(self, tasks):
            if lose and isinstance(tasks, types.GeneratorType):
                raise lose.pop()
            return fit(self, tasks)

        patch.setattr(joblib.Parallel, "__call__", fit_or_lose)
        with joblib.parallel_config("dask"):
            found = search.fit(X, y)
    assert len(found.cv_results_["params"]) == 3
    assert counting.n_bytes == 2 * (X.nbytes + 3 * y.nbytes)


def test_dask_keeps_all_copies_of_scattered_rows_only_when_it_is_told_to(client):
    """A canary for ``client.amm.stop()`` in ``docs/more-than-one-machine.md``."""
    sent = client.scatter(rows()[0], broadcast=True, hash=False)
    client.amm.stop()
    time.sleep(5)  # it would look after 2
    assert len(client.who_has()[sent.key]) == len(client.nthreads())
    client.amm.start()
    wait_for(lambda: len(client.who_has()[sent.key]) == 1)


def test_what_the_user_has_scattered_is_not_sent_again(client, monkeypatch):
    X, y = rows()
    counting = Counting(client, monkeypatch)
    with joblib.parallel_config("dask", scatter=[X, y]):
        BayesSearchCV(Learner(), SPACE, n_iter=2, cv=2, n_jobs=-1, random_state=0).fit(X, y)
    assert counting.n_bytes == X.nbytes + 3 * y.nbytes


def test_no_worker_keeps_the_rows_after_the_search(client):
    X, y = rows()
    with joblib.parallel_config("dask"):
        BayesSearchCV(Learner(), SPACE, n_iter=2, cv=2, n_jobs=-1, random_state=0).fit(X, y)
    wait_for(lambda: not any(client.has_what().values()))


def test_joblib_and_dask_have_what_is_used_of_them(client):
    """A canary for `kerasearch/search/dask_data.py`."""
    backend = joblib.parallel.parallel_config("dask", scatter=[np.ones(9)]).parallel_config[
        "backend"
    ]
    names = {"client", "wait_for_workers_timeout", "submit_kwargs", "data_futures"}
    assert type(backend).__name__ == "DaskDistributedBackend"
    assert names <= vars(backend).keys()
    ((key, future),) = backend.data_futures.items()
    assert isinstance(key, int)
    assert isinstance(future, distributed.Future)
    joblib.parallel._backend.config = joblib.parallel.default_parallel_config
