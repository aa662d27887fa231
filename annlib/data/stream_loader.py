"""Batches that the user makes: generators, iterables, and objects with a batch for each index."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from collections.abc import Generator as Gen
from contextlib import closing, nullcontext
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.checks import check_optional_count
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.states import check_whole
from annlib.data.endless import is_endless
from annlib.data.loader import Batch, DataLoader
from annlib.data.prefetch import Prefetch

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator

#: What makes a batch of what the user's object has given, named in errors as the text says. It
#: shares no memory with it, so that the object may use its arrays again.
Convert = Callable[[Any, str], Batch]


def is_stream(x: Any) -> bool:
    """Whether x gives batches, and is not rows itself.

    Parameters
    ----------
    x : object, of any shape

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import data
    >>> x, y = np.zeros((2, 3)), np.zeros(2)
    >>> data.is_stream([(x, y)]), data.is_stream(iter([x])), data.is_stream(x)
    (True, True, False)
    """
    if isinstance(x, str | bytes | tuple | Mapping | Set | np.dtype):  # a type is a sequence, too
        return False
    if isinstance(x, Sequence):  # of batches, or of rows
        return len(x) > 0 and isinstance(x[0], tuple) and holds_arrays(x[0])
    if any(hasattr(x, name) for name in ("__array__", "__array_interface__", "toarray")):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def holds_arrays(item: Any) -> bool:
    """Whether a tuple or list is of arrays, and no row or list of rows.

    Parameters
    ----------
    item : tuple or list

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import data
    >>> data.holds_arrays((np.zeros((2, 3)), np.zeros(2))), data.holds_arrays([1.0, 2.0])
    (True, False)
    """
    return bool(item) and len(getattr(item[0], "shape", ())) > 0


def as_stream_loader(x: Any, convert: Convert) -> StreamLoader:
    """The stream of an object of which ``is_stream`` is true.

    Parameters
    ----------
    x : object that ``is_stream``, its batches (n, ...)
    convert : callable
        From what it gives, and what error messages call that, to a ``Batch``.

    Returns
    -------
    StreamLoader

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import data
    >>> stream = [(np.ones((2, 3)), np.zeros(2)), (np.ones((1, 3)), np.zeros(1))]
    >>> loader = data.as_stream_loader(stream, lambda item, what: data.Batch(*item, None))
    >>> loader.count, [batch.x.shape for batch in loader.sequential("fit")]
    (2, [(2, 3), (1, 3)])
    """
    if hasattr(x, "__next__"):
        return GeneratorLoader(x, convert)
    indexed = hasattr(x, "__getitem__") and hasattr(x, "__len__") and not isinstance(x, Sequence)
    return MapStyleLoader(x, convert) if indexed else IterableLoader(x, convert)


def check_steps(data: Any, steps: Any, where: str) -> int | None:
    """How many batches to read of data.

    Parameters
    ----------
    data : object
    steps : int, at least 1, or None
    where : str
        What error messages begin with.

    Returns
    -------
    int or None

    Raises
    ------
    ConfigurationError
        If they are no batches, or ``steps`` no count.

    Examples
    --------
    >>> from annlib import data
    >>> data.check_steps(iter([]), 3, "fit")
    3
    """
    if steps is not None and not is_stream(data):
        raise ConfigurationError(
            f"{where}: expected steps only with data that give batches, got {show(steps)} and a "
            f"{type(data).__name__}. Leave it out, or pass data[:n]."
        )
    return check_optional_count(steps, where, "steps")


class StreamLoader(DataLoader):
    """Batches from an object of the user's, of any length each.

    They are read ahead by a thread, unless the object has an attribute ``prefetch = False``.

    Parameters
    ----------
    x : object that ``is_stream``, its batches (n, ...)
    convert : callable
        From what it gives, and what error messages call that, to a ``Batch``.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import data
    >>> stream = (np.full((2, 1), k) for k in range(9))
    >>> loader = data.as_stream_loader(stream, lambda item, what: data.Batch(item, None, None))
    >>> loader.repeats, loader.count
    (False, None)
    >>> [batch.x[0, 0].item() for batch in loader.sequential("fit", steps=3)]
    [0, 1, 2]
    """

    #: What to do about too few batches.
    _hint = "Pass one that has some, in each pass."

    def __init__(self, x: Any, convert: Convert) -> None:
        self._x = x
        self._convert = convert
        self._drawn = 0
        self._ahead = getattr(x, "prefetch", True) is not False
        try:
            self.count = len(x) if hasattr(x, "__len__") else None
        except TypeError:  # what has no end says so in this way
            self.count = None

    def first(self, where: str) -> Any:
        """The first item of the object; the first pass begins with it.

        Parameters
        ----------
        where : str
            What error messages begin with.

        Returns
        -------
        object

        Raises
        ------
        DataError
            If it has none.
        """
        raise NotImplementedError

    def part(
        self, items: Iterator[Any], count: int | None, where: str, done: int = 0
    ) -> Gen[Batch, None, None]:
        """Yield the next ``count`` batches of a pass, each checked."""
        batches = (
            self._convert(item, f"{where}, batch {number}")
            for number, item in enumerate(islice(items, count), done + 1)
        )
        with Prefetch(batches) if self._ahead else nullcontext(batches) as read:
            for batch in read:
                self._drawn += 1
                yield batch

    def sequential(self, where: str = "", steps: int | None = None) -> Gen[Batch, None, None]:
        """The batches as they stand; raises ``DataError`` if they are too few to be meant."""
        got = 0
        with closing(self.read(self.start_pass(None), steps, where)) as batches:
            for batch in batches:
                got += 1
                yield batch
        self.check_length(got, None if self.repeats else steps, where)

    def check_length(self, got: int, wanted: int | None, where: str) -> None:
        """Refuse an epoch without a batch, or with fewer than were asked for.

        Parameters
        ----------
        got : int, at least 0
        wanted : int, at least 1, or None
        where : str
            What error messages begin with.

        Raises
        ------
        DataError
        """
        if got < (wanted or 1):
            raise self._too_few(got, wanted, where, self._hint)

    def _too_few(self, got: int, wanted: int | None, where: str, hint: str) -> DataError:
        return DataError(
            f"{where}: expected {wanted or 'some'} batches from x, a {type(self._x).__name__}, got "
            f"{got or 'none'}. {hint}"
        )

    def fingerprint(self) -> dict[str, Any]:
        """What can be told without reading: the class and how many batches it has."""
        return {"stream": type(self._x).__name__, "batches": self.count}


class GeneratorLoader(StreamLoader):
    """A generator or another iterator: a single pass, which ends when it is exhausted.

    A run that is resumed draws again what was drawn before, and drops it.
    """

    repeats = False
    _hint = (
        "A generator serves all epochs and is exhausted: let it give more, take fewer steps or "
        "epochs, or pass an object that can be iterated again."
    )

    def __init__(self, x: Iterator[Any], convert: Convert) -> None:
        super().__init__(x, convert)
        self.count = None
        self.endless = is_endless(x)
        self._items: Iterator[Any] = x

    def first(self, where: str) -> Any:
        for item in self._items:
            self._items = chain([item], self._items)
            return item
        raise self._too_few(0, None, where, "It has ended before: make a new one.")

    def start_pass(self, rng: Generator | None, done: int = 0) -> Iterator[Any]:
        return self._items

    def get_state(self) -> int:
        return self._drawn

    def check_state(self, state: Any, passes: int, batches: int) -> None:
        check_whole(state, "state of the data", 0, batches)

    def set_state(self, state: int) -> None:
        for _ in islice(self._items, state - self._drawn):
            self._drawn += 1


class IterableLoader(StreamLoader):
    """What can be iterated again: a list of batches, a PyTorch DataLoader."""

    _begun: Iterator[Any] | None = None

    def first(self, where: str) -> Any:
        items = iter(self._x)
        self.endless = self.count is None and is_endless(items)
        for item in items:
            self._begun = chain([item], items)
            return item
        raise self._too_few(0, None, where, self._hint)

    def start_pass(self, rng: Generator | None, done: int = 0) -> Iterator[Any]:
        items, self._begun = self._begun or iter(self._x), None
        return islice(items, done, self.count)


class MapStyleLoader(StreamLoader):
    """An object with a batch for each index, as Keras' PyDataset; the order can be shuffled, unless
    there is no end.

    Its ``on_epoch_begin`` and ``on_epoch_end``, if it has them, are called around every epoch.
    """

    _first: tuple[Any, ...] = ()
    _epochs = 0

    def __init__(self, x: Any, convert: Convert) -> None:
        super().__init__(x, convert)
        self.endless = self.count is None

    def first(self, where: str) -> Any:
        if self.count == 0:
            raise self._too_few(0, None, where, "Its len is 0: pass one that has some.")
        self._first = (self._x[0],)
        return self._first[0]

    def start_pass(self, rng: Generator | None, done: int = 0) -> Iterator[Any]:
        if self.count is None:
            return self._take(range(sys.maxsize), done)
        order = range(self.count) if rng is None else rng.permutation(self.count).tolist()
        return self._take(order, done)

    def _take(self, order: Sequence[int], done: int) -> Iterator[Any]:
        kept, self._first = self._first, ()
        # Use the first item now: the object may reuse its buffer later.
        if kept and not done and order[0] == 0:
            yield kept[0]
            done = 1
        for index in order[done:]:
            yield self._x[index]

    def begin_epoch(self) -> None:
        self._call("on_epoch_begin")

    def end_epoch(self) -> None:
        self._epochs += 1
        self._first = ()  # the object may give another now
        self._call("on_epoch_end")

    def _call(self, hook: str) -> None:
        getattr(self._x, hook, lambda: None)()

    def get_state(self) -> int:
        return self._epochs

    def check_state(self, state: Any, passes: int, batches: int) -> None:
        check_whole(state, "state of the data", 0, passes)

    def set_state(self, state: int) -> None:
        """Repeat the hooks of the epochs that are done, by which the object may change."""
        while self._epochs < state:
            self.begin_epoch()
            self.end_epoch()
