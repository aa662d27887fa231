"""Data sets: where they are looked for, what is refused, and what the real files hold.

No test downloads anything: scikit-learn's fetchers are replaced. The tests on real data run only
where ``ANNLIB_DATA_HOME`` holds the files.
"""

import importlib
import os
import re
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from annlib.core.errors import AnnlibError, ConfigurationError, DataError
from annlib.datasets import (
    DatasetNotFoundError,
    california_housing,
    fashion_mnist,
    mnist,
    store,
)

N_TRAIN, N_TEST = 6, 2
MODULES = [mnist, fashion_mnist, california_housing]


class FakeBunch:
    """What scikit-learn's fetchers return, as far as annlib reads it."""

    def __init__(self, data: Any, target: Any) -> None:
        self.data = data
        self.target = target


class Fetcher:
    """A replacement for one of scikit-learn's fetchers that counts its calls."""

    def __init__(self, answer: FakeBunch | Exception) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> FakeBunch:
        self.calls.append((args, kwargs))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def tiny_images(mark: int = 0) -> dict[str, Any]:
    x = np.arange((N_TRAIN + N_TEST) * 784).astype(np.uint8).reshape(-1, 28, 28)
    x[:, 0, 0] = mark
    y = np.arange(N_TRAIN + N_TEST, dtype=np.uint8)
    return {
        "x_train": x[:N_TRAIN],
        "y_train": y[:N_TRAIN],
        "x_test": x[N_TRAIN:],
        "y_test": y[N_TRAIN:],
    }


def housing(dtype: Any = np.float32) -> dict[str, Any]:
    """20,640 rows that each hold their own number."""
    y = np.arange(20640, dtype=dtype)
    return {"X": np.repeat(y[:, None], 8, axis=1), "y": y}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(folder))
    return folder


@pytest.fixture
def real_folders() -> None:
    """Keep `cache` from replacing the folders and the sizes."""


@pytest.fixture(autouse=True)
def cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """An empty cache folder, and tiny images, for every test but those on the real files."""
    folder = tmp_path / "cache"
    if "real_folders" not in request.fixturenames:
        monkeypatch.delenv("ANNLIB_DATA_HOME", raising=False)
        monkeypatch.setattr(store, "cache_folder", lambda: folder)
        for module in (mnist, fashion_mnist):
            tiny = store.image_dataset(
                module._DATASET.name,
                {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST"}[module._DATASET.name],
                N_TRAIN,
                N_TEST,
            )
            monkeypatch.setattr(module, "_DATASET", tiny)
        other_rows = california_housing._DATASET._replace(digest=None)
        monkeypatch.setattr(california_housing, "_DATASET", other_rows)
    yield folder
    leftovers = folder.glob(".*") if folder.is_dir() else []
    assert not list(leftovers), "a temporary file was left in the cache folder"


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch) -> Fetcher:
    datasets = pytest.importorskip("sklearn.datasets")
    images = tiny_images(mark=3)
    x = np.concatenate([images["x_train"], images["x_test"]]).reshape(-1, 784).astype(np.float64)
    y = np.array([str(i) for i in range(N_TRAIN + N_TEST)], dtype=object)
    fetcher = Fetcher(FakeBunch(x, y))
    monkeypatch.setattr(datasets, "fetch_openml", fetcher)
    return fetcher


@pytest.fixture
def statlib(monkeypatch: pytest.MonkeyPatch) -> Fetcher:
    datasets = pytest.importorskip("sklearn.datasets")
    arrays = housing(np.float64)
    fetcher = Fetcher(FakeBunch(arrays["X"], arrays["y"]))
    monkeypatch.setattr(datasets, "fetch_california_housing", fetcher)
    return fetcher


# Finding


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_images_are_read_from_the_data_home(home: Path, module: Any) -> None:
    images = tiny_images()
    np.savez(home / module._DATASET.file_name, **images, class_names=np.array(["extra"]))
    (x_train, y_train), (x_test, y_test) = module.load_data()
    for got, key in zip((x_train, y_train, x_test, y_test), images, strict=True):
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, images[key])
        assert got.flags.writeable


def test_data_home_comes_before_the_cache_and_the_cache_before_a_download(
    home: Path, cache: Path, openml: Fetcher
) -> None:
    def mark() -> int:
        return int(mnist.load_data()[0][0][0, 0, 0])

    store.write(home / "mnist.npz", tiny_images(mark=1))
    store.write(cache / "mnist.npz", tiny_images(mark=2))
    assert mark() == 1
    (home / "mnist.npz").unlink()
    assert mark() == 2
    assert not openml.calls
    (cache / "mnist.npz").unlink()
    assert mark() == 3
    assert len(openml.calls) == 1


@pytest.mark.parametrize("module", MODULES)
def test_is_available_says_whether_a_file_is_there(home: Path, cache: Path, module: Any) -> None:
    name = module._DATASET.file_name
    assert module.is_available() is False
    (home / name).mkdir()
    assert module.is_available() is False, "a folder is no file"
    store.write(cache / name, {"a": np.zeros(1)})
    assert module.is_available() is True


def test_a_data_home_that_does_not_exist_is_passed_over(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(tmp_path / "nowhere"))
    store.write(cache / "mnist.npz", tiny_images())
    assert len(mnist.load_data()[0][0]) == N_TRAIN


def test_data_home_may_start_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNLIB_DATA_HOME", os.path.join("~", "data"))
    assert store.data_home() == Path.home() / "data"
    monkeypatch.setenv("ANNLIB_DATA_HOME", "")
    assert store.data_home() is None


@pytest.mark.usefixtures("real_folders")
@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, Path(".cache", "annlib")),
        ("linux", {"XDG_CACHE_HOME": "relative"}, Path(".cache", "annlib")),
        ("linux", {"XDG_CACHE_HOME": os.path.abspath("x")}, Path(os.path.abspath("x"), "annlib")),
        ("darwin", {}, Path("Library", "Caches", "annlib")),
        ("win32", {}, Path("AppData", "Local", "annlib", "Cache")),
        ("win32", {"LOCALAPPDATA": os.path.abspath("x")}, Path("x", "annlib", "Cache").absolute()),
    ],
)
def test_cache_folder_follows_the_platform(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: Path
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = Path.home() / expected
    monkeypatch.setattr(sys, "platform", platform)
    assert store.cache_folder() == expected


# Downloading


@pytest.mark.parametrize(
    ("module", "name"), [(mnist, "mnist_784"), (fashion_mnist, "Fashion-MNIST")]
)
def test_download_is_split_and_kept(cache: Path, openml: Fetcher, module: Any, name: str) -> None:
    expected = tiny_images(mark=3)
    for _ in range(2):
        (x_train, y_train), (x_test, y_test) = module.load_data()
        for got, key in zip((x_train, y_train, x_test, y_test), expected, strict=True):
            assert got.dtype == np.uint8
            np.testing.assert_array_equal(got, expected[key])
    assert [file.name for file in cache.iterdir()] == [module._DATASET.file_name]
    ((args, options),) = openml.calls
    assert args == (name,)
    assert options["version"] == 1
    assert options["as_frame"] is False


@pytest.mark.parametrize(("installed", "parser"), [(True, "pandas"), (False, "liac-arff")])
def test_download_does_not_need_pandas(
    openml: Fetcher, monkeypatch: pytest.MonkeyPatch, installed: bool, parser: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
    mnist.load_data()
    assert openml.calls[0][1]["parser"] == parser


def test_housing_download_is_kept_as_float32(cache: Path, statlib: Fetcher) -> None:
    first = california_housing.load_data()
    second = california_housing.load_data()
    assert len(statlib.calls) == 1
    for a, b in zip(first[0] + first[1], second[0] + second[1], strict=True):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_array_equal(a, b)


def test_a_download_that_cannot_be_kept_is_still_returned(cache: Path, openml: Fetcher) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=r"mnist\.load_data: the download could not be kept") as w:
        (x_train, _), _ = mnist.load_data()
    assert len(x_train) == N_TRAIN
    assert w[0].filename == __file__


def test_an_interrupted_write_leaves_the_old_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(cache / "mnist.npz", tiny_images(mark=1))

    def interrupted(path: Path, **arrays: Any) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write(cache / "mnist.npz", tiny_images(mark=2))
    assert mnist.load_data()[0][0][0, 0, 0] == 1


def test_a_download_of_another_size_is_refused(cache: Path, openml: Fetcher) -> None:
    openml.answer = FakeBunch(np.zeros((3, 784)), np.zeros(3))
    with pytest.raises(DataError, match=r"x_train: uint8 \(3, 28, 28\) instead of uint8 \(6, 28"):
        mnist.load_data()
    assert not cache.exists()


# Not found


@pytest.mark.parametrize("set_home", [True, False])
def test_without_a_network_the_error_says_what_to_do(
    cache: Path, tmp_path: Path, openml: Fetcher, monkeypatch: pytest.MonkeyPatch, set_home: bool
) -> None:
    if set_home:
        monkeypatch.setenv("ANNLIB_DATA_HOME", str(tmp_path))
    openml.answer = URLError("no route to host")
    with pytest.raises(DatasetNotFoundError) as caught:
        mnist.load_data()
    message = str(caught.value)
    assert message.startswith("annlib.datasets.mnist.load_data: expected mnist.npz in ")
    assert (f"{tmp_path} (ANNLIB_DATA_HOME)" if set_home else "(not set)") in message
    assert str(cache) in message
    assert "URLError: <urlopen error no route to host>" in message
    assert "x_train uint8 (6, 28, 28)" in message
    assert "sklearn.datasets.load_digits()" in message
    assert isinstance(caught.value.__cause__, URLError)
    assert not cache.exists()


def test_housing_error_suggests_a_regression(statlib: Fetcher) -> None:
    statlib.answer = URLError("no route to host")
    with pytest.raises(DatasetNotFoundError, match=r"sklearn\.datasets\.load_diabetes\(\)"):
        california_housing.load_data()


def test_not_found_is_caught_by_every_name_it_has() -> None:
    for base in (DataError, AnnlibError, ValueError, FileNotFoundError, OSError):
        assert issubclass(DatasetNotFoundError, base)


def test_without_scikit_learn_the_error_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    for module in MODULES:
        with pytest.raises(DatasetNotFoundError, match="ModuleNotFoundError"):
            module.load_data()


def test_warnings_of_a_failing_download_do_not_hide_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    datasets = pytest.importorskip("sklearn.datasets")

    def retries(*args: Any, **kwargs: Any) -> None:
        warnings.warn("Retrying...", stacklevel=1)
        raise URLError("down")

    monkeypatch.setattr(datasets, "fetch_openml", retries)
    with pytest.raises(DatasetNotFoundError, match="down"):
        mnist.load_data()


# Other data than the published


def with_digest(monkeypatch: pytest.MonkeyPatch, module: Any, arrays: dict[str, Any]) -> None:
    known = store.digest(arrays, module._DATASET.layouts)
    monkeypatch.setattr(module, "_DATASET", module._DATASET._replace(digest=known))


def test_a_download_of_other_data_is_refused_and_not_kept(
    cache: Path, openml: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_digest(monkeypatch, mnist, tiny_images(mark=4))
    with pytest.raises(DataError, match=r"published data, of SHA-256 [0-9a-f]{64}, .* got others"):
        mnist.load_data()
    assert not cache.exists()
    with_digest(monkeypatch, mnist, tiny_images(mark=3))
    mnist.load_data()
    assert (cache / "mnist.npz").is_file()


def test_a_file_of_other_data_is_told_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_digest(monkeypatch, mnist, tiny_images(mark=4))
    np.savez(home / "mnist.npz", **tiny_images(mark=5))
    with pytest.warns(UserWarning, match="published data, of SHA-256 .*, got others in") as caught:
        assert mnist.load_data()[0][0][0, 0, 0] == 5
    assert caught[0].filename == __file__
    np.savez(home / "mnist.npz", **tiny_images(mark=4))
    mnist.load_data()  # without a word


def test_the_digest_is_of_the_numbers_and_not_of_how_they_lie(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_digest(monkeypatch, california_housing, housing())
    arrays = housing(np.float64)
    arrays["X"] = np.asfortranarray(arrays["X"].astype(">f8"))
    np.savez(home / "california_housing.npz", **arrays)
    california_housing.load_data()
    for key, place in (("X", (3, 2)), ("y", 7)):
        changed = housing()
        changed[key][place] += 1
        np.savez(home / "california_housing.npz", **changed)
        with pytest.warns(UserWarning, match="got others"):
            california_housing.load_data()


# Damaged files


def refused(path: Path, module: Any = mnist) -> str:
    """Load, and return the message of the error, which must name the file."""
    with pytest.raises(DataError) as caught:
        module.load_data()
    assert not isinstance(caught.value, DatasetNotFoundError)
    message = str(caught.value)
    assert message.startswith(f"annlib.datasets.{path.stem}.load_data: expected {path} to hold ")
    return message


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused(home: Path, content: bytes) -> None:
    (home / "mnist.npz").write_bytes(content)
    message = refused(home / "mnist.npz")
    assert "not a whole .npz archive" in message
    assert "allow_pickle" not in message


def test_a_truncated_file_is_refused_even_if_the_cache_has_a_good_one(
    home: Path, cache: Path
) -> None:
    store.write(cache / "mnist.npz", tiny_images())
    path = home / "mnist.npz"
    store.write(path, tiny_images())
    path.write_bytes(path.read_bytes()[:-100])
    refused(path)


def test_a_flipped_bit_is_noticed(home: Path) -> None:
    path = home / "mnist.npz"
    np.savez(path, **tiny_images())
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    assert "CRC" in refused(path)


def test_a_single_array_is_refused(home: Path) -> None:
    with open(home / "mnist.npz", "wb") as file:
        np.save(file, np.zeros(3))
    refused(home / "mnist.npz")


def test_missing_keys_are_named(home: Path) -> None:
    images = tiny_images()
    del images["y_test"]
    np.savez(home / "mnist.npz", **images)
    message = refused(home / "mnist.npz")
    assert "y_test: no such array; keys: x_train, y_train, x_test" in message


def test_the_file_of_keras_is_not_taken_for_that_of_scikit_learn(home: Path) -> None:
    """Keras' file has the keys x and y, and its prices are in dollars."""
    arrays = housing()
    np.savez(home / "california_housing.npz", x=arrays["X"], y=arrays["y"])
    message = refused(home / "california_housing.npz", california_housing)
    assert "X: no such array; keys: x, y" in message


def npy(shape: str, data: bytes = b"", header: int | None = None) -> bytes:
    """A .npy file of uint8 that declares this shape, and this length of its header."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\x00" + (header or len(text)).to_bytes(4, "little") + text + data


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: npy("(1900000000,)") + bytes(200_000_000),  # zeros: 200 kB in the archive
        lambda: npy("(6, 28, 28)") + bytes(200_000_000),
        lambda: npy("(10**12,)".replace("10**12", str(10**12))),
        lambda: npy("(6, 28, 28)", header=2**31) + b" " * 200_000_000,
        lambda: npy("(" + "1," * 5_000_000 + ")"),
    ],
)
def test_a_small_file_is_never_a_large_array(home: Path, bomb: Callable[[], bytes]) -> None:
    """What an archive declares is read before anything else of it."""
    path = home / "mnist.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bomb())
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_pipe_is_no_file_and_not_waited_for(
    home: Path, openml: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(home / "mnist.npz")
    assert not mnist.is_available()
    mnist.load_data()
    assert len(openml.calls) == 1
    monkeypatch.setattr(os.path, "isfile", lambda path: True)  # it was one a moment ago
    assert "a device, pipe or socket" in refused(home / "mnist.npz")


class Intruder:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle from a data file was executed",))


def test_pickles_are_refused(home: Path) -> None:
    images = tiny_images()
    images["y_test"] = np.array([Intruder()] * N_TEST, dtype=object)
    np.savez(home / "mnist.npz", **images)
    assert "Object arrays cannot be loaded" in refused(home / "mnist.npz")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("x_train", np.zeros((5, 28, 28), np.uint8), "uint8 (5, 28, 28) instead of"),
        ("x_train", np.zeros((6, 784), np.uint8), "uint8 (6, 784) instead of uint8 (6, 28, 28)"),
        ("x_test", np.zeros((2, 28, 28)), "float64 (2, 28, 28) instead of uint8"),
        ("y_test", np.zeros((2, 1), np.uint8), "uint8 (2, 1) instead of uint8 (2,)"),
        ("y_train", np.full(6, 10, np.uint8), "label 10 where 9 is the largest"),
    ],
)
def test_images_of_another_kind_are_refused(home: Path, key: str, value: Any, fault: str) -> None:
    images = tiny_images()
    images[key] = value
    np.savez(home / "mnist.npz", **images)
    assert f"{key}: {fault}" in refused(home / "mnist.npz")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_housing_must_be_finite(home: Path, bad: float) -> None:
    arrays = housing()
    arrays["X"][7, 3] = bad
    np.savez(home / "california_housing.npz", **arrays)
    message = refused(home / "california_housing.npz", california_housing)
    assert "X: NaN or infinite values" in message


# The split of California housing


@pytest.mark.parametrize("test_split", [0.2, 0.5, 0.123])
@pytest.mark.parametrize("seed", [113, 0])
def test_housing_is_split_as_keras_splits_it(home: Path, test_split: float, seed: int) -> None:
    np.savez(home / "california_housing.npz", **housing())
    train, test = california_housing.load_data(test_split=test_split, seed=seed)
    order = np.arange(20640)
    np.random.RandomState(seed).shuffle(order)
    n_train = int(20640 * (1 - test_split))
    np.testing.assert_array_equal(train[1], order[:n_train])
    np.testing.assert_array_equal(test[1], order[n_train:])
    for x, y in (train, test):
        np.testing.assert_array_equal(x, np.repeat(y[:, None], 8, axis=1))
        assert x.dtype == y.dtype == np.float32


def test_housing_of_double_precision_becomes_float32(home: Path) -> None:
    np.savez(home / "california_housing.npz", **housing(np.float64))
    (x_train, y_train), _ = california_housing.load_data()
    assert x_train.dtype == y_train.dtype == np.float32


@pytest.mark.parametrize("test_split", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_housing_refuses_a_split_that_leaves_nothing(test_split: float) -> None:
    message = re.escape(f"expected test_split between 0 and 1 (both exclusive), got {test_split}")
    with pytest.raises(ConfigurationError, match=message):
        california_housing.load_data(test_split=test_split)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_housing_refuses_a_seed_out_of_range(seed: int) -> None:
    with pytest.raises(ConfigurationError, match="expected seed from 0"):
        california_housing.load_data(seed=seed)


def test_the_global_generator_is_not_touched(home: Path) -> None:
    np.savez(home / "california_housing.npz", **housing())
    before = np.random.get_state(legacy=False)
    california_housing.load_data()
    after = np.random.get_state(legacy=False)
    np.testing.assert_equal(after, before)


# Importing


def test_importing_loads_numpy_only() -> None:
    code = (
        "import sys, annlib.datasets;"
        "print([m for m in ('sklearn', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(store.__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


# The real files


def needs(module: Any) -> pytest.MarkDecorator:
    name = module._DATASET.file_name
    folder = store.data_home()
    return pytest.mark.skipif(
        folder is None or not (folder / name).is_file(),
        reason=f"no {name} in the folder ANNLIB_DATA_HOME",
    )


@pytest.mark.usefixtures("real_folders")
@needs(mnist)
def test_real_mnist() -> None:
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_train).tolist() == counts
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert x_train.mean() == pytest.approx(0.1307 * 255, abs=0.02)


@pytest.mark.usefixtures("real_folders")
@needs(fashion_mnist)
def test_real_fashion_mnist() -> None:
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert fashion_mnist.CLASS_NAMES[y_train[0]] == "Ankle boot"
    assert x_train.mean() == pytest.approx(0.2860 * 255, abs=0.02)
    assert x_test.dtype == np.uint8


@pytest.mark.usefixtures("real_folders")
@needs(california_housing)
def test_real_california_housing() -> None:
    (x_train, y_train), (x_test, y_test) = california_housing.load_data()
    assert (x_train.shape, x_test.shape) == ((16512, 8), (4128, 8))
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    column = dict(zip(california_housing.FEATURE_NAMES, x.T, strict=True))
    # The first row of scikit-learn's table, wherever it was shuffled to.
    row = [8.3252, 41, 6.98412698, 1.02380952, 322, 2.55555556, 37.88, -122.23]
    (first,) = np.flatnonzero(np.isclose(x, row, rtol=1e-5).all(axis=1))
    assert y[first] == pytest.approx(4.526)
    assert column["MedInc"].mean() == pytest.approx(3.8707, abs=1e-3)
    assert column["Latitude"].min() > 32 and column["Latitude"].max() < 42
    assert column["Longitude"].min() > -125 and column["Longitude"].max() < -114
    assert y.min() == pytest.approx(0.14999) and y.max() == pytest.approx(5.00001)


@pytest.mark.usefixtures("real_folders")
@needs(california_housing)
def test_real_file_names_its_columns_in_the_same_order() -> None:
    folder = store.data_home()
    assert folder is not None
    with np.load(folder / "california_housing.npz", allow_pickle=False) as file:
        if "feature_names" in file.files:
            assert tuple(file["feature_names"]) == california_housing.FEATURE_NAMES
