"""``python -m annlib``, as a user types it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import annlib
from annlib import datasets
from annlib.__main__ import main

ROOT = Path(annlib.__file__).parents[1]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "annlib", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_digits(tmp_path):
    path = tmp_path / "digits.safetensors"
    done = run(
        *("--data", "digits", "--epochs", "2", "--hidden", "32,16", "--seed", "3"),
        *("--save", str(path)),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for line in (
        rf"annlib {re.escape(annlib.__version__)}",
        r"Data: scikit-learn's digits, 1,437 to train on, 360 to test, 8 x 8 pixels",
        r'Model: "digits" \(float32\)',
        r"Total params: 2,778 .*",
        r"Epoch 1/2 - .*accuracy: 0\.\d+ - loss: \d.*",
        r"Epoch 2/2 - .*",
        r"Trained in [\d.]+ s, [\d,]+ rows a second",
        r"Test accuracy: \d\d\.\d\d% \(loss \d\.\d+\)",
        rf"Saved the model to {re.escape(str(path))}. To use it on images of 8 x 8 pixels:",
    ):
        assert re.search(f"^{line}$", done.stdout, re.MULTILINE), (line, done.stdout)

    _, (x_test, y_test) = annlib.__main__.load("digits")[1]
    names = {"images": x_test}
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("    ")]
    exec("\n".join(lines[-3:]), names)
    model = names["model"]
    assert [type(layer).__name__ for layer in model.layers][:2] == ["Flatten", "Rescaling"]
    shown = float(re.search(r"Test accuracy: ([\d.]+)%", done.stdout)[1])
    assert 100 * model.evaluate(x_test, y_test)[1] == pytest.approx(shown, abs=0.006)
    assert 100 * (names["digits"] == y_test).mean() == pytest.approx(shown, abs=0.006)
    assert model.optimizer.iterations > 0


def test_a_seed_repeats_the_run(tmp_path, capsys):
    for name in ("one", "other"):
        main(["--data", "digits", "--epochs", "1", "--seed", "3", "--save", str(tmp_path / name)])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    accuracies = re.findall(r"Test accuracy: .*", capsys.readouterr().out)
    assert accuracies[0] == accuracies[1]


def test_it_learns(tmp_path, capsys):
    main(["--data", "digits", "--seed", "0", "--save", str(tmp_path / "w")])
    accuracy = re.search(r"Test accuracy: ([\d.]+)%", capsys.readouterr().out)[1]
    assert float(accuracy) > 95


def test_help():
    done = run("--help")
    assert done.returncode == 0
    for option in ("--epochs", "--batch-size", "--hidden", "--data", "--seed", "--save"):
        assert option in done.stdout
    assert "default: 10" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--epochs", "0"], "--epochs: expected at least 1, got 0"),
        (["--epochs", "ten"], "--epochs"),
        (["--batch-size", "-5"], "--batch-size"),
        (["--hidden", "32,x"], "--hidden"),
        (["--hidden", "0"], "--hidden: expected at least 1, got 0"),
        (["--seed", "1.5"], "--seed"),
        (["--seed", "-1"], "--seed"),
        (["--save", "none/w.safetensors"], "--save: expected a file in a folder that exists"),
        (["--save", "."], "--save: expected a file"),
        (["--data", "cifar"], "--data.*cifar.*mnist"),
        (["--speed", "9"], "--speed"),
    ],
)
def test_bad_arguments(arguments, says, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(rf"error: .*{says}", shown.err), shown.err


OFFLINE = """
import runpy, sys
from annlib.datasets import store
def refuse():
    raise OSError("no network in this test")
store.sklearn_datasets = refuse
sys.argv = ["annlib", "--data", "mnist", "--save", "never"]
runpy.run_module("annlib", run_name="__main__")
"""


def test_without_data_and_network_it_says_so_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ANNLIB_DATA_HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: annlib.datasets.mnist.load_data: expected mnist.npz in ")
    assert "no network in this test" in line
    assert "ANNLIB_DATA_HOME" in line


def test_auto_takes_the_digits_where_mnist_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not datasets.mnist.is_available()
    main(["--epochs", "1", "--save", str(tmp_path / "w")])
    assert "scikit-learn's digits" in capsys.readouterr().out
