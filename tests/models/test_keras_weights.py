"""load_weights reads the files that Keras writes, with h5py and without Keras."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from golden import recorded

import annlib
from annlib import Sequential, layers
from annlib.core.errors import ModelFormatError

RECORD = recorded("interchange")["files"]
FILES = Path(__file__).parents[1] / "golden" / "keras_files"
NAMES = ["model.weights.h5", "model.h5", "model.keras"]


def made(units=4, **keywords):
    return Sequential(
        [
            layers.Input((3,)),
            layers.Normalization(),
            layers.Dense(units, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2, "softmax"),
        ],
        **keywords,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("opened", [False, True])
def test_weights_and_predictions_are_keras(name, opened):
    model = made()
    path = FILES / name
    model.load_weights(io.BytesIO(path.read_bytes()) if opened else path)
    weights = model._network.as_listed(RECORD["weights"])
    for own, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(own, np.array(theirs, np.float32))
    predicted = model.predict(np.array(RECORD["x"]))
    np.testing.assert_allclose(predicted, RECORD["predicted"], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_another_model_is_refused_and_stays_as_it_is(name):
    for model in (
        made(units=5),
        Sequential([layers.Input((3,)), layers.Dense(4)]),
        Sequential([layers.Input((3,)), layers.Normalization(), layers.Dense(4), layers.Dense(2)]),
    ):
        before = model.get_weights()
        with pytest.raises(ModelFormatError, match=r"Sequential.load_weights.*expected"):
            model.load_weights(FILES / name)
        for own, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(own, then)


def test_layers_of_other_shapes_may_be_skipped():
    model = made(units=5)
    with pytest.warns(UserWarning, match="other shapes"):
        model.load_weights(FILES / "model.weights.h5", skip_mismatch=True)
    mean = np.array(RECORD["weights"][0], np.float32)
    np.testing.assert_array_equal(model.layers[0].adapt_mean, mean)


def test_models_in_a_model_are_found_by_the_names_of_their_layers():
    first, second = RECORD["names"]
    model = Sequential(
        [layers.Input((3,)), layers.Dense(4, name=first), layers.Dense(2, name=second)]
    )
    model.load_weights(FILES / "nested.weights.h5")
    for own, theirs in zip(model.get_weights(), RECORD["nested"], strict=True):
        np.testing.assert_array_equal(own, np.array(theirs, np.float32))
    other = Sequential([layers.Input((3,)), layers.Dense(4), layers.Dense(2, name="b")])
    with pytest.raises(ModelFormatError, match="expected the weights of the model's layers"):
        other.load_weights(FILES / "nested.weights.h5")


def test_damaged_files_are_refused(tmp_path):
    for name in NAMES:
        whole = (FILES / name).read_bytes()
        for length in (9, 100, len(whole) // 2):
            (tmp_path / name).write_bytes(whole[:length])
            with pytest.raises(ModelFormatError):
                made().load_weights(tmp_path / name)


def rewritten(tmp_path, change):
    path = tmp_path / "m.weights.h5"
    path.write_bytes((FILES / "model.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


KERNEL = "layers/dense/vars/0"


def test_nothing_is_followed_to_another_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones((3, 4), "<f4").tobytes())
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["kernel"] = np.ones((3, 4), "f4")

    def outside(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 4), "f4", external=[(str(secret), 0, 48)])

    def linked(file):
        del file[KERNEL]
        file[KERNEL] = h5py.ExternalLink(str(other), "kernel")

    def virtual(file):
        del file[KERNEL]
        layout = h5py.VirtualLayout((3, 4), "f4")
        layout[:] = h5py.VirtualSource(str(other), "kernel", (3, 4))
        file.create_virtual_dataset(KERNEL, layout)

    for change in (outside, linked, virtual):
        model = made()
        before = model.get_weights()
        with pytest.raises(ModelFormatError):
            model.load_weights(rewritten(tmp_path, change))
        np.testing.assert_array_equal(model.get_weights()[2], before[2])


def test_an_array_of_many_numbers_is_not_read(tmp_path):
    def large(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (2**40, 4), "f4")

    with pytest.raises(ModelFormatError, match=r"expected shape \(3, 4\)"):
        made().load_weights(rewritten(tmp_path, large))


def test_what_grows_when_it_is_read_is_refused(tmp_path):
    def packed(file):
        del file[KERNEL]
        file.create_dataset(
            KERNEL, (3, 4), "f4", chunks=(2**14, 2**10), maxshape=(None, None), compression="gzip"
        )[()] = np.ones((3, 4))

    with pytest.raises(ModelFormatError, match="in pieces"):
        made().load_weights(rewritten(tmp_path, packed))
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model.weights.h5", bytes(10**6))
    with pytest.raises(ModelFormatError, match="compressed"):
        made().load_weights(path)


@pytest.mark.parametrize("value", [np.ones((3, 4), "i4"), np.full((3, 4), b"x"), "text"])
def test_other_than_floating_point_numbers_are_refused(tmp_path, value):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = value

    with pytest.raises(ModelFormatError, match="floating-point numbers"):
        made().load_weights(rewritten(tmp_path, change))


def test_a_zip_archive_without_weights_is_refused(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", "{}")
    with pytest.raises(ModelFormatError, match=r"model\.weights\.h5"):
        made().load_weights(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = np.ones(3)
    with pytest.raises(ModelFormatError, match="the weights of a model of Keras'"):
        made().load_weights(tmp_path / "other.h5")


def test_double_precision_takes_them_too():
    model = made(dtype="float64")
    model.load_weights(FILES / "model.weights.h5")
    assert model.get_weights()[2].dtype == np.float64


def test_load_model_says_what_the_files_are():
    for name in NAMES:
        with pytest.raises(ModelFormatError, match=r"got (Keras' format|HDF5).*from_keras\(path\)"):
            annlib.load_model(FILES / name)
