"""Sources: a file of C or Python alone gives the numbers that the model predicts."""

from __future__ import annotations

import ctypes
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from export.exported import activation_models, assert_equal, layer_models, networks
from sklearn.datasets import load_digits

from annlib import ConfigurationError, NotBuiltError, Sequential, SequentialClassifier, layers
from annlib.export import source, source_size

GCC = shutil.which("gcc") or shutil.which("cc")
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O0")
needs_a_compiler = pytest.mark.skipif(GCC is None, reason="no compiler of C")


def text_of(model, language, **arguments):
    file = io.BytesIO()
    source(model, file, language, **arguments)
    return file.getvalue().decode()


def in_python(model, x, expected):
    names = {}
    exec(text_of(model, "python"), names)
    rows = [names["predict"](np.asarray(row).reshape(-1).tolist()) for row in x]
    return np.array(rows).reshape(expected.shape)


def in_c(texts, folder):
    """The functions of these texts, compiled alone and linked together."""
    for name, text in texts.items():
        (folder / f"{name}.c").write_text(text)
        command = [GCC, *FLAGS, "-c", "-fPIC", f"{name}.c"]
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0, text[:500] + made.stderr
    parts = [f"{name}.o" for name in texts]
    subprocess.run([GCC, "-shared", "-o", "all.so", *parts, "-lm"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "all.so"))


def called(function, x, expected):
    """What a function of C makes of each row."""
    y = np.empty((len(expected), int(np.prod(expected.shape[1:]))), np.float32)
    for row, out in zip(x, y, strict=True):
        given = np.ascontiguousarray(np.asarray(row).reshape(-1), np.float32)
        function(given.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p))
    return y.reshape(expected.shape)


def some(models, step):
    return [each for k, each in enumerate(models) if k % step == 0]


def check_python(models):
    for what, model, x in models:
        expected = model.predict(x)
        assert_equal(in_python(model, x, expected), expected, 1e-5, what)


def test_every_activation_in_python():
    check_python(activation_models())


def test_every_layer_in_python():
    check_python(layer_models())


@pytest.mark.slow
def test_random_networks_in_python():
    check_python(networks(200, "float32"))


def check_c(models, folder):
    models = [*models]
    texts = {
        f"predict{k}": text_of(model, "c", function=f"predict{k}")
        for k, (_, model, _) in enumerate(models)
    }
    library = in_c(texts, folder)
    for k, (what, model, x) in enumerate(models):
        expected = model.predict(x)
        found = called(getattr(library, f"predict{k}"), x, expected)
        assert_equal(found, expected, 1e-5, what)


def in_floats(models):
    """Those that look nothing up that a float does not hold."""
    return [each for each in models if "Lookup" not in each[0]]


@needs_a_compiler
def test_some_parts_in_c(tmp_path):
    check_c(some(activation_models(), 7) + some(in_floats(layer_models()), 9), tmp_path)


@needs_a_compiler
@pytest.mark.slow
def test_every_part_in_c(tmp_path):
    check_c([*activation_models(), *in_floats(layer_models())], tmp_path)


@needs_a_compiler
@pytest.mark.slow
def test_random_networks_in_c(tmp_path):
    check_c(networks(200, "float32"), tmp_path)


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    model = Sequential([layers.Rescaling(1 / 16), layers.Dense(64, "relu"), layers.Dropout(0.2),
                        layers.Dense(10, "softmax")], seed=0)  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:1400], y[:1400], epochs=10, verbose=0)
    return model, x[1400:], y[1400:]


@needs_a_compiler
def test_the_digits_in_c(digits, tmp_path):
    model, x, y = digits
    size = source_size(model)
    text = text_of(model, "c")
    function = in_c({"digits": text}, tmp_path).predict
    expected = model.predict(x)
    found = called(function, x, expected)
    assert_equal(found, expected, 1e-5)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert (expected.argmax(axis=1) == y).mean() > 0.85
    # What was told beforehand: the weights, and memory for the widest two layers.
    assert size.constants == 4 * model.count_params() == 4 * (64 * 64 + 64 + 64 * 10 + 10)
    assert size.memory == 4 * (64 + 64)
    assert size.file == len(text)
    assert f"Constants: {size.constants} bytes. Memory: {size.memory} bytes" in text


def test_the_digits_in_python_alone(digits, tmp_path):
    model, x, _ = digits
    path = tmp_path / "digits.py"
    assert source(model, path, "python") == source_size(model, "python")
    (tmp_path / "rows.json").write_text(json.dumps(x[:20].tolist()))
    code = (
        "import json, sys, digits; rows = json.load(open('rows.json')); "
        "print(json.dumps([digits.predict(row) for row in rows])); "
        "assert not {'numpy', 'annlib'} & {*sys.modules}"
    )
    command = [sys.executable, "-S", "-c", code]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert_equal(np.array(json.loads(made.stdout)), model.predict(x[:20]), 1e-5)
    assert set(re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE)) == {"math"}


def test_texts_are_looked_up_in_python_alone():
    lookup = layers.StringLookup(vocabulary=["a", 'quoted"\n'], output_mode="one_hot")
    model = Sequential([lookup, layers.Dense(2)], seed=0)
    x = np.array([["a"], ["b"], ['quoted"\n']])
    expected = model.predict(x)
    assert_equal(in_python(model, x, expected), expected, 1e-5)
    with pytest.raises(ConfigurationError, match=r'layer "string_lookup".*whole numbers'):
        text_of(model, "c")


def test_a_code_that_is_none_is_refused_in_python():
    model = Sequential([layers.Embedding(3, 2), layers.Flatten()], seed=0)
    model.predict([[0]])
    names = {}
    exec(text_of(model, "python"), names)
    for code in (-1, 3):
        with pytest.raises(ValueError, match="a code from 0 to 2"):
            names["predict"]([code])


@needs_a_compiler
def test_a_code_that_is_none_reads_no_other_memory_in_c(tmp_path):
    model = Sequential([layers.Embedding(3, 2), layers.Flatten()], seed=0)
    expected = model.predict([[0], [2]])
    function = in_c({"predict": text_of(model, "c")}, tmp_path).predict
    assert_equal(called(function, [[-1e9], [1e9]], expected), expected, 0)


def test_numbers_that_overflow_do_not_stop_python():
    model = Sequential([layers.Activation("exponential"), layers.Rescaling(0.5)])
    model.predict([[1.0]])
    names = {}
    exec(text_of(model, "python"), names)
    assert names["predict"]([1e5]) == [np.inf]


def test_an_estimator_gives_its_probabilities():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    y = np.where(x[:, 0] > 0, "yes", "no")
    model = SequentialClassifier(epochs=2, random_state=0, verbose=0).fit(x, y)
    expected = model.predict_proba(x[:5])
    assert_equal(in_python(model, x[:5], expected), expected, 1e-5)


def test_files(tmp_path):
    model = Sequential([layers.Dense(2)])
    with pytest.raises(NotBuiltError, match="weights"):
        source(model, tmp_path / "m.c")
    model.build((None, 3))
    source(model, tmp_path / "m.c")
    source(model, tmp_path / "m.h")
    with pytest.raises(FileExistsError, match=r"m\.c"):
        source(model, tmp_path / "m.c", overwrite=False)
    for arguments, said in (
        ({"filepath": tmp_path / "m.py"}, r"ends in \.c or \.h"),
        ({"filepath": tmp_path / "m.c", "language": "rust"}, "language"),
        ({"filepath": tmp_path / "n.c", "function": "a b"}, "function"),
        ({"filepath": tmp_path / "n.c", "function": "naïve"}, "function"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            source(model, **arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.c", "m.h"]
