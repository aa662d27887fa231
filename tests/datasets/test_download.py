"""get_file finds, fetches, checks and keeps; what Keras' own files hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from annlib import ConfigurationError, DataError
from annlib.datasets import DatasetNotFoundError, boston_housing
from annlib.utils import get_file

CONTENT = b"a,b\n1,2\n"
SHA, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """The folder of the environment, the cache and Keras', none of which is there."""
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    return tmp_path / "home", tmp_path / "cache", tmp_path / "user" / ".keras" / "datasets"


@pytest.fixture
def origin(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "t.csv").write_bytes(CONTENT)
    return (tmp_path / "far" / "t.csv").as_uri()


@pytest.mark.parametrize("digest", [{"file_hash": SHA}, {"md5_hash": MD5}, {"file_hash": MD5}])
def test_it_is_fetched_once_and_kept(origin, digest, tmp_path):
    path = get_file(origin=origin, **digest)
    assert Path(path).name == "t.csv" and Path(path).read_bytes() == CONTENT
    (tmp_path / "far" / "t.csv").unlink()
    assert get_file("t.csv", origin, **digest) == path
    with pytest.raises(DatasetNotFoundError, match=r"get_file: expected t\.csv in .* URLError"):
        get_file("t.csv", origin, force_download=True, **digest)
    assert Path(path).read_bytes() == CONTENT


@pytest.mark.parametrize("place", [0, 2])
def test_it_is_found_where_it_lies(folders, place, origin):
    folders[place].mkdir(parents=True)
    (folders[place] / "t.csv").write_bytes(CONTENT)
    assert get_file("t.csv", origin, file_hash=SHA) == str(folders[place] / "t.csv")
    assert not folders[1].exists()
    with pytest.raises(DataError, match=r"expected the sha256 0+, got .* Remove it, or force"):
        get_file("t.csv", origin, file_hash="0" * 64)
    own = get_file("t.csv", origin, file_hash=SHA, cache_dir=folders[0].parent / "own")
    assert own == str(folders[0].parent / "own" / "datasets" / "t.csv")


def test_what_has_another_digest_is_not_kept(origin, folders):
    with pytest.raises(DataError, match="It was not kept"):
        get_file("t.csv", origin, file_hash="0" * 64)
    assert not any(folder.exists() for folder in folders)


def test_without_a_digest_a_warning_names_it(origin):
    with pytest.warns(UserWarning, match=f'expected file_hash, got none.*file_hash="{SHA}"'):
        get_file("t.csv", origin)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"fname": "t.csv", "extract": True}, "shutil.unpack_archive"),
        ({"fname": "t.csv", "untar": True}, "shutil.unpack_archive"),
        ({"fname": "../t.csv"}, "without folders"),
        ({"fname": "/etc/t.csv"}, "without folders"),
        ({"fname": ".."}, "without folders"),
        ({}, "without folders"),
        ({"origin": "ftp://example.org/t.csv"}, "https, http or file"),
        ({"fname": "t.csv", "file_hash": "12"}, "64 hexadecimal digits"),
        ({"fname": "t.csv", "md5_hash": SHA}, "32 hexadecimal digits"),
        ({"fname": "t.csv", "hash_algorithm": "crc"}, "hash_algorithm one of"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments, says, folders):
    with pytest.raises(ConfigurationError, match=says):
        get_file(**arguments)
    assert not any(folder.exists() for folder in folders)


def test_a_file_without_an_address_must_be_there():
    with pytest.raises(DatasetNotFoundError, match="pass its origin"):
        get_file("t.csv")


def test_boston_housing_is_split_as_keras_splits_it(folders, monkeypatch):
    """The order of Keras is NumPy's older generator's, and the last rows are the test set."""
    assert not boston_housing.is_available()
    folders[2].mkdir(parents=True)
    file = folders[2] / "boston_housing.npz"
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    np.savez(file, x=x, y=y)
    assert boston_housing.is_available()
    with pytest.raises(DataError, match="f553886a1f8d"):  # it is not the published file
        boston_housing.load_data()
    monkeypatch.setattr(boston_housing, "_PUBLISHED", hashlib.sha256(file.read_bytes()).hexdigest())
    (x_train, y_train), (x_test, y_test) = boston_housing.load_data(test_split=0.25, seed=5)
    order = np.arange(10)
    np.random.RandomState(5).shuffle(order)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y[order])
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x[order])
    assert (len(x_train), len(x_test)) == (7, 3)
    for wrong in ({"test_split": 1}, {"test_split": -0.1}, {"seed": -1}):
        with pytest.raises(ConfigurationError):
            boston_housing.load_data(**wrong)
    np.savez(file, z=x)
    monkeypatch.setattr(boston_housing, "_PUBLISHED", hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(DataError, match="expected arrays x and y"):
        boston_housing.load_data()
