"""One ``fit`` of a model at a time: a second is refused, and the first is as if alone."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

from annlib import MLPRegressor, OwnershipError, Sequential, layers, load_model, optimizers
from annlib.callbacks import Callback, LambdaCallback

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(64, 3)), rng.normal(size=(64, 1))


def make(optimizer="adam"):
    model = Sequential([layers.Dense(4, "tanh"), layers.Dropout(0.2), layers.Dense(1)], seed=0)
    model.compile(optimizer, "mse", ["mae"])
    return model


def same(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


class During(Callback):
    """Does something after every step, in this thread or in another, and keeps what it raises."""

    def __init__(self, act, thread=False):
        self.act, self.thread, self.errors, self.calls = act, thread, [], 0

    def on_train_batch_end(self, batch, logs=None):
        if self.thread:
            other = threading.Thread(target=self.attempt)
            other.start()
            other.join()
        else:
            self.attempt()

    def attempt(self):
        self.calls += 1
        try:
            self.act(self.model)
        except Exception as error:
            self.errors.append(error)


def consume(taken):
    for _ in range(3):
        taken.append(1)
        yield X, Y


taken = []
SECOND = {
    "fit": lambda model: model.fit(X[:9], Y[:9], verbose=0),
    "fit of other data": lambda model: model.fit(X[:, :2], Y, verbose=0),
    "fit of other targets": lambda model: model.fit(X, np.ones((64, 2)), verbose=0),
    "fit of a generator": lambda model: model.fit(consume(taken), verbose=0),
}


@pytest.mark.parametrize("thread", [False, True], ids=["in a callback", "in a thread"])
@pytest.mark.parametrize("second", SECOND)
def test_a_second_fit_is_refused_and_the_first_goes_on(second, thread):
    model, alone = make(), make()
    during = During(SECOND[second], thread)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[during])
    assert len(during.errors) == during.calls == 6
    for error in during.errors:
        assert isinstance(error, OwnershipError)
        assert "Sequential.fit: expected a model that is not being trained" in str(error)
        assert "copy.deepcopy(model)" in str(error)
    assert not taken
    assert history.history == alone.fit(X, Y, epochs=3, verbose=0).history
    assert same(model, alone)
    assert model.history is history
    model.fit(X, Y, verbose=0)


def test_two_threads_that_begin_at_once():
    # Whichever is first trains; the other changes nothing. The first waits until that is known.
    model, alone, errors = make(), make(), []
    begun, refused = threading.Barrier(2), threading.Event()

    def run():
        hold = LambdaCallback(on_train_batch_end=lambda batch, logs: refused.wait(20))
        begun.wait(20)
        try:
            model.fit(X, Y, epochs=2, verbose=0, callbacks=[hold])
        except OwnershipError as error:
            errors.append(error)
            refused.set()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone.fit(X, Y, epochs=2, verbose=0)
    assert len(errors) == 1
    assert same(model, alone)


def test_a_fit_of_lbfgs_is_one_too():
    model, alone = (Sequential([layers.Dense(1)], seed=0) for _ in range(2))
    for each in (model, alone):
        each.compile(optimizers.LBFGS(), "mse")
    errors = []

    def again(epoch, logs):
        try:
            model.fit(X, Y, verbose=0)
        except OwnershipError as error:
            errors.append(error)

    model.fit(X, Y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_end=again)])
    alone.fit(X, Y, epochs=3, verbose=0)
    assert len(errors) == 3
    assert same(model, alone)


CHANGES = {
    "train_on_batch": lambda model: model.train_on_batch(X, Y),
    "compile": lambda model: model.compile("sgd", "mae"),
    "add": lambda model: model.add(layers.Dense(1)),
    "pop": lambda model: model.pop(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_thread_changes_nothing_meanwhile(change):
    model, alone = make(), make()
    during = During(CHANGES[change], thread=True)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[during])
    assert [type(error) for error in during.errors] == [OwnershipError] * 4
    assert all(str(error).startswith(f"Sequential.{change}: ") for error in during.errors)
    alone.fit(X, Y, epochs=2, verbose=0)
    assert same(model, alone)


HARMLESS = {
    "evaluate": lambda model: model.evaluate(X, Y),
    "predict": lambda model: model.predict(X),
    "call": lambda model: model(X),
    "test_on_batch": lambda model: model.test_on_batch(X, Y),
    "set_weights": lambda model: model.set_weights(model.get_weights()),
    "summary": lambda model: model.summary(print_fn=lambda line: None),
    "fit of a copy": lambda model: copy.deepcopy(model).fit(X, Y, verbose=0),
    "fit of a pickle": lambda model: pickle.loads(pickle.dumps(model)).fit(X, Y, verbose=0),
}


@pytest.mark.parametrize("act", HARMLESS)
def test_what_a_callback_may_do(act):
    model, alone = make(), make()
    during = During(HARMLESS[act])
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[during])
    alone.fit(X, Y, epochs=2, verbose=0)
    assert during.errors == []
    assert same(model, alone)


def test_a_callback_may_save_and_train_a_batch(tmp_path):
    model, batches = make(), make()
    during = During(lambda model: model.save(tmp_path / "model"))
    extra = During(lambda model: model.train_on_batch(X[:5], Y[:5]))
    model.fit(X, Y, epochs=1, verbose=0, shuffle=False, callbacks=[extra, during])
    assert during.errors == extra.errors == []
    for start in (0, 32):
        batches.train_on_batch(X[start : start + 32], Y[start : start + 32])
        batches.train_on_batch(X[:5], Y[:5])
    assert same(model, batches)
    again = load_model(tmp_path / "model")
    again.fit(X, Y, verbose=0)


def test_a_fit_that_ends_by_an_error_leaves_the_model_free():
    model = make()

    def fail(batch, logs):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=fail)])
    with pytest.raises(ValueError):
        model.fit(X, Y[:3], verbose=0)
    model.fit(X, Y, verbose=0)
    model.train_on_batch(X, Y)


def test_two_models_train_at_once():
    models = [make(), make()]
    inner = During(lambda model: models[1].fit(X, Y, verbose=0))
    models[0].fit(X, Y, verbose=0, callbacks=[inner])
    assert inner.errors == []


def test_an_estimators_network_is_trained_once_at_a_time():
    estimator = MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(X, Y.ravel())
    during = During(lambda model: model.fit(X, Y, verbose=0))
    estimator.set_params(callbacks=[during]).partial_fit(X, Y.ravel())
    assert during.errors
    assert {type(error) for error in during.errors} == {OwnershipError}


def test_partial_fit_in_two_threads_is_one_after_the_other_or_an_error():
    estimator = MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(X, Y.ravel())
    errors = []

    def run():
        for _ in range(15):
            try:
                estimator.partial_fit(X, Y.ravel())
            except Exception as error:
                errors.append(type(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(errors) <= {OwnershipError}
