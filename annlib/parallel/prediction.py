"""Predictions for data that do not fit into memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_path
from annlib.core.errors import ConfigurationError, DataError, quote, show
from annlib.core.files import atomic_file
from annlib.core.tracebacks import with_short_tracebacks
from annlib.data import Shards
from annlib.models.sequential import Sequential

#: Bytes of x that are predicted at a time.
_AT_ONCE = 16 << 20


@with_short_tracebacks
def predict_files(
    model: Any,
    paths: Any,
    folder: str | os.PathLike[str],
    *,
    columns: Any = None,
    drop: Any = None,
    overwrite: bool = False,
) -> list[str]:
    """Predict the rows of many files, a file of predictions for each.

    Of ``in/a.npy`` they are in ``out/a.npy``. Only some rows are in memory at a time. A file is
    there once it is complete: a run that was cut off is called again, and goes on with the files
    that are missing.

    Parameters
    ----------
    model : Sequential, or a fitted estimator
        What ``predict`` gives is written.
    paths, columns, drop
        As ``Shards`` takes them.
    folder : str or path-like
        Where the predictions go; it is made if it is not there.
    overwrite : bool
        Whether to predict files again whose predictions are there, as of another model.

    Returns
    -------
    list of str
        The files of predictions, in the order of ``paths``: new ones and those that were there.

    Raises
    ------
    DataError
        If files are missing, damaged, of other columns than the model takes or of one name; if a
        file of predictions is there that has another number of rows.
    ConfigurationError
        If ``model`` predicts nothing.

    Examples
    --------
    >>> import tempfile
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(2)], seed=0)
    >>> place = tempfile.mkdtemp()
    >>> for k in range(2):
    ...     np.save(f"{place}/part-{k}.npy", np.ones((4, 3)))
    >>> files = predict_files(model, f"{place}/part-*.npy", f"{place}/out")
    >>> [np.load(path).shape for path in files]
    [(4, 2), (4, 2)]
    """
    where = "predict_files"
    if not callable(getattr(model, "predict", None)) or isinstance(model, type):
        raise ConfigurationError(
            f"{where}: expected a model or a fitted estimator, got {show(model)}."
        )
    folder = check_path(folder, where, "folder")
    overwrite = check_flag(overwrite, where, "overwrite")
    shards = Shards(paths, columns, drop)
    jobs: dict[str, Shards] = {}
    for part in shards.by_file():
        (path,) = part.files
        name = os.path.splitext(os.path.basename(path))[0] + ".npy"
        target = os.path.join(folder, name)
        if target in jobs:
            raise DataError(
                f"{where}: expected files of different names, got "
                f"{quote(jobs[target].files[0])} and {quote(path)}, whose predictions would both "
                f"be {quote(target)}. Predict them apart."
            )
        if os.path.realpath(target) == os.path.realpath(path):
            raise DataError(
                f"{where}: expected another folder than that of the data, got {quote(folder)}: "
                f"{quote(path)} would be overwritten."
            )
        jobs[target] = part
    missing = [
        target for target, part in jobs.items() if overwrite or not _is_there(target, len(part))
    ]
    if missing:
        _predict(model, jobs[missing[0]][:1])  # what is wrong with the columns is wrong in all
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"{where}: expected folder as one that can be made, got {quote(folder)} "
                f"({error.strerror}). Take another."
            ) from None
    for target in missing:
        _write(target, len(jobs[target]), _pieces(model, jobs[target]))
    return list(jobs)


def _is_there(target: str, rows: int) -> bool:
    """Whether there are predictions of so many rows; raises ``DataError`` for other ones."""
    if not os.path.exists(target):
        return False
    try:
        found: Any = np.load(target, mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError, EOFError) as error:
        found = error
    if not isinstance(found, tuple) or found[:1] != (rows,):
        raise DataError(
            f"predict_files: expected no file, or predictions of {rows} rows in {quote(target)}, "
            f"got {found}. Take another folder, or overwrite=True."
        )
    return True


def _predict(model: Any, rows: Shards) -> Array:
    if isinstance(model, Sequential):
        return model.predict(rows, verbose=0)
    return np.asarray(model.predict(np.asarray(rows)))


def _pieces(model: Any, rows: Shards) -> Iterator[Array]:
    """The predictions, some rows at a time."""
    size = max(1, _AT_ONCE // (rows.dtype.itemsize * math.prod(rows.shape[1:])))
    for start in range(0, len(rows), size):
        yield _predict(model, rows[start : start + size])


def _write(target: str, rows: int, pieces: Iterator[Array]) -> None:
    """Write an array of which the rows come in pieces, as ``np.save`` writes it."""
    first = next(pieces)
    if first.dtype.hasobject:
        raise DataError(
            "predict_files: expected predictions that a file can hold, got objects. Fit the "
            "estimator on labels that are numbers or texts."
        )
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (rows, *first.shape[1:]),
    }
    with atomic_file(target) as file:
        np.lib.format.write_array_header_2_0(file, header)
        for piece in chain([first], pieces):
            file.write(np.ascontiguousarray(piece).tobytes())
