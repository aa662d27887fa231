"""Where data sets live on disk: found, checked, and kept after one download.

A file is looked for in the folder that ``ANNLIB_DATA_HOME`` names, then in the user's cache
folder. Only when both lack it is scikit-learn asked for a download. A file that is found but
damaged is an error and not a reason to look further: silently training on other data than the
user pointed at would be worse. Whether the arrays are the published ones, a SHA-256 tells.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DataError
from annlib.core.files import atomic_write, open_file
from annlib.core.tracebacks import warn_user

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATA_HOME = "ANNLIB_DATA_HOME"
# More than the header of any .npy file of plain numbers.
_LONGEST_HEADER = 10_000

Arrays: TypeAlias = dict[str, Array]
Images: TypeAlias = "NDArray[np.uint8]"
ImageSplits: TypeAlias = tuple[tuple[Images, Images], tuple[Images, Images]]


class DatasetNotFoundError(DataError, FileNotFoundError):
    """A data set that lies in neither folder and could not be downloaded.

    Examples
    --------
    >>> from annlib.utils import get_file
    >>> get_file("nobody-has-this.csv")
    Traceback (most recent call last):
        ...
    annlib.datasets.store.DatasetNotFoundError: ...
    """


class Layout(NamedTuple):
    """What one array of a data set must look like.

    Parameters
    ----------
    dtype : type
        NumPy scalar type, which may be abstract (``np.floating``).
    shape : tuple of int
        Exact shape.
    n_classes : int, optional
        For class labels: they lie in 0 ... n_classes - 1.
    """

    dtype: type[np.generic]
    shape: tuple[int, ...]
    n_classes: int | None = None

    def __str__(self) -> str:
        return f"{self.dtype.__name__} {self.shape}"

    def misfit(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str | None:
        """Say in a few words why no array of this type and shape will do, or None."""
        if not np.issubdtype(dtype, self.dtype) or shape != self.shape:
            return f"{dtype} {shape} instead of {self}"
        return None

    def fault(self, array: Array) -> str | None:
        """Say in a few words what is wrong with an array, or None."""
        if (misfit := self.misfit(array.dtype, array.shape)) is not None:
            return misfit
        if self.n_classes is not None and array.max() >= self.n_classes:
            return f"label {array.max()} where {self.n_classes - 1} is the largest"
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            return "NaN or infinite values"
        return None


class Dataset(NamedTuple):
    """One data set: its file, what the file holds, and how to get it.

    Parameters
    ----------
    name : str
        Name of the module in `annlib.datasets` and stem of the file.
    layouts : mapping of str to Layout
        The arrays of the file, by key. Other keys are ignored.
    fetch : callable
        Downloads the arrays; called only when no file is found.
    stand_in : str
        Function of ``sklearn.datasets`` that needs no network, suggested when all fails.
    digest : str, optional
        What ``digest`` makes of the published arrays.
    """

    name: str
    layouts: Mapping[str, Layout]
    fetch: Callable[[], Arrays]
    stand_in: str
    digest: str | None = None

    @property
    def file_name(self) -> str:
        return f"{self.name}.npz"

    @property
    def where(self) -> str:
        """The function that the user called, to start a message with."""
        return f"annlib.datasets.{self.name}.load_data"

    def find(self) -> Path | None:
        """The file that `load` would read, or None if it would have to download."""
        for folder in (data_home(), cache_folder()):
            if folder is not None and os.path.isfile(folder / self.file_name):
                return folder / self.file_name
        return None

    def load(self) -> Arrays:
        """Read the file, or else download the arrays and keep them in the cache folder.

        Raises
        ------
        DatasetNotFoundError
            If there is no file and no download.
        DataError
            If the file, or the download, does not hold what it should.
        """
        path = self.find()
        if path is not None:
            return self._read(path)
        arrays = self._download()
        path = cache_folder() / self.file_name
        try:
            write(path, arrays)
        except OSError as error:
            message = f"{self.where}: the download could not be kept in {path}: {error}"
            warn_user(message)
        return arrays

    def _read(self, path: Path) -> Arrays:
        try:
            file = open_file(path)
            if file is None:
                raise OSError("a device, pipe or socket")
            with file:
                keys, arrays, fault = self._unpack(file)
        # Damage shows as errors of NumPy, zipfile, zlib or the operating system.
        except Exception as error:
            raise self._damaged(path, f"{type(error).__name__}: {error}") from error
        fault = fault or self._fault(arrays)
        if fault is not None:
            raise self._damaged(path, f"{fault}; keys: {', '.join(keys) or 'none'}")
        if self.digest is not None and (found := digest(arrays, self.layouts)) != self.digest:
            warn_user(
                f"{self.where}: expected the published data, of SHA-256 {self.digest}, got others "
                f"in {path}, of {found}. Remove the file to have the data fetched, unless you mean "
                "to use it."
            )
        return arrays

    def _unpack(self, file: BinaryIO) -> tuple[list[str], Arrays, str | None]:
        """The keys of an archive, the arrays that are asked for, and the first that does not look
        as it should: that one is not read, so that no small file becomes a large array.
        """
        import zipfile

        # NumPy takes whatever is no zip archive for a pickle, and says so; it rarely is one.
        if not zipfile.is_zipfile(file):
            raise zipfile.BadZipFile("not a whole .npz archive")
        arrays: Arrays = {}
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            for key, layout in self.layouts.items():
                if key not in entries:
                    continue
                with archive.open(entries[key]) as stream:
                    misfit = layout.misfit(*_look_of(BytesIO(stream.read(_LONGEST_HEADER))))
                if misfit is not None:
                    return [*entries], arrays, f"{key}: {misfit}"
                with archive.open(entries[key]) as stream:
                    arrays[key] = np.lib.format.read_array(stream, allow_pickle=False)
        return [*entries], arrays, None

    def _download(self) -> Arrays:
        try:
            # Retries after a network error are announced as warnings; if they fail, the error
            # below says all that they say.
            with warnings.catch_warnings(action="ignore"):
                arrays = self.fetch()
        # No scikit-learn, no network, refused, cut short, not parsed: none is for the user to
        # tell apart by type, and scikit-learn documents no common base class.
        except Exception as error:
            home = data_home()
            raise DatasetNotFoundError(
                f"{self.where}: expected {self.file_name} in "
                f"{f'{DATA_HOME} (not set)' if home is None else f'{home} ({DATA_HOME})'} "
                f"or in {cache_folder()} (cache), or a download through scikit-learn, "
                f"got no file and {type(error).__name__}: {error}. "
                f"Put {self.file_name} (arrays {self._contents()}) in one of these folders, set "
                f"{DATA_HOME} to the folder that holds it, or try the data bundled with "
                f"scikit-learn: sklearn.datasets.{self.stand_in}()."
            ) from error
        fault = self._fault(arrays)
        if fault is not None:
            raise DataError(
                f"{self.where}: expected {self._contents()} from scikit-learn, got {fault}. "
                f"The published data may have changed; put {self.file_name} in the folder "
                f"{DATA_HOME} instead."
            )
        if self.digest is not None and (found := digest(arrays, self.layouts)) != self.digest:
            raise DataError(
                f"{self.where}: expected the published data, of SHA-256 {self.digest}, from "
                f"scikit-learn, got others, of {found}. If you trust them, put {self.file_name} in "
                f"the folder {DATA_HOME} instead."
            )
        return arrays

    def _fault(self, arrays: Arrays) -> str | None:
        for key, layout in self.layouts.items():
            fault = layout.fault(arrays[key]) if key in arrays else "no such array"
            if fault is not None:
                return f"{key}: {fault}"
        return None

    def _damaged(self, path: Path, fault: str) -> DataError:
        return DataError(
            f"{self.where}: expected {path} to hold {self._contents()}, got {fault}. The file "
            "is damaged or another one of that name; replace it, or remove it to have the data "
            "fetched again."
        )

    def _contents(self) -> str:
        return ", ".join(f"{key} {layout}" for key, layout in self.layouts.items())


def digest(arrays: Arrays, keys: Iterable[str]) -> str:
    """The SHA-256 of arrays by key: of key, type, shape and numbers, floating ones as float32."""
    import hashlib

    found = hashlib.sha256()
    for key in sorted(keys):
        array = arrays[key]
        array = np.ascontiguousarray(array, "<f4" if array.dtype.kind == "f" else array.dtype)
        found.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.data)
    return found.hexdigest()


def _look_of(stream: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of the array in a .npy file, from its header."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    return dtype, shape


def image_dataset(
    name: str,
    openml_name: str,
    n_train: int = 60_000,
    n_test: int = 10_000,
    digest: str | None = None,
) -> Dataset:
    """Describe a data set in the format of MNIST: 28 x 28 pixels, ten classes.

    Parameters
    ----------
    name : str
        Name of the data set in annlib.
    openml_name : str
        Its name at OpenML, where the training images come first.
    n_train, n_test : int
        Number of training and of test images.
    digest : str, optional
        The SHA-256 of the published arrays.
    """

    def fetch() -> Arrays:
        from importlib.util import find_spec

        # The parser of pandas is many times quicker; the other one needs no pandas.
        parser = "pandas" if find_spec("pandas") else "liac-arff"
        table = sklearn_datasets().fetch_openml(
            openml_name, version=1, as_frame=False, parser=parser
        )
        x = np.asarray(table.data).astype(np.uint8).reshape(-1, 28, 28)
        y = np.asarray(table.target).astype(np.uint8)
        return {
            "x_train": x[:n_train],
            "y_train": y[:n_train],
            "x_test": x[n_train:],
            "y_test": y[n_train:],
        }

    layouts = {
        "x_train": Layout(np.uint8, (n_train, 28, 28)),
        "y_train": Layout(np.uint8, (n_train,), n_classes=10),
        "x_test": Layout(np.uint8, (n_test, 28, 28)),
        "y_test": Layout(np.uint8, (n_test,), n_classes=10),
    }
    return Dataset(name, layouts, fetch, "load_digits", digest)


def image_splits(arrays: Arrays) -> ImageSplits:
    """Arrange the arrays of a data set of images as ``((x_train, y_train), (x_test, y_test))``."""
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def sklearn_datasets() -> Any:
    """Import ``sklearn.datasets``, which only a download needs."""
    import sklearn.datasets

    return sklearn.datasets


def data_home() -> Path | None:
    """The folder in the environment variable ``ANNLIB_DATA_HOME``, or None if it is not set."""
    folder = os.environ.get(DATA_HOME)
    return Path(folder).expanduser() if folder else None


def cache_folder() -> Path:
    """The folder for downloads, by the convention of the platform; it need not exist."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "annlib" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "annlib"
    # The XDG specification has relative paths ignored.
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "annlib"


def write(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an .npz file so that other processes see either all of it or nothing."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, path.name)
        np.savez_compressed(part, **arrays)
        atomic_write(path, part.read_bytes())
