"""The callbacks of a fit: what a fit's copies share with the caller's instances, and what not."""

from __future__ import annotations

import collections
import functools
import threading

import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from kerasearch import FitStore, KerasClassifier
from kerasearch.estimators.callbacks import copy_callbacks
from tests.slow import long_but

Callback = keras.callbacks.Callback


def quick(**params):
    defaults = {"epochs": 2, "hidden_layer_sizes": (4,), "random_state": 0, "batch_size": 50}
    return KerasClassifier(**{**defaults, **params})


class Collect(Callback):
    """Appends the epoch to what it was given, and counts in containers of its own."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen
        self.own = {"epochs": [], "counts": collections.Counter()}
        self.losses = np.zeros(3)

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(epoch)
        self.own["epochs"].append(epoch)
        self.own["counts"]["epochs"] += 1
        self.losses[epoch] = logs["loss"]


FORMS = {
    "one alone": lambda seen: {"callbacks": Collect(seen)},
    "a list": lambda seen: {"callbacks": [Collect(seen)]},
    "a dict of lists": lambda seen: {"callbacks": {"collect": [Collect(seen)]}},
    "of fit": lambda seen: {"fit__callbacks": [Collect(seen)]},
    "a class": lambda seen: {"callbacks": Collect, "callbacks__seen": seen},
    "classes": lambda seen: {"callbacks": [[Collect]], "callbacks__0__0__seen": seen},
}


@pytest.mark.parametrize("form", long_but(FORMS, "a dict of lists", "of fit", "classes"))
@pytest.mark.parametrize("n_jobs", long_but([1, 2], 2))
def test_a_list_of_the_callers_is_filled_by_every_fit(iris, form, n_jobs):
    seen: list[int] = []
    estimator = quick(**FORMS[form](seen))
    with joblib.parallel_backend("threading"):
        cross_val_score(estimator, *iris, cv=3, n_jobs=n_jobs, error_score="raise")
    assert sorted(seen) == [0, 0, 0, 1, 1, 1]


def test_what_a_callback_keeps_for_itself_does_not_leak_from_fit_to_fit(iris):
    callback = Collect([])
    estimator = quick(callbacks=[callback])
    first = estimator.fit(*iris).callbacks_[0]
    second = estimator.fit(*iris).callbacks_[0]
    for copied in (first, second):
        assert copied.own == {"epochs": [0, 1], "counts": {"epochs": 2}}
        assert copied.seen == [0, 1]
    np.testing.assert_array_equal(first.losses, second.losses)
    assert callback.own == {"epochs": [], "counts": {}}
    assert callback.seen == []
    assert not callback.losses.any()
    assert callback.model is None


class CallsItself(Callback):
    """Has functions that lead back to it."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.hooks = [
            lambda: self.seen.append("closure"),
            functools.partial(CallsItself.add, self, "partial"),
            functools.partial(self.seen.append, "method"),
        ]

    def add(self, what):
        self.seen.append(what)

    def on_epoch_end(self, epoch, logs=None):
        for hook in self.hooks:
            hook()


def test_functions_of_a_callback_lead_to_its_copy(iris):
    callback = CallsItself()
    estimator = quick(callbacks=[callback])
    for _ in range(2):
        copied = estimator.fit(*iris).callbacks_[0]
        assert copied.seen == ["closure", "partial", "method"] * 2
    assert callback.seen == []


def test_callbacks_given_to_fit_are_used_themselves(iris):
    callback = Collect([])
    estimator = quick().fit(*iris, callbacks=[callback])
    assert estimator.callbacks_ == [callback]
    assert callback.model is estimator.model_
    assert callback.own["epochs"] == callback.seen == [0, 1]


class Ramp(Callback):
    """Moves a variable that the loss reads."""

    def __init__(self, variable):
        super().__init__()
        self.variable = variable

    def on_epoch_begin(self, epoch, logs=None):
        self.variable.assign(10.0**epoch)


@pytest.mark.tensorflow("JAX reads a variable that is not the model's once, as it compiles")
def test_a_callback_moves_the_variable_that_the_loss_reads(iris):
    factor = keras.Variable(0.0)

    def loss(y_true, y_pred):
        return factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    def fit(**params):
        network = quick(loss=loss, optimizer="sgd", optimizer__learning_rate=0.0, **params)
        return network.fit(*iris).history_["loss"]

    ramped = fit(callbacks=[Ramp(factor)])
    assert ramped[1] == pytest.approx(10 * ramped[0], rel=1e-5)
    assert fit(callbacks=Ramp, callbacks__variable=factor) == pytest.approx(ramped)


class Prune(Callback):
    """Optuna's pruning callback for Keras, as its integration has it."""

    def __init__(self, trial, monitor):
        super().__init__()
        self._trial = trial
        self._monitor = monitor

    def on_epoch_end(self, epoch, logs=None):
        self._trial.report(float(logs[self._monitor]), step=epoch)
        if self._trial.should_prune():
            import optuna

            raise optuna.TrialPruned


@pytest.mark.parametrize("of_call", [True, False])
def test_optuna_prunes_what_reports_through_a_callback(iris, of_call):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        rate = [0.01, 1e-5, 0.05, 1e-5][trial.number]
        prune = [Prune(trial, "loss")]
        params = {} if of_call else {"callbacks": prune}
        network = quick(epochs=3, optimizer__learning_rate=rate, **params)
        network.fit(*iris, **({"callbacks": prune} if of_call else {}))
        return network.history_["loss"][-1]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0)
    study = optuna.create_study(pruner=pruner)
    study.optimize(objective, n_trials=4)
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "PRUNED", "COMPLETE", "PRUNED"]
    assert all(trial.intermediate_values for trial in study.trials)


class Holds(Callback):
    def __init__(self, **things):
        super().__init__()
        vars(self).update(things)


def test_what_cannot_be_copied_is_handed_on(iris, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with open(tmp_path / "log", "w") as file:
        things = {
            "lock": threading.Lock(),
            "file": file,
            "numbers": (number for number in range(3)),
            "model_": model,
            "metric": keras.metrics.Mean(),
        }
        held = quick(callbacks=[Holds(**things)]).fit(*iris).callbacks_[0]
    assert all(getattr(held, name) is thing for name, thing in things.items())


def test_a_callback_that_was_used_before_does_not_bring_its_model_along(iris):
    callback = Collect([])
    first = quick().fit(*iris, callbacks=callback)
    second = quick(callbacks=callback).fit(*iris)
    assert callback.model is first.model_
    assert second.callbacks_[0].model is second.model_


def test_only_what_nothing_else_refers_to_is_copied():
    kept, view_of, inner = [1], np.arange(4.0), {"a": 1}
    callback = Holds(
        kept=kept,
        nested=[[1], (2, [3]), kept],
        own_array=np.arange(6).reshape(2, 3),
        view=view_of[:2],
        deque=collections.deque([[1]], maxlen=2),
        default=collections.defaultdict(list, {"a": [1]}),
        holds_kept={"deep": [inner]},
    )
    (copied,) = copy_callbacks([callback])
    assert copied.kept is kept
    assert copied.nested == callback.nested
    assert copied.nested is not callback.nested
    assert copied.nested[0] is not callback.nested[0]
    assert copied.nested[1][1] is not callback.nested[1][1]
    assert copied.nested[2] is kept
    assert copied.own_array is not callback.own_array
    assert copied.view.base is view_of
    assert copied.deque == callback.deque
    assert copied.deque.maxlen == 2
    assert copied.deque[0] is not callback.deque[0]
    assert copied.default == callback.default
    assert copied.default.default_factory is list
    assert copied.default["a"] is not callback.default["a"]
    assert copied.holds_kept["deep"] is not callback.holds_kept["deep"]
    assert copied.holds_kept["deep"][0] is inner


def test_a_list_that_a_function_or_another_object_holds_is_the_callers():
    def appends_to(values):
        return lambda epoch, logs: values.append(epoch)

    log: list[int] = []
    closed_over = Holds(log=log, on_epoch_end=appends_to(log))
    bound = Holds(own=[1])
    bound.add = bound.own.append
    owner = types_of = collections.namedtuple("Owner", "values")([])
    held = Holds(values=owner.values)
    del log, types_of
    first, second, third = copy_callbacks([closed_over, bound, held])
    assert first.log is closed_over.log
    second.add(2)
    assert (second.own, bound.own) == ([1, 2], [1])
    assert third.values is owner.values


class Reports(Callback):
    """Reads another callback of the same fit."""

    def __init__(self, other):
        super().__init__()
        self.other = other
        self.read = None
        self.hook = self.look

    def look(self):
        self.read = list(self.other.own["epochs"])

    def on_train_end(self, logs=None):
        self.hook()


@pytest.mark.parametrize("where", ["callbacks", "fit__callbacks"])
def test_callbacks_that_refer_to_each_other_do_so_in_each_fit(iris, where):
    collect = Collect([])
    reports = Reports(collect)
    estimator = quick(callbacks=[collect], fit__callbacks=[])
    params = {"callbacks": [collect, reports]} if where == "callbacks" else {where: [reports]}
    collected, reported = estimator.set_params(**params).fit(*iris).callbacks_
    assert reported.other is collected
    assert reported.read == [0, 1]
    assert reports.read is None


def test_a_callback_that_another_one_holds_alone_is_copied_with_it(iris):
    reports = Reports(Collect([]))
    held = copy_callbacks([reports])[0].other
    assert held is not reports.other
    assert held.seen is not reports.other.seen


def test_random_numbers_of_a_callback_are_the_same_in_every_fit(iris):
    class Jitter(Callback):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(0)

        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = self.rng.uniform(0.001, 0.1)

    estimator = quick(callbacks=[Jitter()])
    histories = [estimator.fit(*iris).history_ for _ in range(2)]
    assert histories[0] == histories[1]


def test_slots_and_bases_with_contents_are_copied():
    class Slotted(Callback):
        __slots__ = ("values",)

    class Listed(Callback, list):
        pass

    slotted, listed = Slotted(), Listed()
    listed.append(1)
    slotted.values = []
    copies = copy_callbacks([slotted, listed])
    assert copies[0].values == []
    assert copies[0].values is not slotted.values
    assert list(copies[1]) == [1]
    assert copies[1] is not listed


def test_clone_hands_callbacks_on_however_nested():
    callback, values = Collect([]), []
    nested = {"a": [callback, {"b": (callback,)}]}
    copied = clone(quick(callbacks=nested, fit__callbacks=Collect, fit__callbacks__seen=values))
    assert copied.callbacks["a"][1]["b"][0] is callback
    assert copied.get_params()["fit__callbacks__seen"] is values


def test_a_search_deep_copies_the_callbacks_of_its_grid(iris):
    seen: list[int] = []
    search = GridSearchCV(quick(), {"callbacks": [[Collect(seen)]]}, cv=2, error_score="raise")
    best = search.fit(*iris).best_estimator_
    assert seen == []
    assert best.callbacks_[0].own["epochs"] == [0, 1]


def test_callbacks_passed_through_a_search_are_used_themselves(iris):
    callback = Collect([])
    cross_validate(quick(), *iris, cv=2, params={"callbacks": [callback]}, error_score="raise")
    assert callback.seen == [0, 1, 0, 1]


def test_a_fit_whose_callback_holds_a_live_object_is_not_stored_with_one_warning(iris):
    store = FitStore()
    estimator = quick(callbacks=[Holds(lock=threading.Lock())], store=store)
    with pytest.warns(UserWarning, match=r"not stored.* callback holds") as caught:
        trained = [estimator.fit(*iris).n_epochs_trained_ for _ in range(2)]
    assert trained == [2, 2]
    assert len(caught) == 1
    factor = keras.Variable(1.0)
    described = quick(callbacks=[Holds(factor=factor)], store=store)
    assert [described.fit(*iris).n_epochs_trained_ for _ in range(2)] == [2, 0]
    factor.assign(2.0)
    assert described.fit(*iris).n_epochs_trained_ == 2
