"""Boston housing: the price of homes from 13 numbers about the suburb, a regression."""

from __future__ import annotations

import zipfile
from typing import TypeAlias

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DataError
from annlib.core.tracebacks import with_short_tracebacks
from annlib.datasets.download import get_file, is_there

Split: TypeAlias = tuple[Array, Array]

_WHERE = "annlib.datasets.boston_housing.load_data"
_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/boston_housing.npz"
# Of the file that Keras keeps.
_PUBLISHED = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


@with_short_tracebacks
def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Split, Split]:
    """Load 506 suburbs of Boston (1970s), shuffled and split as Keras does it.

    Read from the file that Keras keeps, ``boston_housing.npz``, in the folder
    ``ANNLIB_DATA_HOME``, in the cache folder or in ``~/.keras/datasets``; if none has it, fetched.
    One of its columns is a number made of the share of black people, after a model in which prices
    respond to it: scikit-learn has removed the data for that. `california_housing` is the better
    example.

    Parameters
    ----------
    path : str
        The name of the file.
    test_split : float, in [0, 1)
        Fraction of the rows for the test set.
    seed : int, in [0, 2**32)
        Seed of the shuffling. NumPy's global generator is not touched.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of two pairs of arrays
        x : float64, (n, 13); y : float64, (n,), the median price in 1,000 dollars.

    Raises
    ------
    ConfigurationError
        If `test_split` or `seed` is out of range.
    DatasetNotFoundError
        If there is no file and it cannot be downloaded.
    DataError
        If the file is another one.

    Examples
    --------
    >>> from annlib.datasets import boston_housing
    >>> (x_train, y_train), (x_test, y_test) = boston_housing.load_data()  # doctest: +SKIP
    >>> x_train.shape, x_test.shape  # doctest: +SKIP
    ((404, 13), (102, 13))
    """
    if not 0 <= test_split < 1:
        raise ConfigurationError(
            f"{_WHERE}: expected test_split as a number in [0, 1), got {test_split!r}."
        )
    if not 0 <= seed < 2**32:
        raise ConfigurationError(f"{_WHERE}: expected seed from 0 to 2**32 - 1, got {seed!r}.")
    file = get_file(path, _ORIGIN, file_hash=_PUBLISHED)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{_WHERE}: expected arrays x and y in {file}, got {error}.") from error
    # NumPy's older generator, because the order that Keras gives for a seed comes from it.
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    n = int(len(x) * (1 - test_split))
    return (x[:n], y[:n]), (x[n:], y[n:])


def is_available() -> bool:
    """Whether ``boston_housing.npz`` is on disk, so that `load_data` needs no download.

    Returns
    -------
    bool
    """
    return is_there("boston_housing.npz")
