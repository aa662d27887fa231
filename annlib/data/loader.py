"""Data loaders: batches of data, pass after pass."""

from __future__ import annotations

from collections.abc import Generator as Gen
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.core.states import check_whole

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator


class Batch(NamedTuple):
    """Rows of x with their targets and weights, borrowed until the next batch.

    Parameters
    ----------
    x : array, (n, ...), or CSR matrix, (n, features)
    y : array, (n, ...), or None
    weights : array, (n,), or None

    Examples
    --------
    >>> import numpy as np
    >>> x, y, weights = Batch(np.ones((2, 3)), np.zeros(2), None)
    >>> x.shape, y.shape
    ((2, 3), (2,))
    """

    #: An array; or in SciPy's CSR format, of a sparse x that the first layer takes so.
    x: Any
    y: Array | None
    weights: Array | None


def share(rows: int, rank: int, size: int) -> slice:
    """The rows of a batch that are those of one process of several; all of them where there are
    fewer rows than processes, which then all do the same.

    >>> [share(10, rank, 3) for rank in range(3)], share(2, 1, 3)
    ([slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)], slice(0, 2, None))
    """
    if rows < size:
        return slice(0, rows)
    return slice(rows * rank // size, rows * (rank + 1) // size)


class DataLoader:
    """Where batches come from: from rows (``ArrayLoader``), or from the user (``StreamLoader``).

    ``start_pass`` begins a pass over the data, and ``read`` reads it, whole or a part at a time.
    An epoch may have parts of two passes: ``begin_epoch``, ``part`` of each, ``end_epoch``.

    Attributes
    ----------
    count, rows : int or None
        Batches and rows of a pass, if they are known beforehand.
    batch_size : int or None
        Rows of a batch, if all but the last have as many.
    repeats : bool
        Whether there is another pass after this one; a generator has none.
    endless : bool
        Whether it is certain that a pass has no end.
    shuffles_within : bool
        Whether a new order is one of the rows within each batch, which stays where it is.
    divisible : bool
        Whether it can give some rows of each batch to each of several processes.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib.data import ArrayLoader
    >>> x = np.arange(5.0).reshape(5, 1)
    >>> loader = ArrayLoader(x, batch_size=2, dtype="float32", target_dtype="float32")
    >>> loader.count, loader.rows, loader.batch_size, loader.repeats
    (3, 5, 2, True)
    >>> batches = loader.start_pass(np.random.default_rng(0))
    >>> [batch.x.ravel().tolist() for batch in loader.read(batches, 2, "fit")]
    [[2.0, 4.0], [3.0, 0.0]]
    >>> [batch.x.ravel().tolist() for batch in loader.read(batches, None, "fit", done=2)]
    [[1.0]]

    An epoch of four batches, the last one of the next pass:

    >>> loader.begin_epoch()
    >>> for count in (3, 1):
    ...     batches = loader.start_pass(None)
    ...     print([batch.x.ravel().tolist() for batch in loader.part(batches, count, "fit")])
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    [[0.0, 1.0]]
    >>> loader.end_epoch()
    """

    count: int | None = None
    rows: int | None = None
    batch_size: int | None = None
    repeats: bool = True
    endless: bool = False
    shuffles_within: bool = False
    divisible: bool = False

    def start_pass(self, rng: Generator | None, done: int = 0) -> Iterator[Any]:
        """Begin a pass: all data in a new order, or without ``rng`` as they stand.

        The order is drawn at once, not with the first batch: a run may end before.

        Parameters
        ----------
        rng : Generator, optional
        done : int, at least 0
            The batches to leave out at its beginning.

        Returns
        -------
        iterator
            For ``read``.
        """
        raise NotImplementedError

    def read(
        self, items: Iterator[Any], count: int | None, where: str, done: int = 0
    ) -> Gen[Batch, None, None]:
        """Yield an epoch: the next ``count`` batches of a pass, or all that are left. To be closed
        when it is left early.

        Parameters
        ----------
        items : iterator
            From ``start_pass``.
        count : int, at least 1, or None
        where : str
            What error messages begin with.
        done : int, at least 0
            How many batches of the pass have been read before.

        Yields
        ------
        Batch

        Raises
        ------
        DataError, ShapeError
            If what comes is no batch for the model, when its turn comes.
        """
        self.begin_epoch()
        yield from self.part(items, count, where, done)
        self.end_epoch()

    def part(
        self, items: Iterator[Any], count: int | None, where: str, done: int = 0
    ) -> Gen[Batch, None, None]:
        """Yield what ``read`` does, of an epoch that begins and ends elsewhere.

        Parameters
        ----------
        items : iterator
            From ``start_pass``.
        count : int, at least 1, or None
        where : str
            What error messages begin with.
        done : int, at least 0
            How many batches of the pass have been read before.

        Yields
        ------
        Batch

        Raises
        ------
        DataError, ShapeError
            If what comes is no batch for the model, when its turn comes.
        """
        raise NotImplementedError

    def sequential(self, where: str = "", steps: int | None = None) -> Gen[Batch, None, None]:
        """Yield the data as they stand.

        Parameters
        ----------
        where : str
            What error messages begin with.
        steps : int, at least 1, optional
            The most batches.

        Yields
        ------
        Batch

        Raises
        ------
        DataError, ShapeError
            If what comes is no batch for the model, or there are too few batches to be meant.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.data import ArrayLoader
        >>> x = np.arange(5.0).reshape(5, 1)
        >>> loader = ArrayLoader(x, batch_size=2, dtype="float32", target_dtype="float32")
        >>> [batch.x.ravel().tolist() for batch in loader.sequential(steps=2)]
        [[0.0, 1.0], [2.0, 3.0]]
        """
        raise NotImplementedError

    def check_end(self, steps: int | None, where: str, name: str, *, again: bool = False) -> None:
        """Refuse a pass that nothing ends: it is endless, and no number of steps was given.

        Parameters
        ----------
        steps : int, at least 1, or None
        where : str
            What error messages begin with.
        name : str
            That of the argument for ``steps``.
        again : bool
            Whether it must serve several passes as well.

        Raises
        ------
        ConfigurationError
            If nothing ends it.

        Examples
        --------
        >>> import itertools
        >>> from annlib import data
        >>> endless = data.as_stream_loader(itertools.count(), lambda item, what: item)
        >>> endless.check_end(100, "fit", "steps_per_epoch")
        >>> endless.check_end(None, "fit", "steps_per_epoch")
        Traceback (most recent call last):
            ...
        annlib.core.errors.ConfigurationError: fit: expected steps_per_epoch with batches that have
        no end, ...
        """
        if steps is not None or not (self.endless or (again and not self.repeats)):
            return
        if self.endless:
            raise ConfigurationError(
                f"{where}: expected {name} with batches that have no end, got None. Pass how many "
                f"of them to read: {name}=100, or whatever it is."
            )
        raise ConfigurationError(
            f"{where}: expected {name} with a generator, of which nobody knows whether it has an "
            f"end, got None. Pass {name}, or what can be iterated again, such as a list of batches."
        )

    def divide(self, rank: int, size: int) -> None:
        """From now on give of each batch only the x of some rows: those of a process of several.

        Parameters
        ----------
        rank : int, in [0, size)
            The number of the process.
        size : int, at least 1
            How many there are.

        Raises
        ------
        ConfigurationError
            If x gives batches itself: nobody knows whether each process gets the same.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.data import ArrayLoader
        >>> x = np.arange(4.0).reshape(4, 1)
        >>> loader = ArrayLoader(x, batch_size=2, dtype="float32", target_dtype="float32")
        >>> loader.divide(rank=1, size=2)
        >>> [batch.x.ravel().tolist() for batch in loader.sequential()]
        [[1.0], [3.0]]
        """
        raise ConfigurationError(
            "Sequential.fit: expected rows that can be divided with a strategy, arrays or Shards, "
            f"got x that gives batches, to each of {size} processes the same or others. Pass "
            "arrays, memory maps or annlib.data.Shards."
        )

    def begin_epoch(self) -> None:
        """Called before the batches of an epoch are read, or the rest of them."""

    def end_epoch(self) -> None:
        """Called when an epoch has come to its end."""

    def check_length(self, got: int, wanted: int | None, where: str) -> None:
        """Refuse an epoch that had too few batches to be meant.

        Parameters
        ----------
        got : int, at least 0
        wanted : int, at least 1, or None
        where : str
            What error messages begin with.

        Raises
        ------
        DataError
            If there was none, or fewer than wanted.

        Examples
        --------
        >>> from annlib import data
        >>> stream = data.as_stream_loader(iter([]), lambda item, what: item)
        >>> stream.check_length(0, None, "fit")
        Traceback (most recent call last):
            ...
        annlib.core.errors.DataError: fit: ...
        """

    def fingerprint(self) -> dict[str, Any]:
        """Values by which a resumed run recognizes its data.

        Returns
        -------
        dict of str to object
            Shapes, types and a digest of some rows, as JSON can hold them.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.data import ArrayLoader
        >>> loader = ArrayLoader(np.zeros((5, 1)), batch_size=2, dtype="f4", target_dtype="f4")
        >>> loader.fingerprint()
        {'batch_size': 2, 'x': [[5, 1], '<f8', '2c34ce1d...']}
        """
        raise NotImplementedError

    def get_state(self) -> int:
        """Number of items consumed from a one-shot source.

        Returns
        -------
        int, at least 0

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import data
        >>> def batch(item, what):
        ...     return data.Batch(np.array([item]), None, None)
        >>> stream = data.as_stream_loader(iter("abcd"), batch)
        >>> [x.tolist() for x, y, weights in stream.read(stream.start_pass(None), 2, "fit")]
        [['a'], ['b']]
        >>> stream.get_state()
        2
        """
        return 0

    def check_state(self, state: Any, passes: int, batches: int) -> None:
        """Refuse what ``get_state`` could not have given after so many passes and batches.

        Parameters
        ----------
        state : object
        passes, batches : int, at least 0
            The passes, or parts of them, and the batches that were read.

        Raises
        ------
        ModelFormatError
            If it could not.

        Examples
        --------
        >>> from annlib import data
        >>> stream = data.as_stream_loader(iter("abcd"), lambda item, what: item)
        >>> stream.check_state(2, passes=1, batches=2)
        >>> stream.check_state(3, passes=1, batches=2)
        Traceback (most recent call last):
            ...
        annlib.core.errors.ModelFormatError: state of the data: expected a whole number from 0 to 2,
        got 3.
        """
        check_whole(state, "state of the data", 0, 0)

    def set_state(self, state: int) -> None:
        """Skip the items that were consumed before.

        Parameters
        ----------
        state : int, at least 0
            From ``get_state``.

        Examples
        --------
        >>> from annlib import data
        >>> stream = data.as_stream_loader(iter("abcd"), lambda item, what: item)
        >>> stream.set_state(3)
        >>> next(stream.start_pass(None))
        'd'
        """
