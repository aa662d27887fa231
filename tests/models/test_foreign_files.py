"""Names that promise another program's format, and files of other programs."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
import zlib

import numpy as np
import pytest
import safetensors.numpy

import annlib
from annlib import MLPClassifier, Sequential, layers, load_model, models
from annlib.callbacks import BackupAndRestore, ModelCheckpoint
from annlib.core.errors import ConfigurationError, ModelFormatError
from annlib.core.foreign import FORMATS

X, Y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2


@pytest.fixture
def model():
    model = Sequential([layers.Input((3,)), layers.Dense(2, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def estimator():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPClassifier(max_iter=1, random_state=0).fit(X, Y)


REFUSED = [suffix for form in FORMATS if not form.of_keras for suffix in form.suffixes]
KERAS = [suffix for form in FORMATS if form.of_keras for suffix in form.suffixes]


@pytest.mark.parametrize("suffix", [*REFUSED, ".PNG"])
def test_names_of_other_formats_are_refused_with_nothing_written(
    suffix, model, estimator, tmp_path
):
    path = tmp_path / f"net{suffix}"
    for save in (
        model.save,
        model.save_weights,
        lambda path: models.save_model(model, path),
        estimator.save,
        ModelCheckpoint,
        lambda path: ModelCheckpoint(path, save_weights_only=True),
        BackupAndRestore,
    ):
        with pytest.raises(ConfigurationError, match=r"expected a name of annlib's format") as said:
            save(path)
        assert '"net.safetensors"' in str(said.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("m.onnx", "annlib.export.onnx(model, path)"),
        ("m.pt", "annlib.export.to_torch(model)"),
        ("m.pth", "annlib.export.to_torch(model)"),
        ("m.png", "annlib.plot_model(model, to_file=path)"),
        ("m.json", "model.to_json()"),
        ("m.pkl", "pickle.dump(model, file)"),
        ("m.joblib", "joblib.dump(model, path)"),
        ("m.npz", "model.get_weights()"),
        ("m.c", 'annlib.export.source(model, path, language="c")'),
        ("best-{epoch:02d}.onnx", "annlib.export.onnx(model, path)"),
    ],
)
def test_the_error_names_the_function_that_writes_it(name, way, model, tmp_path):
    for save in (model.save, ModelCheckpoint):
        with pytest.raises(ConfigurationError) as said:
            save(tmp_path / name)
        assert way in str(said.value)


def test_an_estimator_has_its_own_words(estimator, tmp_path):
    with pytest.raises(ConfigurationError, match=r"annlib\.export\.onnx\(estimator, path\)"):
        estimator.save(tmp_path / "m.onnx")
    with pytest.warns(UserWarning, match="annlib's format") as told:
        estimator.save(tmp_path / "m.keras")
    assert [one.filename for one in told] == [__file__]


@pytest.mark.parametrize("name", [f"m{suffix}" for suffix in KERAS] + ["m.weights.h5"])
def test_names_of_keras_go_on_working_with_one_warning(name, model, tmp_path):
    words = r"written in annlib's format.*Keras does not.*to_keras\(model\)\.{}\(path\)"
    with pytest.warns(UserWarning, match=words.format("save")) as told:
        model.save(tmp_path / name)
    assert [one.filename for one in told] == [__file__]
    assert (load_model(tmp_path / name).predict(X) == model.predict(X)).all()
    with pytest.warns(UserWarning, match=words.format("save_weights")) as told:
        model.save_weights(tmp_path / name)
    assert [one.filename for one in told] == [__file__]
    model.load_weights(tmp_path / name)


def test_a_checkpoint_warns_when_it_is_made_and_never_again(model, tmp_path):
    with pytest.warns(UserWarning, match="ModelCheckpoint: .*annlib's format") as told:
        callback = ModelCheckpoint(tmp_path / "m-{epoch}.keras")
    assert [one.filename for one in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        callback.verbose = 0
        assert callback.clone().filepath == callback.filepath
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m-1.keras", "m-2.keras"]


def test_names_of_annlib_and_none_at_all_say_nothing(model, tmp_path):
    for name in ("m.safetensors", "m.annlib", "m", "m.v2", "keras", ".keras.d"):
        model.save(tmp_path / name)
    model.save(io.BytesIO())


class Payload:
    def __reduce__(self):
        raise AssertionError("it was run")


def zip_of(name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr(name, b"\x80\x02.")
    return data.getvalue()


def npz():
    data = io.BytesIO()
    np.savez(data, a=np.ones(3))
    return data.getvalue()


FILES = {
    "keras": (zip_of("metadata.json"), "Keras' format", "from_keras(path)"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5", "from_keras(path)"),
    "torch": (zip_of("net/data.pkl"), "PyTorch's format", "from_torch"),
    "old torch": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9j\xa8P\x19.", "PyTorch's format", "from_torch"),
    "pickle": (pickle.dumps({"a": [1, 2, 3]}), "a pickle", "runs what is in it"),
    "old pickle": (pickle.dumps({"a": [1, 2, 3]}, 2), "a pickle", "runs what is in it"),
    "joblib": (zlib.compress(pickle.dumps([1])), "a compressed file", "joblib"),
    "onnx": (b"\x08\x08\x12\x07pytorch" + bytes(64), "ONNX", "from_torch"),
    "npz": (npz(), "NumPy's format", "set_weights"),
    "zip": (zip_of("notes.txt"), "a zip archive", "out of it"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(64), "a picture", "no network"),
    "json": (b'{"class_name": "Sequential"}', "a text", "model_from_json"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(64), "TensorFlow's format", "from_keras"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_other_programs_are_recognized_and_never_run(kind, model, tmp_path):
    data, what, way = FILES[kind]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    reads = [load_model, annlib.load_estimator]
    if kind not in ("keras", "hdf5"):  # which it would read
        reads.append(model.load_weights)
    for read in reads:
        with pytest.raises(ModelFormatError) as said:
            read(path)
        assert f"got {what}" in str(said.value)
        assert way in str(said.value)
    with pytest.raises(ModelFormatError, match=f"got {what}"):
        load_model(io.BytesIO(data))


def test_safetensors_of_another_program_are_told_apart(tmp_path):
    path = tmp_path / "w.safetensors"
    safetensors.numpy.save_file({"a": np.ones(3)}, path, metadata={"format": "pt"})
    with pytest.raises(ModelFormatError, match=r"of another program.*load_file\(path\)"):
        load_model(path)


def test_the_length_of_a_header_is_not_taken_for_a_pickle(tmp_path):
    """A safetensors file begins with a length, whose bytes may be those of any format."""
    for length in (0x280, 0x480, 0x1208, 0x9C78):
        text = json.dumps({"__metadata__": {"a": ""}}).ljust(length).encode()
        path = tmp_path / "m.safetensors"
        path.write_bytes(length.to_bytes(8, "little") + text)
        for cut in (None, 100):
            path.write_bytes(path.read_bytes()[:cut])
            with pytest.raises(ModelFormatError, match="file header"):
                load_model(path)


def test_files_of_another_kind_say_what_to_do(model, estimator, tmp_path):
    weights, whole, fitted = (tmp_path / name for name in ("weights", "whole", "fitted"))
    model.save_weights(weights)
    model.save(whole)
    estimator.save(fitted)
    model.load_weights(whole)
    for read, path, way in (
        (load_model, weights, "model.load_weights(path)"),
        (load_model, fitted, "annlib.load_estimator(path)"),
        (model.load_weights, fitted, "annlib.load_estimator(path)"),
        (annlib.load_estimator, whole, "annlib.load_model(path)"),
    ):
        with pytest.raises(ModelFormatError) as said:
            read(path)
        assert way in str(said.value)
