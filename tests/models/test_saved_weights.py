"""save_weights and load_weights: all or nothing, and what is loaded trains on."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from annlib import ConfigurationError, Input, ModelFormatError, Sequential, layers

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
Y = np.arange(30) % 3


def network(seed=0, units=6, dtype="float32", norm=True, top=3):
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(units, "tanh"),
            *([layers.BatchNormalization()] if norm else []),
            layers.Dropout(0.2),
            layers.Dense(top, "softmax"),
        ],
        seed=seed,
        dtype=dtype,
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def trained(**keywords):
    model = network(**keywords)
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def bits(model):
    return [weight.tobytes() for weight in model.weights]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "net.safetensors"
    trained().save_weights(path)
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_round_trip(tmp_path, dtype, kind):
    path = kind(str(tmp_path / "größe é.weights"))
    model, other = trained(dtype=dtype), network(seed=1, dtype=dtype)
    model.save_weights(path)
    assert bits(other) != bits(model)
    other.load_weights(path)
    assert bits(other) == bits(model)
    assert other.predict(X).tobytes() == model.predict(X).tobytes()


def test_the_file_is_plain_safetensors(path):
    model = trained()
    tensors = load_file(path)
    assert sorted(tensors) == sorted(
        f"layers/{index}/{name}"
        for index, layer in enumerate(model.layers)
        for name in layer._values()
    )
    np.testing.assert_array_equal(tensors["layers/0/kernel"], model.layers[0].kernel)


def test_the_same_weights_make_the_same_bytes(tmp_path, path):
    trained().save_weights(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_training_goes_on_through_the_views(path):
    loaded, never_saved = network(seed=1), trained()
    loaded.fit(X, Y, verbose=0)  # there is an optimizer and a step already
    loaded.load_weights(path)
    for weight in loaded.weights:
        assert np.shares_memory(weight, loaded.vector.values)
    start = loaded.get_weights()
    for model in (loaded, never_saved):
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.layers[2].rate = 0.0
        model.fit(X, Y, verbose=0, shuffle=False, epochs=2)
    assert bits(loaded) == bits(never_saved)
    assert all((a != b).any() for a, b in zip(start, loaded.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"units": 7}, r'shape \(4, 7\) for "dense/kernel", got \(4, 6\)'),
        ({"top": 4}, r'shape \(6, 4\) for "dense_1/kernel", got \(6, 3\)'),
        ({"norm": False}, r"3 layers, got 4"),
    ],
)
def test_a_file_of_another_network_is_refused_untouched(path, keywords, says):
    model = network(**keywords)
    before = bits(model)
    with pytest.raises(ModelFormatError, match=rf"load_weights: expected .*{says}.*\. .*skip_mism"):
        model.load_weights(path)
    assert bits(model) == before


def test_a_file_with_more_parameters_is_refused(path):
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(6, use_bias=False),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(3),
        ]
    )
    before = bits(model)
    with pytest.raises(ModelFormatError, match="layers/0/bias"):
        model.load_weights(path)
    assert bits(model) == before


def test_skip_mismatch_takes_what_fits(path):
    saved, model = trained(), network(seed=1, top=5)
    top = [w.tobytes() for w in model.layers[-1].get_weights()]
    with pytest.warns(UserWarning, match=r"left as they are.*: dense_1\."):
        model.load_weights(path, skip_mismatch=True)
    assert bits(model)[:6] == bits(saved)[:6]
    assert bits(model)[6:] == top
    model.fit(X, np.arange(30) % 5, verbose=0)


def test_skip_mismatch_is_silent_when_all_fits(path):
    model = network(seed=1)
    model.load_weights(path, skip_mismatch=True)
    assert bits(model) == bits(trained())


def test_weights_of_another_precision_are_converted(tmp_path):
    single, double = trained(), trained(dtype="float64")
    single.save_weights(tmp_path / "f4")
    double.save_weights(tmp_path / "f8")
    into_single, into_double = network(seed=1), network(seed=1, dtype="float64")
    into_single.load_weights(tmp_path / "f8")
    into_double.load_weights(tmp_path / "f4")
    for weight, exact in zip(into_single.weights, double.weights, strict=True):
        np.testing.assert_array_equal(weight, exact.astype(np.float32))
        assert weight.dtype == np.float32
    for weight, exact in zip(into_double.weights, single.weights, strict=True):
        np.testing.assert_array_equal(weight, exact)
        assert weight.dtype == np.float64


def test_overwrite(path):
    model, content = network(seed=1), path.read_bytes()
    with pytest.raises(FileExistsError, match=r"save_weights: .*overwrite=True"):
        model.save_weights(path, overwrite=False)
    assert path.read_bytes() == content
    model.save_weights(path)
    assert path.read_bytes() != content
    path.unlink()
    model.save_weights(path, overwrite=False)
    other = network(seed=2)
    other.load_weights(path)
    assert bits(other) == bits(model)


def damages(content):
    yield "empty", b""
    yield "cut", content[: len(content) // 2]
    yield "longer", content + b"x"
    yield "a text", b"weights, sincerely yours " * 10
    yield "a zip", b"PK\x03\x04" + content
    for place in range(0, len(content), 97):
        flipped = bytearray(content)
        flipped[place] ^= 0x10
        yield f"byte {place}", bytes(flipped)


def test_a_damaged_file_is_refused_untouched(path):
    content, model = path.read_bytes(), network(seed=1)
    before = bits(model)
    for what, damaged in damages(content):
        path.write_bytes(damaged)
        with pytest.raises(ModelFormatError) as caught:
            model.load_weights(path)
        message = str(caught.value)
        assert re.search(r"expected .*, got .*", message, re.DOTALL), (what, message)
        assert str(path) in message, what
        assert bits(model) == before, what
    path.write_bytes(content)
    model.load_weights(path)


def test_what_the_system_refuses_stays_an_os_error(tmp_path):
    model = network()
    before = bits(model)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        model.load_weights(tmp_path)
    with pytest.raises(IsADirectoryError):
        model.save_weights(tmp_path)
    with pytest.raises(FileNotFoundError):
        model.save_weights(tmp_path / "none" / "w")
    for path in (0, None, 1.5, ["w"]):
        with pytest.raises(ConfigurationError, match="filepath as a path"):
            model.load_weights(path)
        with pytest.raises(ConfigurationError, match="filepath as a path"):
            model.save_weights(path)
    assert bits(model) == before
    assert os.listdir(tmp_path) == []
