"""What is printed shows on every terminal, fits in one and leaves the bars of others whole."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from annlib import Sequential, callbacks, compare, layers
from annlib.core.terminal import for_stdout, to_ascii

X = np.linspace(-1.0, 1.0, 256).reshape(64, 4)
Y = np.arange(64) % 3

SCRIPT = """
import numpy as np
import annlib
from annlib import Sequential, layers
x = np.linspace(-1.0, 1.0, 256).reshape(64, 4)
y = np.arange(64) % 3
dense = layers.Dense(3, activation="softmax", name="größe_σ_日")
model = Sequential([layers.BatchNormalization(), dense], seed=0)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
stop = annlib.callbacks.EarlyStopping(patience=0, min_delta=9.0, verbose=1)
history = model.fit(x, y, epochs=3, validation_split=0.2, callbacks=[stop])
model.evaluate(x, y, verbose=1)
model.summary()
trace = model.trace(x[:2], y[:2])
print(trace)
print(trace.forward[0])
print(trace.verify())
for name in ("softmax", "adam", "batch_normalization", "huber"):
    print(annlib.explain(name))
print(annlib.checkup(model, x, y))
print(annlib.compare({"größe": history}))
print(annlib.gradcheck(model, x, y))
print(annlib.lr_find(model, x, y))
"""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_everything_prints_on_every_terminal(encoding, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(encoding, "replace")
    shown = done.stdout.decode(encoding)
    assert "early stopping" in shown
    if encoding == "utf-8":
        assert "größe_σ_日" in shown
    else:
        assert "grosse" not in shown  # letters, not sounds
        assert "sigma" in shown
        assert shown.isascii() or encoding == "cp1252"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_command_prints_on_every_terminal(encoding):
    command = [sys.executable, "-m", "annlib", "--data", "digits", "--epochs", "1"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_rows_of_a_matrix_stay_below_each_other():
    rows = ["⎧ 1 ⎫   ⎡ 2 ⎤", "⎨ 3 ⎬ ← ⎢ 4 ⎥", "⎩ 5 ⎭   ⎣ 6 ⎦"]
    assert {len(to_ascii(row)) for row in rows} == {13}


class Narrow(io.StringIO):
    encoding = "ascii"


def test_only_what_does_not_fit_is_changed(monkeypatch):
    assert for_stdout("α ← 日") == "α ← 日"
    monkeypatch.setattr(sys, "stdout", Narrow())
    assert for_stdout("α ← x") == "alpha = x"


def fitted(**changes):
    model = Sequential([layers.Dense(3, activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(X, Y, **{"epochs": 12, "verbose": 0} | changes)


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_line_of_an_epoch_fits_and_shows_the_time_of_a_step(verbose, capsys):
    fitted(verbose=verbose, validation_split=0.25)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) <= 80, lines
    assert all(re.search(r" \d+(us|ms|s)/step ", line) for line in lines)
    for name in ("loss", "accuracy"):
        assert re.search(rf"{name} \d\.\d+ val \d\.\d+", lines[0])


def test_a_short_line_has_the_names_of_keras(capsys):
    fitted(verbose=2, epochs=1)
    assert re.search(r"Epoch 1/1 - .*accuracy: \d.* - loss: \d", capsys.readouterr().out)


def test_a_bar_around_a_fit_stays_whole(capsys):
    from tqdm import tqdm

    for _ in tqdm(range(2), file=sys.stdout, desc="outer", mininterval=0):
        fitted(verbose=2, epochs=2)
    # After each carriage return something is drawn anew: a line that is printed has one alone.
    drawn = re.split(r"[\r\n]", capsys.readouterr().out)
    lines = [one for one in drawn if "Epoch" in one]
    assert len(lines) == 4
    assert not any("outer" in line for line in lines)


def test_epochs_that_people_see_count_from_one():
    figure = pytest.importorskip("matplotlib.figure")
    history = callbacks.History()
    history.history, history.epoch = {"loss": [3.0, 1.0, 2.0]}, [0, 1, 2]
    history.epochs_of = {"loss": [0, 1, 2]}
    ax = history.plot(ax=figure.Figure().subplots())
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert "(epoch 2)" in repr(compare({"run": history}))


def test_history_in_a_cell_shows_the_best_and_the_last_epoch():
    history = fitted(validation_split=0.25, validation_freq=2, epochs=5)
    shown = []

    class Printer:
        text = shown.append

    history._repr_pretty_(Printer, cycle=False)
    html = history._repr_html_()
    assert "last, 5" in shown[0]
    assert re.search(r"best by val_loss, [24]", shown[0])
    assert f"{history.history['loss'][-1]:.4f}" in html
    assert "val_accuracy" in html
    assert "History()" in callbacks.History()._repr_html_()
