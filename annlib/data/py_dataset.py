"""PyDataset: the base class of a data set that makes its batches when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from annlib.core.checks import check_count, check_flag
from annlib.core.tracebacks import with_short_tracebacks


class PyDataset:
    """Keras' base class of data that a Python object makes batch by batch.

    A subclass writes ``__getitem__``, which gives one batch, ``(x, y)`` or ``(x, y,
    sample_weight)``, and ``__len__``, the number of batches; or in place of that the property
    ``num_batches``, which may be None: then there is no end, and ``fit`` needs
    ``steps_per_epoch``. ``on_epoch_begin`` and ``on_epoch_end`` are called around each epoch.

    Any object with ``__getitem__`` and ``__len__`` will do as well.

    Parameters
    ----------
    workers : int, at least 0
    use_multiprocessing : bool
    max_queue_size : int, at least 1
        All three are accepted, without effect: one thread reads up to two batches ahead.

    Raises
    ------
    ConfigurationError
        If an argument is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         x = np.full((2, 1), index)
    ...         return x, x**2
    >>> [y.ravel().tolist() for x, y in Squares()]
    [[0, 0], [1, 1], [4, 4]]
    """

    @with_short_tracebacks
    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        where = type(self).__name__
        self.workers = check_count(workers, where, "workers", 0)
        self.use_multiprocessing = check_flag(use_multiprocessing, where, "use_multiprocessing")
        self.max_queue_size = check_count(max_queue_size, where, "max_queue_size")

    def __getitem__(self, index: int) -> Any:
        """The batch at this place."""
        raise NotImplementedError(f"{type(self).__name__}: write __getitem__(self, index).")

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None if there is no end."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__}: write __len__(self).")
        return len(self)

    def __len__(self) -> int:
        number = self.num_batches
        if number is None:
            raise TypeError(f"{type(self).__name__} has no end, and no length.")
        return number

    def __iter__(self) -> Iterator[Any]:
        number = self.num_batches
        return (self[index] for index in (count() if number is None else range(number)))

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch is read.

        Examples
        --------
        >>> class Counting(PyDataset):
        ...     epochs = 0
        ...
        ...     def __len__(self):
        ...         return 1
        ...
        ...     def __getitem__(self, index):
        ...         return [[1.0]], [2.0]
        ...
        ...     def on_epoch_begin(self):
        ...         self.epochs += 1
        >>> from annlib import Sequential, layers
        >>> model, data = Sequential([layers.Dense(1)]), Counting()
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(data, epochs=3, verbose=0)
        >>> data.epochs
        3
        """

    def on_epoch_end(self) -> None:
        """Called when an epoch has come to its end.

        Examples
        --------
        >>> class Fading(PyDataset):
        ...     noise = 1.0
        ...
        ...     def __len__(self):
        ...         return 1
        ...
        ...     def __getitem__(self, index):
        ...         return [[1.0 + self.noise]], [2.0]
        ...
        ...     def on_epoch_end(self):
        ...         self.noise /= 2
        >>> from annlib import Sequential, layers
        >>> model, data = Sequential([layers.Dense(1)]), Fading()
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(data, epochs=3, verbose=0)
        >>> data.noise
        0.125
        """
