"""``predict_files``: predictions of many files, file by file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from annlib import ConfigurationError, DataError, MLPClassifier, Sequential, ShapeError, layers
from annlib.parallel import predict_files, prediction

RNG = np.random.default_rng(0)
PARTS = [RNG.normal(size=(n, 4)) for n in (30, 1, 12)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for k, rows in enumerate(PARTS):
        np.save(tmp_path / "in" / f"p{k}.npy", rows)
    return tmp_path


def model(seed: int = 0) -> Sequential:
    return Sequential([layers.Input((4,)), layers.Dense(3, activation="tanh")], seed=seed)


def test_each_file_has_its_predictions(folder, monkeypatch):
    monkeypatch.setattr(prediction, "_AT_ONCE", 7 * 4 * 8)  # bytes: seven rows at a time
    net = model()
    files = predict_files(net, folder / "in" / "*.npy", folder / "out")
    assert files == [str(folder / "out" / f"p{k}.npy") for k in range(3)]
    for path, rows in zip(files, PARTS, strict=True):
        found = np.load(path)
        assert found.dtype == np.float32 and found.flags.c_contiguous
        np.testing.assert_allclose(found, net.predict(rows), rtol=1e-6, atol=1e-7)


def test_it_goes_on_where_it_was_cut_off(folder):
    net, calls = model(), []

    class Cut:
        """A model that is killed in the second file."""

        def predict(self, x, **options):
            calls.append(len(x))
            if len(calls) == 3:
                raise KeyboardInterrupt
            return net.predict(x)

    with pytest.raises(KeyboardInterrupt):
        predict_files(Cut(), folder / "in" / "*.npy", folder / "out")
    assert os.listdir(folder / "out") == ["p0.npy"]  # whole files only, and no others
    stamp = (folder / "out" / "p0.npy").stat().st_mtime_ns
    files = predict_files(net, folder / "in" / "*.npy", folder / "out")
    assert (folder / "out" / "p0.npy").stat().st_mtime_ns == stamp
    np.testing.assert_allclose(np.load(files[2]), net.predict(PARTS[2]), rtol=1e-6)


def test_predictions_of_another_model_are_made_again_on_request(folder):
    predict_files(model(), folder / "in" / "*.npy", folder / "out")
    (path, *_) = predict_files(model(1), folder / "in" / "*.npy", folder / "out")
    np.testing.assert_allclose(np.load(path), model().predict(PARTS[0]), rtol=1e-6)
    predict_files(model(1), folder / "in" / "*.npy", folder / "out", overwrite=True)
    np.testing.assert_allclose(np.load(path), model(1).predict(PARTS[0]), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*converge")
@pytest.mark.parametrize("labels", [np.arange(2), np.array(["no", "perhaps"])])
def test_an_estimator_gives_labels(folder, labels):
    x = np.concatenate(PARTS)
    estimator = MLPClassifier((4,), max_iter=30, random_state=0)
    estimator.fit(x, labels[(x[:, 0] > 0).astype(int)])
    files = predict_files(estimator, folder / "in" / "*.npy", folder / "out")
    found = np.concatenate([np.load(path) for path in files])
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found, estimator.predict(x))


def test_columns(folder):
    net = Sequential([layers.Input((3,)), layers.Dense(1)], seed=0)
    (path, *_) = predict_files(net, folder / "in" / "*.npy", folder / "out", drop=0)
    np.testing.assert_allclose(np.load(path), net.predict(PARTS[0][:, 1:]), rtol=1e-6)


def test_what_is_wrong_is_said_before_a_file_is_written(folder):
    here, there = folder / "in" / "*.npy", folder / "out"
    for given, kind, message in (
        ((None, here, there), ConfigurationError, "a model or a fitted estimator, got None"),
        ((Sequential, here, there), ConfigurationError, "a model or a fitted estimator"),
        ((model(), folder / "x*.npy", there), DataError, "got none of the pattern"),
        ((model(), here, 3), ConfigurationError, "folder as a path"),
        ((model(), here, folder / "in"), DataError, "another folder than that of the data"),
        ((Sequential([layers.Input((5,)), layers.Dense(1)]), here, there), ShapeError, "built for"),
    ):
        with pytest.raises(kind, match=message):
            predict_files(*given)
    with pytest.raises(ConfigurationError, match="overwrite as True or False"):
        predict_files(model(), here, there, overwrite=1)
    assert not there.exists()


def test_files_of_one_name(folder):
    (folder / "more").mkdir()
    np.save(folder / "more" / "p0.npy", PARTS[0])
    paths = [folder / "in" / "p0.npy", folder / "more" / "p0.npy"]
    with pytest.raises(DataError, match=r"files of different names.*more"):
        predict_files(model(), paths, folder / "out")


@pytest.mark.parametrize("content", [b"something else", b""])
def test_a_file_that_is_no_such_predictions_stays(folder, content):
    (folder / "out").mkdir()
    target = folder / "out" / "p1.npy"
    target.write_bytes(content)
    with pytest.raises(DataError, match=r"predictions of 1 rows in .*p1\.npy.*overwrite=True"):
        predict_files(model(), folder / "in" / "*.npy", folder / "out")
    assert target.read_bytes() == content and not (folder / "out" / "p0.npy").exists()
    np.save(target, np.zeros((5, 3)))
    with pytest.raises(DataError, match=r'1 rows in .*p1\.npy", got \(5, 3\)'):
        predict_files(model(), folder / "in" / "*.npy", folder / "out")


def test_labels_that_no_file_can_hold(folder):
    class Odd:
        def predict(self, x):
            return np.array([None] * len(x))

    with pytest.raises(DataError, match="got objects"):
        predict_files(Odd(), folder / "in" / "*.npy", folder / "out")
    assert not list((folder / "out").iterdir())
