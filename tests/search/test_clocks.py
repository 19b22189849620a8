"""A time budget goes by durations, so that the clocks of two machines may differ by hours."""

from __future__ import annotations

import pickle
import time

import pytest

from kerasearch import TimeBudget


class Context:
    task_name = "candidate-split-evaluation"


def is_late(budget):
    try:
        budget.on_fit_task_begin(None, Context())
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_a_budget_means_the_same_on_a_machine_with_another_clock(monkeypatch, hours):
    budget = TimeBudget(60)
    budget.setup(None, None)
    task = pickle.dumps(budget)
    for name in ("time", "monotonic"):
        here = getattr(time, name)
        monkeypatch.setattr(time, name, lambda here=here: here() + 3600 * hours)
    there = pickle.loads(task)
    assert not is_late(there)
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 59)
    assert not is_late(there)
    monkeypatch.setattr(time, "monotonic", lambda: now() + 61)
    assert is_late(there)


def test_a_task_that_waited_for_long_begins_no_later_than_the_budget_says(monkeypatch):
    budget = TimeBudget(60)
    budget.setup(None, None)
    first, second = pickle.dumps(budget), pickle.dumps(budget)
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 7200)  # another machine's
    assert not is_late(pickle.loads(first))
    monkeypatch.setattr(time, "monotonic", lambda: now() + 7200 + 50)
    waited = pickle.loads(second)
    assert not is_late(waited)
    monkeypatch.setattr(time, "monotonic", lambda: now() + 7200 + 61)
    assert is_late(waited)


def test_a_budget_that_is_copied_before_the_search_has_no_end_yet():
    assert not is_late(pickle.loads(pickle.dumps(TimeBudget(1e-9))))
