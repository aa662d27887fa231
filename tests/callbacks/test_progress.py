"""Progress is a live bar on a terminal, plain lines elsewhere, and nothing if nobody asked."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from annlib import Input, Sequential, layers
from annlib.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    EvaluationBar,
    LambdaCallback,
    LearningRateScheduler,
    ProgressBar,
    ReduceLROnPlateau,
)
from annlib.callbacks.monitor import say
from annlib.callbacks.progress import format_value

X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
NUMBER = r"\d+\.\d{4}"
TOOK = r"\d+\.\ds \d+(?:s|ms|us)/step"
EPOCH = rf"Epoch (\d)/(\d) - {TOOK} - loss: {NUMBER} - mae: {NUMBER}"


def make_model():
    model = Sequential([Input((2,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", ["mae"])
    return model


class Slow(Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.01)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@contextlib.contextmanager
def shown_on_a_terminal():
    with contextlib.redirect_stdout(Terminal()) as screen:
        yield screen


def test_nothing_is_said_without_verbosity(capfd):
    model = make_model()
    model.fit(X, X[:, 0], epochs=3, validation_split=0.2, verbose=0)
    model.evaluate(X, X[:, 0])
    model.predict(X)
    model.train_on_batch(X, X[:, 0])
    out, err = capfd.readouterr()
    assert len(out) == len(err) == 0


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_a_line_an_epoch_where_stdout_is_no_terminal(verbose, capfd):
    make_model().fit(X, X[:, 0], epochs=3, verbose=verbose)
    out, err = capfd.readouterr()
    assert [re.fullmatch(EPOCH, line).groups() for line in out.splitlines()] == [
        ("1", "3"), ("2", "3"), ("3", "3"),
    ]  # fmt: skip
    assert "\r" not in out
    assert "\x1b" not in out
    assert err == ""


def test_validation_is_on_the_line(capsys):
    history = make_model().fit(X, X[:, 0], validation_split=0.5, verbose=2).history
    shown = re.findall(r"(\w+) (\S+) val (\S+)", capsys.readouterr().out)
    assert shown == [
        (name, *(format_value(history[key][0]) for key in (name, f"val_{name}")))
        for name in ("loss", "mae")
    ]


def test_two_is_a_plain_line_on_a_terminal_too():
    with shown_on_a_terminal() as screen:
        make_model().fit(X, X[:, 0], epochs=2, verbose=2, callbacks=[Slow()])
    lines = screen.getvalue().splitlines()
    assert len(lines) == 2
    assert all(re.fullmatch(EPOCH, line) for line in lines)


def test_a_bar_is_drawn_ten_times_a_second_and_leaves_a_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    start = time.perf_counter()
    with shown_on_a_terminal() as screen:
        make_model().fit(X, X[:, 0], batch_size=1, verbose=1, callbacks=[Slow()])
    seconds = time.perf_counter() - start
    shown = screen.getvalue()
    drawn = re.findall(r"\rEpoch 1/1\D+(\d+)/60", shown)
    # The first and the last drawing, tqdm's own, are not on the clock.
    assert 3 <= len(drawn) <= 10 * seconds + 3
    assert [int(n) for n in drawn] == sorted(int(n) for n in drawn)
    assert any(0 < int(n) < 60 for n in drawn)
    assert "loss: " in shown
    assert re.fullmatch(EPOCH, shown.splitlines()[-1].split("\r")[-1])


def test_a_quick_epoch_is_hardly_redrawn(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    start = time.perf_counter()
    with shown_on_a_terminal() as screen:
        make_model().fit(X, X[:, 0], batch_size=1, verbose=1)
    seconds = time.perf_counter() - start
    # Sixty batches: the first drawing, those of the clock, and the line at the end.
    assert 2 <= screen.getvalue().count("Epoch 1/1") <= 10 * seconds + 3


def test_an_error_closes_the_bar():
    class Fails(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError

    model = make_model()
    with shown_on_a_terminal() as screen, pytest.raises(RuntimeError):
        model.fit(X, X[:, 0], verbose=1, callbacks=[Fails()])
    assert "Epoch 1/1" in screen.getvalue()
    assert not tqdm._instances


@pytest.mark.parametrize("verbose", [1, 2])
def test_evaluate_and_predict_say_one_line_when_asked(verbose, capsys):
    model = make_model()
    model.evaluate(X, X[:, 0], verbose=verbose)
    assert re.fullmatch(
        rf"Evaluate - {TOOK} - loss: {NUMBER} - mae: {NUMBER}\n", capsys.readouterr().out
    )
    model.predict(X, verbose=verbose)
    assert re.fullmatch(rf"Predict - {TOOK}\n", capsys.readouterr().out)


def test_small_values_are_shown_in_scientific_form():
    values = (0.0, 12.34567, 0.001, 0.00099, -0.00012345, float("nan"), float("inf"))
    assert [format_value(value) for value in values] == [
        "0.0000", "12.3457", "0.0010", "9.9000e-04", "-1.2345e-04", "nan", "inf",
    ]  # fmt: skip


def test_what_is_no_number_is_shown_shortly():
    values = (np.arange(9) / 8, np.eye(2), np.float32(0.5), "x", None, True, 3, np.array([]))
    assert [format_value(value) for value in values] == [
        "[0.0000 0.1250 0.2500 ... 1.0000]", "[1.0000 0.0000 0.0000 1.0000]", "0.5000", "x",
        "None", "True", "3.0000", "[]",
    ]  # fmt: skip


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_run_of_which_nobody_knows_how_long_it_is(verbose):
    class Model:
        def get_metrics_result(self):
            return {"loss": 0.5, "f1": np.array([0.25, 0.75])}

    model = Model()
    with shown_on_a_terminal() as screen:
        hooks = CallbackList([ProgressBar(verbose)], model, "test", epochs=1, steps=None)
        hooks.call("on_epoch_begin", 0, {})
        for batch in range(25):
            time.sleep(0.01)
            hooks.call("on_train_batch_end", batch, {})
        hooks.call("on_epoch_end", 0, model.get_metrics_result())
    shown = screen.getvalue()
    drawn = [int(n) for n in re.findall(r"\rEpoch 1/1:? (\d+) batches \d+:\d+", shown)]
    assert (max(drawn, default=0) > 0) == (verbose == 1)
    assert drawn == sorted(drawn)
    (line,) = as_lines(shown)
    assert re.fullmatch(rf"Epoch 1/1 - {TOOK} - loss: 0\.5000 - f1: \[0\.2500 0\.7500\]", line)


def as_lines(shown):
    """What a terminal shows in the end: a carriage return goes back to the start of its line."""
    lines = []
    for text in shown.replace("\x1b[A", "").split("\n"):
        line = ""
        for part in text.split("\r"):
            line = part + line[len(part) :]
        lines.append(line.rstrip())
    assert lines.pop() == "", "the last line is not ended"
    return lines


def test_what_callbacks_say_has_lines_of_its_own_beside_the_bar():
    def speak(batch, logs):
        if batch % 10 == 5:
            say(1, f"batch {batch}")

    callbacks = [
        Slow(),
        LambdaCallback(on_train_batch_end=speak),
        LearningRateScheduler(lambda epoch: 0.01, verbose=1),
        ReduceLROnPlateau("loss", 0.5, 1, verbose=1, min_delta=10.0),
        EarlyStopping("loss", 10.0, 1, verbose=1, restore_best_weights=True),
    ]
    with shown_on_a_terminal() as screen:
        make_model().fit(X, X[:, 0], epochs=9, batch_size=3, verbose=1, callbacks=callbacks)
    said = [re.sub(r" - \d.*", "", line) for line in as_lines(screen.getvalue())]
    assert said == [
        *("Epoch 1: learning rate 0.01", "batch 5", "batch 15", "Epoch 1/9"),
        *("Epoch 2: learning rate 0.01", "batch 5", "batch 15"),
        *("Epoch 2: learning rate reduced to 0.005", "Epoch 2/9"),
        *("Epoch 2: early stopping", "Restoring the weights of the best epoch, 1"),
    ]


SCRIPT = """
import time
import numpy as np
from annlib import Sequential, callbacks, layers
class Slow(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.02)
x = np.ones((20, 2))
model = Sequential([layers.Dense(1)], seed=0)
model.compile("sgd", "mse")
model.fit(x, x[:, 0], batch_size=1, epochs=2, callbacks=[Slow()])
"""


def test_a_real_terminal_shows_a_live_bar_and_keeps_the_lines():
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=end,
        stderr=end,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(main, 4096)
            except OSError:  # what Linux says when the other end is closed
                break
            if not part:
                break
            shown += part
        assert process.wait(60) == 0, shown
    os.close(main)
    text = shown.decode()
    progress = [int(n) for n in re.findall(r"\rEpoch 1/2\D+(\d+)/20", text)]
    assert any(0 < n < 20 for n in progress), text
    finished = re.findall(rf"\r(Epoch \d/2 - {TOOK} - loss: {NUMBER})\r\n", text)
    assert len(finished) == 2, text
    assert "Traceback" not in text


def test_the_bar_of_predict_shows_no_loss():
    bar = EvaluationBar(2)
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    seen = []

    class Watch(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(bar._logs())

        on_test_batch_end = on_predict_batch_end

    model.predict(np.ones((4, 2)), callbacks=[bar, Watch()])
    model.evaluate(np.ones((4, 2)), np.ones(4), callbacks=[bar, Watch()])
    assert seen[0] == {}
    assert seen[1].keys() == {"loss", "mae"}
