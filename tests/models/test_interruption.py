"""Ctrl-C ends ``fit`` between two steps, a second one at once, and no handler is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import annlib
from annlib import Sequential, callbacks, layers, optimizers
from annlib.training import interruption
from annlib.training.interruption import Interruption

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

X, Y = np.random.default_rng(0).normal(size=(2, 60, 4))


@pytest.fixture(autouse=True)
def handler():
    """The handler of every test, which it leaves as it was."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    left = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    assert left is signal.default_int_handler


def make_model(optimizer: Any = "adam", **how: Any) -> Sequential:
    """A model, long after the last Ctrl-C."""
    interruption._first[0] = -np.inf
    stack = [layers.Dense(6, activation="tanh"), layers.BatchNormalization(), layers.Dense(4)]
    if isinstance(optimizer, optimizers.LBFGS):
        del stack[1]
    model = Sequential(stack, seed=1, **how)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(model: Sequential, *more: Any, **how: Any):
    how = {"batch_size": 10, "epochs": 5, "verbose": 0, **how}
    return model.fit(X, Y, callbacks=list(more), **how)


class Asking(callbacks.Callback):
    """Sends Ctrl-C from a hook, at its n-th call, so many times; notes the hooks' calls."""

    def __init__(self, hook: str, call: int = 1, times: int = 1) -> None:
        self.calls: list[str] = []
        self.errors: list[BaseException] = []
        self.left, self.times = call, times
        for name in (
            "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_test_begin",
            "on_test_end", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_end",
        ):  # fmt: skip
            setattr(self, name, lambda *_, name=name, asks=name == hook: self._note(name, asks))

    def _note(self, name: str, asks: bool) -> None:
        self.calls.append(name)
        if asks:
            self.left -= 1
            if self.left == 0:
                for _ in range(self.times):
                    signal.raise_signal(signal.SIGINT)

    def on_exception(self, error):
        self.errors.append(error)


# -- the first -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hook", "call", "epochs", "steps"),
    [
        ("on_train_begin", 1, 0, 0),
        ("on_epoch_begin", 1, 0, 1),
        ("on_train_batch_begin", 1, 0, 1),
        ("on_train_batch_end", 1, 0, 1),
        ("on_train_batch_end", 4, 0, 4),
        ("on_train_batch_end", 5, 0, 5),  # the last of an epoch
        ("on_train_batch_begin", 13, 2, 13),
        ("on_test_batch_end", 1, 0, 5),
        ("on_test_batch_end", 5, 1, 10),
        ("on_test_end", 2, 1, 10),
        ("on_epoch_end", 1, 1, 5),
        ("on_epoch_end", 5, 5, 25),
    ],
)
def test_the_first_ends_fit_between_two_steps(hook, call, epochs, steps, capfd):
    model, asking = make_model(), Asking(hook, call)
    history = fit(model, asking, validation_split=0.17, validation_batch_size=5)
    assert history.interrupted
    assert len(history.epoch) == len(history.history.get("val_loss", [])) == epochs
    assert model.optimizer.steps == steps
    assert asking.calls.count("on_train_end") == 1
    assert asking.calls[-1] == "on_train_end"
    assert asking.calls.count("on_test_begin") == asking.calls.count("on_test_end")
    assert asking.errors == []
    assert capfd.readouterr().err.count("Interrupted: training ends after this step") == 1
    # The weights are those of a run of as many steps.
    other = make_model()
    if steps:
        stop = callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: (
                setattr(other, "stop_training", True) if other.optimizer.steps == steps else None
            )
        )
        fit(other, stop, validation_split=0.17)
        for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)


def test_the_model_is_as_usable_as_any(capfd):
    model = make_model()
    assert fit(model, Asking("on_train_batch_end", 8)).interrupted
    assert np.isfinite(model.evaluate(X, Y)).all()
    assert model.predict(X).shape == Y.shape
    again = fit(model)
    assert not again.interrupted
    assert len(again.epoch) == 5


def test_averages_and_best_weights_end_an_interrupted_run_too():
    model = make_model(optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5))
    fit(model, Asking("on_train_batch_end", 7))
    np.testing.assert_array_equal(
        model.vector.values[: model.vector.n_trainable], model.optimizer.averages
    )
    model, stopping = make_model(), callbacks.EarlyStopping("loss", restore_best_weights=True)
    fit(model, stopping, Asking("on_train_batch_end", 13))
    for one, best in zip(model.get_weights(), stopping._best_weights, strict=True):
        np.testing.assert_array_equal(one, best)


def test_averages_in_the_model_are_taken_out_when_a_validation_is_cut_off():
    model = make_model(optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5))
    seen: list[Any] = []
    watch = callbacks.LambdaCallback(on_test_end=lambda logs: seen.append(model.get_weights()))
    swap = callbacks.SwapEMAWeights()
    fit(model, watch, swap, Asking("on_test_batch_end", 1), validation_data=(X, Y))
    assert len(seen) == 1
    assert swap._own is None


def test_a_timer_interrupts_a_long_epoch_and_a_long_validation():
    """From outside, as a user does: neither is waited for."""
    for hook, how in (
        ("on_train_batch_end", {"batch_size": 2, "steps_per_epoch": 5000}),
        ("on_test_batch_end", {"validation_data": (np.tile(X, (100, 1)), np.tile(Y, (100, 1)))}),
    ):
        model = make_model()
        timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
        slow = {hook: lambda batch, logs: time.sleep(0.02)}
        more = callbacks.LambdaCallback(**slow, on_train_begin=lambda logs, t=timer: t.start())
        start = time.perf_counter()
        history = fit(model, more, validation_batch_size=1, epochs=100, **how)
        assert time.perf_counter() - start < 30  # of more than a minute
        assert history.interrupted
        assert history.epoch == []
        timer.join()


def test_lbfgs_ends_after_an_iteration():
    for hook, call, epochs in (
        ("on_epoch_begin", 3, 2), ("on_epoch_end", 3, 3), ("on_test_batch_end", 4, 1),
    ):  # fmt: skip
        model, asking = make_model(optimizers.LBFGS(), dtype="float64"), Asking(hook, call)
        history = fit(model, asking, epochs=20, validation_data=(X, Y), validation_batch_size=20)
        assert history.interrupted
        assert len(history.epoch) == epochs
        assert asking.calls.count("on_train_end") == 1
        assert np.isfinite(model.evaluate(X, Y)).all()
        # The weights are those after the last iteration that was through.
        other = make_model(optimizers.LBFGS(), dtype="float64")
        fit(other, epochs=model.optimizer.iterations)
        assert epochs <= model.optimizer.iterations <= epochs + 1
        for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-12)


# -- the second ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_batch_begin", "on_test_batch_end"])
@pytest.mark.parametrize("optimizer", ["adam", optimizers.LBFGS()], ids=["adam", "lbfgs"])
def test_the_second_raises_at_once(hook, optimizer):
    if not isinstance(optimizer, str):
        optimizer = optimizer.clone()
        hook = "on_epoch_begin" if "batch_begin" in hook else hook
    model, asking = make_model(optimizer), Asking(hook, times=2)
    with pytest.raises(KeyboardInterrupt):
        fit(model, asking, validation_data=(X, Y))
    assert model.history.interrupted
    assert [type(error) for error in asking.errors] == [KeyboardInterrupt]
    assert "on_train_end" not in asking.calls
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not fit(model).interrupted


def ask(*_: Any) -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_second_of_a_user_in_a_hurry_lands_in_the_next_fit(monkeypatch):
    asking = callbacks.LambdaCallback(on_train_batch_end=ask)
    fits = []

    model = make_model()

    def loop():
        for _ in range(3):
            fits.append(fit(model, asking))

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert [history.interrupted for history in fits] == [True]
    # One that comes later is a first one again.
    monkeypatch.setattr(interruption, "_first", [time.monotonic() - 3.1])
    assert fit(make_model(), asking).interrupted


@pytest.mark.parametrize("name", ["MLPRegressor", "SequentialRegressor", "TabularRegressor"])
def test_a_search_tells_of_a_fit_cut_short_and_ends_with_the_second(name, monkeypatch):
    x, y = np.repeat(X, 4, axis=0), np.repeat(Y[:, 0], 4)
    fits = []

    def interrupt(self, *arguments):
        if not self.asked and len(fits) < many:
            fits.append(self)
            signal.raise_signal(signal.SIGINT)
        return before(self, *arguments)

    def search():
        kind = getattr(annlib, name)
        how: dict[str, Any] = {"max_iter": 2} if name == "MLPRegressor" else {}
        if name == "TabularRegressor":
            how = {"epochs": 2}
        grid: dict[str, Any] = {"random_state": [0, 1]}
        if name == "SequentialRegressor":
            how |= {"model": Sequential([layers.Dense(1)]), "optimizer": "adam", "loss": "mse"}
            how |= {"verbose": 0}
        return GridSearchCV(kind(**how), grid, cv=2, refit=False, error_score="raise").fit(x, y)

    before = Interruption.__exit__
    monkeypatch.setattr(Interruption, "__exit__", interrupt)
    many = 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        search()
    assert sum("interrupted by user" in str(one.message) for one in told) == 1
    many = 3
    fits.clear()
    monkeypatch.setattr(interruption, "_first", [-np.inf])
    warnings.simplefilter("ignore")  # until the end of the test
    with pytest.raises(KeyboardInterrupt):
        search()
    assert len(fits) == 2


def test_the_second_ends_a_callback_that_hangs():
    def twice():
        for _ in range(2):
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=twice)
    hangs = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(60))
    thread.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        fit(make_model(), hangs)
    assert time.perf_counter() - start < 30
    thread.join()


def test_a_handler_of_the_users_own_is_called_each_time():
    got = []

    def own(number, frame):
        got.append(number)

    signal.signal(signal.SIGINT, own)
    history = fit(make_model(), Asking("on_train_batch_end", 2, times=3))
    assert got == [signal.SIGINT] * 3
    assert history.interrupted
    assert history.epoch == []
    assert signal.getsignal(signal.SIGINT) is own
    got.clear()
    fit(make_model(), Inner(Asking("on_train_batch_end", 3)))  # a run within a run: once
    assert got == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is own
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_what_a_handler_of_the_users_own_raises_comes_through():
    def own(number, frame):
        raise Failure

    signal.signal(signal.SIGINT, own)
    model = make_model()
    with pytest.raises(Failure):
        fit(model, Asking("on_train_batch_end", 2))
    assert model.history.interrupted
    assert signal.getsignal(signal.SIGINT) is own
    signal.signal(signal.SIGINT, signal.default_int_handler)


# -- handlers --------------------------------------------------------------------------------------


class Failure(Exception):
    pass


def fails(*_: Any) -> None:
    raise Failure


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_train_batch_end", "on_epoch_end", "on_train_end"]
)
def test_an_error_leaves_the_handler_as_it_was(hook, asks, handler):
    with pytest.raises(Failure):
        fit(
            make_model(),
            *[Asking("on_train_begin")][:asks],
            callbacks.LambdaCallback(**{hook: fails}),
            callbacks.LambdaCallback(on_train_end=fails),
        )
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_handler_is_the_loops_own_while_it_runs_and_no_longer(handler):
    seen = []
    look = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(signal.getsignal(signal.SIGINT))
    )
    fit(make_model(), look)
    assert all(found is not handler for found in seen)
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyboardInterrupt):  # an evaluation has nothing to end well
        make_model().evaluate(X, Y, callbacks=[Asking("on_test_batch_end")])


@pytest.mark.parametrize("ignored", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_is_ignored_or_left_to_the_system_stays_so(ignored):
    signal.signal(signal.SIGINT, ignored)
    times = 1 if ignored is signal.SIG_IGN else 0
    history = fit(make_model(), Asking("on_train_batch_end", 2, times))
    assert not history.interrupted
    assert len(history.epoch) == 5
    assert signal.getsignal(signal.SIGINT) is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_who_sets_another_handler_during_the_run_keeps_it():
    def theirs(number, frame):
        pass

    change = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: signal.signal(signal.SIGINT, theirs)
    )
    fit(make_model(), change)
    assert signal.getsignal(signal.SIGINT) is theirs
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_in_another_thread_nothing_is_touched(handler):
    found, entered = [], threading.Event()
    leave = threading.Event()

    def wait(epoch, logs):
        entered.set()
        leave.wait(30)

    def run():
        found.append(fit(make_model(), callbacks.LambdaCallback(on_epoch_end=wait)))

    thread = threading.Thread(target=run)
    thread.start()
    entered.wait(30)
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    leave.set()
    thread.join()
    assert not found[0].interrupted
    assert len(found[0].epoch) == 5


class Inner(callbacks.Callback):
    """Fits another model in the middle of a fit."""

    def __init__(self, *more: Any) -> None:
        self.more = more
        self.histories: list[Any] = []

    def on_epoch_end(self, epoch, logs=None):
        self.histories.append(fit(make_model(), *self.more, epochs=2))


def test_one_within_another_ends_both():
    inner = Inner(Asking("on_train_batch_end", 3))
    history = fit(make_model(), inner)
    assert history.interrupted
    assert [one.interrupted for one in inner.histories] == [True]
    assert len(history.epoch) == 1


def test_the_second_ends_both_at_once(handler):
    with pytest.raises(KeyboardInterrupt):
        fit(make_model(), Inner(Asking("on_train_batch_end", 3, times=2)))
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_outer_alone_when_the_inner_is_through():
    inner = Inner()
    history = fit(make_model(), inner, Asking("on_epoch_end", 2))
    assert history.interrupted
    assert [one.interrupted for one in inner.histories] == [False, False]


def test_one_after_the_last_step_is_not_lost():
    """A loop over fits has to know of it, whenever it came."""
    history = fit(make_model(), Asking("on_train_end"))
    assert history.interrupted
    assert len(history.epoch) == 5


def test_a_closed_stderr_is_no_error():
    stderr = os.dup(2)
    os.close(2)
    try:
        history = fit(make_model(), Asking("on_train_batch_end"))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    assert history.interrupted


def test_a_storm_of_signals_at_any_moment_leaves_the_handler(handler):
    """The second comes at every place between entering and leaving, by the number of lines run."""
    count, raised, calm = 0, 0, 0
    while True:
        count += 1
        left = [count]

        def trace(frame, event, argument, left=left):
            if event == "line" and frame.f_code.co_filename.endswith("interruption.py"):
                left[0] -= 1
                if left[0] == 0:
                    signal.raise_signal(signal.SIGINT)
                    signal.raise_signal(signal.SIGINT)
            return trace

        try:
            sys.settrace(trace)
            with Interruption():
                pass
            calm += 1
        except KeyboardInterrupt:
            raised += 1
        finally:
            sys.settrace(None)
        assert signal.getsignal(signal.SIGINT) is handler, count
        if left[0] > 0:
            break
    assert raised > 5
    assert calm >= 1


# -- from outside ----------------------------------------------------------------------------------

SCRIPT = """
import sys, time
import numpy as np
from annlib import Sequential, callbacks, layers
model = Sequential([layers.Dense(4)], seed=0)
model.compile("sgd", "mse")
said = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", flush=True))
slow = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.01))
x = np.random.default_rng(0).normal(size=(60, 4))
history = model.fit(x, x, batch_size=10, epochs=100000, verbose=0, callbacks=[said, slow])
print("ended", history.interrupted, np.isfinite(model.get_weights()[0]).all(), flush=True)
time.sleep(60)
"""


def test_a_process_is_interrupted_by_its_terminal():
    root = str(Path(annlib.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "epoch\n"
        process.send_signal(signal.SIGINT)
        lines = iter(process.stdout.readline, "")
        assert next(line for line in lines if line != "epoch\n") == "ended True True\n"
        process.send_signal(signal.SIGINT)  # the handler is Python's again
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        with contextlib.suppress(ValueError):
            process.communicate()
    assert process.returncode != 0
    assert errors.count("Interrupted: training ends") == 1
    assert "KeyboardInterrupt" in errors


# -- SIGTERM ---------------------------------------------------------------------------------------

TERMINATED = """
import hashlib, os, signal, sys, threading, time
import numpy as np
from annlib import Sequential, callbacks, layers

def fit(folder, *more, delete=False, **how):
    model = Sequential([layers.Dense(4), layers.Dropout(0.2), layers.Dense(4)], seed=0)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(60, 4))
    keep = [callbacks.BackupAndRestore(folder, delete_checkpoint=delete)] if folder else []
    how = {"batch_size": 10, "epochs": 4, "verbose": 0, "validation_split": 0.2, **how}
    history = model.fit(x, x, callbacks=[*keep, *more], **how)
    digest = hashlib.sha256(b"".join(W.tobytes() for W in model.get_weights())).hexdigest()
    print(digest, history.history, flush=True)

class Term(callbacks.Callback):
    def __init__(self, hook, call=1, times=1):
        self.left = call
        setattr(self, hook, lambda *_: self.term(times))
    def term(self, times):
        self.left -= 1
        if not self.left:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGTERM)
    def on_exception(self, error):
        print("on_exception", repr(error), flush=True)

folder = sys.argv[1]
"""


def in_a_process(code, folder="", expected=0):
    root = str(Path(annlib.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, "-c", TERMINATED + code, str(folder)],
        env={**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == expected, ran.stderr
    return ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("hook", "call"),
    [
        ("on_train_batch_end", 7),
        ("on_train_batch_begin", 1),
        ("on_test_batch_end", 1),
        ("on_epoch_begin", 2),
        ("on_epoch_end", 1),
    ],
)
def test_sigterm_writes_the_run_to_its_backup_and_ends_with_143(hook, call, tmp_path):
    expected, _ = in_a_process("fit(folder)", tmp_path / "whole")
    out, errors = in_a_process(f"fit(folder, Term({hook!r}, {call}))", tmp_path / "cut", 143)
    assert out == "on_exception SystemExit(143)\n"
    assert errors.count("Terminated: after this step") == 1
    assert in_a_process("fit(folder)", tmp_path / "cut")[0] == expected


def test_sigterm_at_the_end_of_a_run_ends_the_process_all_the_same(tmp_path):
    out, _ = in_a_process("fit(folder, Term('on_train_end'), delete=True)", tmp_path, 143)
    assert out == "on_exception SystemExit(143)\n"
    assert not list(tmp_path.iterdir())  # the run was through


def test_a_second_sigterm_ends_it_at_once(tmp_path):
    out, _ = in_a_process("fit(folder, Term('on_train_batch_end', 7, 2))", tmp_path, -15)
    assert out == ""


def test_without_a_backup_sigterm_is_what_it_was(tmp_path):
    assert in_a_process("fit('', Term('on_train_batch_end', 7))", "", -15) == ("", "")
    # Before there is anything to keep, after the run, and in another thread as well.
    in_a_process("fit(folder, Term('on_train_begin'))", tmp_path, -15)
    in_a_process("fit(folder); os.kill(os.getpid(), signal.SIGTERM)", tmp_path, -15)
    thread = "t = threading.Thread(target=fit, args=(folder, Term('on_train_batch_end', 7)))"
    in_a_process(f"{thread}; t.start(); t.join()", tmp_path / "thread", -15)


def test_a_handler_of_the_users_own_for_sigterm_stays(tmp_path):
    for handler in ("lambda *_: print('own', flush=True)", "signal.SIG_IGN"):
        code = f"signal.signal(signal.SIGTERM, {handler}); fit(folder, Term('on_train_batch_end'))"
        out, errors = in_a_process(code, tmp_path)
        assert out.startswith("own\n") is ("own" in handler)
        assert errors == ""


def test_a_child_of_fork_is_ended_by_sigterm(tmp_path):
    """As the workers of a data loader are, which a run starts and ends."""
    code = """
def work(*_):
    ready, begun = os.pipe()
    child = os.fork()
    if not child:
        os.write(begun, b".")
        time.sleep(30)
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, signal.SIGTERM)
    print(os.waitpid(child, 0)[1], flush=True)
fit(folder, callbacks.LambdaCallback(on_epoch_end=work), epochs=1)
"""
    assert in_a_process(code, tmp_path)[0].startswith(f"{int(signal.SIGTERM)}\n")


def test_a_run_within_a_run_ends_both(tmp_path):
    code = """
inner = callbacks.LambdaCallback(on_epoch_end=lambda *_: fit("", Term("on_train_batch_end", 3)))
fit(folder, inner)
"""
    out, _ = in_a_process(code, tmp_path, 143)
    assert "'loss': []" not in out and out.count("{}") == 1  # the inner one has no epoch
    assert (tmp_path / "backup.safetensors").exists()
