"""California housing: the price of homes from eight numbers about the block, a regression."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_number, is_whole
from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.datasets.store import Arrays, Dataset, Layout, sklearn_datasets

Split: TypeAlias = tuple[Array, Array]

#: The columns of x, in order.
FEATURE_NAMES = (
    "MedInc",
    "HouseAge",
    "AveRooms",
    "AveBedrms",
    "Population",
    "AveOccup",
    "Latitude",
    "Longitude",
)

_ROWS = 20_640


def _fetch() -> Arrays:
    table = sklearn_datasets().fetch_california_housing()
    return {
        "X": np.asarray(table.data, dtype=np.float32),
        "y": np.asarray(table.target, dtype=np.float32),
    }


_PUBLISHED = "3f7fe091c8509488aa590183abe59c5bc8df49d80023dd7062f365b79fa07744"
_DATASET = Dataset(
    "california_housing",
    {"X": Layout(np.floating, (_ROWS, 8)), "y": Layout(np.floating, (_ROWS,))},
    _fetch,
    stand_in="load_diabetes",
    digest=_PUBLISHED,
)


@with_short_tracebacks
def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[Split, Split]:
    """Load 20,640 census block groups of California (1990), shuffled and split.

    Read from ``california_housing.npz`` (arrays ``X`` and ``y``) in the folder
    ``ANNLIB_DATA_HOME`` or in the cache folder; if neither has it, fetched with scikit-learn
    and kept in the cache folder. As in Keras, the rows are shuffled by `seed` and the last ones
    are the test set. Unlike in Keras, the target is in units of 100,000 dollars, as in
    scikit-learn.

    Parameters
    ----------
    test_split : float, in (0, 1)
        Fraction of the rows for the test set.
    seed : int, in [0, 2**32)
        Seed of the shuffling. NumPy's global generator is not touched.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of two pairs of arrays
        x_train : float32, shape (n_train, 8)
            MedInc (median income, 10,000 dollars), HouseAge (median age of the houses, years),
            AveRooms and AveBedrms (rooms and bedrooms per household), Population (of the block
            group), AveOccup (persons per household), Latitude and Longitude (degrees). They are
            not scaled, and a few are far out: AveOccup goes up to 1243.
        y_train : float32, shape (n_train,)
            Median value of the houses in 100,000 dollars, 0.15 to 5; larger ones are cut off
            at 5.00001.
        x_test, y_test : float32, shapes (n_test, 8) and (n_test,)
            The same for the test set.

    Raises
    ------
    ConfigurationError
        If `test_split` or `seed` is out of range.
    DatasetNotFoundError
        If there is no file and it cannot be downloaded.
    DataError
        If the file is damaged, or what is downloaded is not the published data; that a file holds
        others is a warning.

    References
    ----------
    R. K. Pace and R. Barry, "Sparse spatial autoregressions", Statistics & Probability Letters
    33 (3), 291-297, 1997.

    Examples
    --------
    >>> from annlib.datasets import california_housing
    >>> (x_train, y_train), (x_test, y_test) = california_housing.load_data()  # doctest: +SKIP
    >>> x_train.shape, x_test.shape  # doctest: +SKIP
    ((16512, 8), (4128, 8))
    """
    if not is_number(test_split) or not 0 < test_split < 1:
        raise ConfigurationError(
            "annlib.datasets.california_housing.load_data: expected test_split between 0 and 1 "
            f"(both exclusive), got {show(test_split)}. It is the fraction of the rows for the "
            "test set, such as 0.2."
        )
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ConfigurationError(
            "annlib.datasets.california_housing.load_data: expected seed from 0 to 2**32 - 1, "
            f"got {show(seed)}. Any such integer will do."
        )
    arrays = _DATASET.load()
    # NumPy's older generator, because the order that Keras gives for a seed comes from it.
    order = np.arange(len(arrays["X"]))
    np.random.RandomState(seed).shuffle(order)
    x = arrays["X"][order].astype(np.float32, copy=False)
    y = arrays["y"][order].astype(np.float32, copy=False)
    n_train = int(len(x) * (1 - test_split))
    return (x[:n_train], y[:n_train]), (x[n_train:], y[n_train:])


def is_available() -> bool:
    """Whether ``california_housing.npz`` is on disk, so that `load_data` needs no download.

    Returns
    -------
    bool

    Examples
    --------
    >>> from annlib.datasets import california_housing
    >>> california_housing.is_available()  # doctest: +SKIP
    True
    """
    return _DATASET.find() is not None
