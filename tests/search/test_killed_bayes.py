"""A Bayesian search with a storage goes on where it was killed, and several processes share it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sklearn.base import clone

from kerasearch import BayesSearchCV, uniform
from tests.slow import long_but

from .conftest import Learner

optuna = pytest.importorskip("optuna")

from kerasearch.search.optuna_storage import create_study  # noqa: E402 - they need Optuna

from . import killed_bayes  # noqa: E402
from .killed_bayes import N_ITER, data, storages, table  # noqa: E402

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and locks of POSIX")


def python(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def fit(kind, storage, **changes):
    return killed_bayes.search(kind, storage, **changes).fit(*data())


def kill(storage, kind, folder, every):
    process = python("-m", "tests.search.killed_bayes", storage, kind, folder, every)
    outcomes = [json.loads(line) for line in process.communicate()[0].splitlines()]
    assert process.returncode == 0
    assert outcomes[-1]["kills"] == 0, "not every write was reached"
    assert sum(outcome["kills"] for outcome in outcomes) >= 4
    assert [outcome for outcome in outcomes if not outcome["same"]] == []


@posix
@pytest.mark.parametrize("kind", long_but(killed_bayes.KINDS, "batches"))
@pytest.mark.filterwarnings("ignore")
def test_a_search_killed_at_a_write_and_again_gives_the_uninterrupted_numbers(tmp_path, kind):
    kill("journal", kind, tmp_path, every=17 if kind == "batches" else 11)


@posix
@pytest.mark.slow
@pytest.mark.long
def test_a_search_in_a_database_killed_at_a_write_gives_the_uninterrupted_numbers(tmp_path):
    kill("sqlite", "wide", tmp_path, every=25)


@pytest.mark.parametrize("kind", killed_bayes.KINDS)
@pytest.mark.filterwarnings("ignore")
def test_a_storage_changes_no_number(tmp_path, kind):
    expected = table(fit(kind, None))
    assert table(fit(kind, tmp_path / "study.log")) == expected
    assert table(fit(kind, tmp_path / "study.log")) == expected  # nothing left to do
    assert expected["mean_test_score"].count(",") >= 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["wide", "failing"])
def test_fewer_candidates_first_are_the_first_of_more(tmp_path, kind):
    fit(kind, tmp_path / "study.log", n_iter=4)
    assert table(fit(kind, tmp_path / "study.log")) == table(fit(kind, None))


@pytest.mark.parametrize("n_fits", [2, 3, 13, 24])
def test_what_ctrl_c_stopped_goes_on_to_the_same_numbers(tmp_path, monkeypatch, n_fits):
    expected = table(fit("batches", None))
    Learner.log.clear()
    with monkeypatch.context() as patch:

        def fit_or_stop(self, X, y, _fit=Learner.fit):
            if len(Learner.log) == n_fits:
                raise KeyboardInterrupt
            return _fit(self, X, y)

        patch.setattr(Learner, "fit", fit_or_stop)
        stopped = killed_bayes.search("batches", tmp_path / "study.log", refit=False)
        if n_fits < 6:  # in the first batch of three candidates with two folds
            with pytest.raises(KeyboardInterrupt):
                stopped.fit(*data())
        else:
            stopped.fit(*data())
            assert len(stopped.cv_results_["params"]) == n_fits // 6 * 3
    assert table(fit("batches", tmp_path / "study.log")) == expected


# ---------------------------------------------------------------- several processes

SHARE = """
import sys, time
from tests.search.killed_bayes import *
Learner.fit = lambda self, X, y, fit=Learner.fit: (time.sleep(0.05), fit(self, X, y))[1]
print("begin", flush=True)
while not Path(sys.argv[3]).exists():
    time.sleep(0.01)
found = search("wide", sys.argv[1], random_state=int(sys.argv[2])).fit(*data())
print(json.dumps({"table": table(found), "fits": len(Learner.log) - 1}))
"""


@posix
@pytest.mark.parametrize("kind", long_but(["journal", "sqlite"], "journal"))
def test_processes_share_the_candidates_exactly_though_one_is_killed(tmp_path, kind):
    url = storages(tmp_path)[kind]
    processes = [python("-c", SHARE, url, seed, tmp_path / "go") for seed in (0, 0, 1)]
    for process in processes:
        process.stdout.readline()
    (tmp_path / "go").touch()
    time.sleep(0.3 if kind == "journal" else 1.5)
    processes[0].kill()
    first, *others = [json.loads(p.communicate()[0] or "null") for p in processes]
    assert first is None
    assert all(found["table"] == others[0]["table"] for found in others)
    params = others[0]["table"]["params"]
    assert params.count("quality") == N_ITER
    assert len(set(params.split("}, {"))) == N_ITER
    assert sum(found["fits"] for found in others) <= 2 * N_ITER


def leave_running(path, **mark):
    """Make a study whose second candidate is another process's."""
    fit("wide", path, n_iter=1)
    search = killed_bayes.search("wide", path, n_iter=2)
    search.fit(*data())
    log = path.read_text().splitlines()
    at = max(i for i, line in enumerate(log) if "kerasearch:candidate" in line)
    record = json.loads(log[at])
    record["user_attrs"]["kerasearch:candidate"] |= mark
    path.write_text("\n".join([*log[:at], json.dumps(record)]) + "\n")


@posix
def test_a_candidate_of_a_living_process_is_left_to_it_until_it_dies(tmp_path):
    from kerasearch.search.optuna_owner import _process

    path = tmp_path / "study.log"
    expected = table(fit("wide", None, n_iter=3))
    other = python("-c", "import time; time.sleep(60)")
    leave_running(path, **_process(other.pid), search="other")
    Learner.log.clear()
    timer = threading.Timer(1.0, other.kill)
    begin = time.monotonic()
    timer.start()
    found = fit("wide", path, n_iter=3, refit=False)
    other.wait()
    assert time.monotonic() - begin > 1
    assert len(found.cv_results_["params"]) == 3
    assert len(Learner.log) == 4  # the third candidate, and then the second
    assert table(found)["params"].split("}, {")[:2] == expected["params"].split("}, {")[:2]


def test_a_time_budget_ends_the_waiting_for_others(tmp_path):
    path = tmp_path / "study.log"
    leave_running(path, pid=os.getppid(), search="other", **started(os.getppid()))
    found = fit("wide", path, n_iter=2, timeout=0.5, refit=False)
    assert (found.stop_reason_, len(found.cv_results_["params"])) == ("timeout", 1)


def started(pid):
    from kerasearch.search.optuna_owner import _process

    return {"started": _process(pid)["started"]}


@pytest.mark.parametrize(
    "mark",
    [
        {"pid": None},
        {"started": 1},
        {"boot": "another boot"},
        {"search": "one that ended"},
        {"pid": 2**22 + 1},
    ],
)
def test_a_candidate_of_a_dead_search_is_the_first_that_is_taken_up(tmp_path, mark):
    path = tmp_path / "study.log"
    leave_running(path, **mark)
    assert table(fit("wide", path)) == table(fit("wide", None))


def test_a_candidate_of_an_unknown_machine_is_taken_up_last(tmp_path):
    path = tmp_path / "study.log"
    leave_running(path, host="elsewhere")
    Learner.log.clear()
    found = fit("wide", path, n_iter=4, refit=False)
    qualities = [params["quality"] for params in found.cv_results_["params"]]
    order = [qualities.index(params["quality"]) for params in Learner.log[::2]]
    assert order == [2, 3, 1]


def add_trial_of_a_dead_process(path, like):
    """Add what a process leaves that is killed before it sees that another was faster."""
    study = create_study(path, "kerasearch")
    model = study.trials[like]
    attributes = {"kerasearch:candidate": {**model.user_attrs["kerasearch:candidate"], "pid": None}}
    study.add_trial(
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=model.params,
            distributions=model.distributions,
            user_attrs=attributes,
        )
    )


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_candidate_that_a_killed_process_added_after_another_is_not_tried_twice(tmp_path, kind):
    url = storages(tmp_path)[kind]
    fit("wide", url, n_iter=3)
    add_trial_of_a_dead_process(url, like=1)
    found = fit("wide", url)
    assert table(found) == table(fit("wide", None))
    states = [trial.state.name for trial in found.study_.trials]
    assert states == ["COMPLETE"] * 3 + ["FAIL"] + ["COMPLETE"] * (N_ITER - 3)


def test_a_candidate_that_comes_between_two_looks_at_the_study_is_not_failed(tmp_path, monkeypatch):
    from kerasearch.search import optuna_study

    path = tmp_path / "study.log"
    fit("wide", path, n_iter=3)
    look = optuna_study.AskAndTell._attempts
    added = []

    def look_and_add(self):
        found = look(self)
        if not added:  # another process is about to evaluate a candidate
            model = self.study.trials[0]
            mark = {"kerasearch:candidate": dict(model.user_attrs["kerasearch:candidate"])}
            trial = optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params={**model.params, "epochs": 1 + model.params["epochs"] % 9},
                distributions=model.distributions,
                user_attrs=mark,
            )
            added.append(self.study.add_trial(trial))
        return found

    monkeypatch.setattr(optuna_study.AskAndTell, "_attempts", look_and_add)
    found = fit("wide", path, n_iter=4)
    assert [trial.state.name for trial in found.study_.trials] == ["COMPLETE"] * 4


def test_a_study_in_which_a_candidate_was_evaluated_twice_goes_on(tmp_path):
    path = tmp_path / "study.log"
    fit("wide", path, n_iter=3)
    study = create_study(path, "kerasearch")
    study.add_trial(study.trials[1])
    params = table(fit("wide", path))["params"].split("}, {")
    assert len(params) == len(set(params)) == N_ITER


def test_one_candidate_too_many_of_a_killed_process_waits_for_a_search_of_more(tmp_path):
    path = tmp_path / "study.log"
    fit("wide", path, n_iter=4)
    lines = path.read_text().splitlines()
    at = max(i for i, line in enumerate(lines) if "kerasearch:candidate" in line)
    path.write_text("\n".join(lines[: at + 1]) + "\n")  # the fourth is being evaluated
    for n_iter in (3, 4):
        assert table(fit("wide", path, n_iter=n_iter)) == table(fit("wide", None, n_iter=n_iter))


def test_a_sampler_of_ones_own_takes_up_what_died_too(tmp_path):
    path = tmp_path / "study.log"
    sampler = optuna.samplers.RandomSampler(seed=0)
    space = {"quality": uniform(0, 1)}
    search = BayesSearchCV(Learner(), space, n_iter=2, cv=2, sampler=sampler, storage=path)
    search.fit(*data())
    lines = path.read_text().splitlines()
    at = max(i for i, line in enumerate(lines) if "kerasearch:candidate" in line)
    path.write_text("\n".join(lines[: at + 1]) + "\n")  # killed while it was evaluated
    again = clone(search).fit(*data())
    assert again.cv_results_["params"] == search.cv_results_["params"]
    assert [trial.state.name for trial in again.study_.trials] == ["COMPLETE"] * 2


# ---------------------------------------------------------------- the journal


@pytest.mark.parametrize("n_bytes", [1, 20, 5000])
def test_half_a_line_in_the_journal_is_cut_off(tmp_path, n_bytes):
    path = tmp_path / "study.log"
    expected = table(fit("wide", None))
    fit("wide", path, n_iter=5)
    whole = path.read_bytes()
    with open(path, "ab") as file:
        file.write((b'{"op_code": 4, ' + b"x" * 10_000)[:n_bytes])
    assert table(fit("wide", path)) == expected
    assert path.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_journal_of_half_a_line_alone_is_begun_anew(tmp_path):
    (tmp_path / "study.log").write_bytes(b'{"op_code": 0')
    assert table(fit("wide", tmp_path / "study.log")) == table(fit("wide", None))


@posix
def test_who_was_killed_while_it_wrote_keeps_nobody_waiting(tmp_path):
    path = tmp_path / "study.log"
    path.touch()
    os.symlink(path, f"{path}.lock")  # Optuna's own lock, which a killed process leaves
    code = (
        "import sys, time; from kerasearch.search.optuna_storage import _journal_lock\n"
        "lock = _journal_lock(sys.argv[1]); lock.acquire()\n"
        "print('held', flush=True); time.sleep(60)"
    )
    holder = python("-c", code, path)
    assert holder.stdout.readline() == "held\n"
    killer = threading.Timer(0.5, holder.send_signal, [signal.SIGKILL])
    begin = time.monotonic()
    killer.start()
    fit("wide", path, n_iter=2)
    assert 0.4 < time.monotonic() - begin < 10
    holder.wait()


def test_of_two_that_took_up_the_same_candidate_the_first_result_stays(tmp_path, monkeypatch):
    path = tmp_path / "study.log"
    expected = table(fit("wide", None, n_iter=3))
    leave_running(path, pid=None)
    write = optuna.storages.JournalStorage.set_trial_state_values

    def beaten(storage, trial_id, state, values=None):
        write(storage, trial_id, state, values)  # by another process, in the last moment
        return write(storage, trial_id, state, values)

    monkeypatch.setattr(optuna.storages.JournalStorage, "set_trial_state_values", beaten)
    assert table(fit("wide", path, n_iter=3)) == expected
