"""Fits, evaluations and predictions with compiled programs, and Keras' order of callback events.

This module is not used on a backend without programs: see `eligibility`.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from . import backends, data, keras_loop, program_cache
from .fit_settings import FitSettings
from .history import Logs, as_logs
from .path import TrainingPath
from .preparation import finalize
from .program_cache import ProgramChoice, Work

if TYPE_CHECKING:
    from .backends import Program
    from .fingerprint import Fingerprint
    from .stored_fits import StoreEntry

# An interrupt (Ctrl-C) takes effect between two calls of the program, so calls must be short.
_SECONDS_PER_CALL = 0.25
_MAX_GROWTH = 64


def training_program(
    model: keras.Model,
    arrays: data.Arrays,
    settings: FitSettings,
    known: Fingerprint | None = None,
) -> ProgramChoice:
    """Choose the program to train `model` on `arrays`, and the training path.

    `known` is the model's fingerprint, if it was computed before. If the model cannot be traced,
    the error of the trace is raised, and nothing has changed.
    """
    n_rows = data.n_rows(arrays)
    work = Work("train", model, arrays, settings.seed, settings.batch_size, n_rows)
    choice = program_cache.choose(work, known)
    if not model.jit_compile:
        return choice
    return replace(choice, path=choice.path.under_xla(choice.program.whole_epochs))


def fit(
    model: keras.Model,
    arrays: data.Arrays,
    settings: FitSettings,
    choice: ProgramChoice,
    entry: StoreEntry | None,
) -> tuple[dict[str, list[Any]], TrainingPath]:
    """Train with a program from `training_program`, with the results of ``model.fit``.

    The store's `entry` is notified after each epoch, and before the optimizer finalizes the
    weights. The function returns Keras' history and the actual training path. This path may differ
    from the path in `choice`, because the first events of callbacks may change the model.
    """
    rows = backends.rows(arrays)
    n_rows = data.n_rows(arrays)
    n_steps = math.ceil(min(n_rows, settings.rows_per_epoch or n_rows) / settings.batch_size)
    events = keras.callbacks.CallbackList(
        settings.all_callbacks,
        add_history=True,
        add_progbar=settings.verbose != 0,
        verbose=settings.verbose,
        epochs=settings.epochs,
        steps=n_steps,
        model=model,
    )
    model.stop_training = False
    events.on_train_begin()
    logs: Logs | None = None
    run = validate = None
    # BackupAndRestore sets `_initial_epoch`; checked with Keras 3.10 to 3.15
    for epoch in range(model._initial_epoch or settings.initial_epoch, settings.epochs):
        events.on_epoch_begin(epoch)
        if run is None:
            if settings.callbacks:
                choice = training_program(model, arrays, settings)
            run = choice.program.bind(model)
        order = settings.order(epoch, n_rows)
        batch_size = settings.batch_size
        n_steps = math.ceil(len(order) / batch_size)
        epoch_run = functools.partial(run, rows, order, batch_size)
        logs = _run_steps(epoch_run, choice.program, batch_size, n_steps, events)
        # `_should_eval` reads `validation_freq` as Keras does; checked for Keras 3.10 to 3.15
        if settings.validation and model._should_eval(epoch, settings.validation_freq):
            if validate is None:  # made at the first validation, as in Keras
                validate = _validation(model, settings)
            logs.update({f"val_{name}": value for name, value in validate(events).items()})
        events.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
        if entry is not None:
            entry.after_epoch(epoch + 1, model)
    if entry is not None:
        entry.before_end(model)
    if settings.epochs > 0:
        finalize(model)
    events.on_train_end(logs)
    return model.history.history, choice.path


class Evaluation:
    """``model.evaluate`` on the same arrays, which can be called repeatedly.

    The constructor raises the error of the trace if the model cannot be traced.
    """

    def __init__(
        self,
        model: keras.Model,
        arrays: data.Arrays,
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
    ) -> None:
        n_rows = min(data.n_rows(arrays), steps * batch_size if steps else sys.maxsize)
        work = Work("test", model, arrays, seed, batch_size, n_rows)
        self._program = program_cache.choose(work).program
        run = self._program.bind(model)
        self._run = functools.partial(run, backends.rows(arrays), None, batch_size)
        self._batch_size = batch_size
        self._n_steps = math.ceil(n_rows / batch_size)

    def __call__(self, events: keras.callbacks.CallbackList | None = None) -> Logs:
        """Evaluate; in a fit, `events` has the callbacks of the fit."""
        if events is not None:
            events.on_test_begin()
        logs = _run_steps(self._run, self._program, self._batch_size, self._n_steps)
        if events is not None:
            events.on_test_end(logs)
        return logs


class Prediction:
    """``model.predict`` on arrays; the constructor raises if the model cannot be traced."""

    def __init__(
        self, model: keras.Model, arrays: data.Arrays, *, batch_size: int, seed: int
    ) -> None:
        n_rows = data.n_rows(arrays)
        work = Work("predict", model, arrays, seed, batch_size, n_rows)
        self._program = program_cache.choose(work).program
        run = self._program.bind(model)
        self._run = functools.partial(run, backends.rows(arrays), None, batch_size)
        self._n_steps = math.ceil(n_rows / batch_size)

    def __call__(self) -> Any:
        """Predict all rows; the result has the structure of the model's output."""
        parts = [self._run(*call) for call in _calls(self._program, self._n_steps)]
        return keras.tree.map_structure(_join, *parts)


def _join(*parts: Any) -> np.ndarray:
    arrays = [np.asarray(part) for part in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _validation(
    model: keras.Model, settings: FitSettings
) -> Callable[[keras.callbacks.CallbackList], Logs]:
    """Get the function that validates after an epoch: a program, or else ``model.evaluate``."""
    rows, batch_size = settings.validation, settings.validation_batch_size
    steps = settings.validation_steps
    try:
        return Evaluation(model, rows, batch_size=batch_size, seed=settings.seed, steps=steps)
    except Exception:  # the model cannot be traced, but Keras may evaluate it
        return functools.partial(keras_loop.evaluate, model, rows, batch_size, steps)


def _run_steps(
    run: Callable[..., Any],
    program: Program,
    batch_size: int,
    n_steps: int,
    events: keras.callbacks.CallbackList | None = None,
) -> Logs:
    """Run one epoch in several calls, so that an interrupt takes effect soon."""
    # the progress bar is updated between the calls; checked with Keras 3.10 to 3.15
    bar = getattr(events, "_progbar", None)
    logs: dict[str, Any] = {}
    for begin, end in _calls(program, n_steps, program.room(batch_size)):
        logs = run(begin, end)
        if bar is not None and end < n_steps:
            bar.on_train_batch_end(end - 1, as_logs(logs))
    return as_logs(logs)


def _calls(program: Program, n_steps: int, room: int | None = None) -> Iterator[tuple[int, int]]:
    """Split an epoch into calls of about a quarter of a second, by the time of the last call.

    A call has at most `room` steps.
    """
    begin, size = 0, 1
    while begin < n_steps:
        if program.pace:
            size = max(1, min(int(_SECONDS_PER_CALL / program.pace), size * _MAX_GROWTH))
        end = min(n_steps, begin + min(size, room or size))
        started = time.perf_counter()
        yield begin, end
        program.pace = (time.perf_counter() - started) / (end - begin)
        begin = end
