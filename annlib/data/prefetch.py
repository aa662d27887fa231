"""Reading ahead: a thread that waits for slow data while the model trains on the last."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Self

#: Items that are read before they are asked for.
AHEAD = 2
#: Seconds to wait for a running read that is no longer wanted.
_PATIENCE = 5.0
_END = object()


class Prefetch:
    """The items of an iterator in their order, read by one thread while the last are in use.

    As a context manager, which ends the thread. An error of the iterator's is raised where its
    item would have come.

    Parameters
    ----------
    items : iterator

    Examples
    --------
    >>> with Prefetch(iter("abc")) as items:
    ...     print(*items)
    a b c
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._read: SimpleQueue[Any] = SimpleQueue()
        # One entry for each item that may still be read: a semaphore, and several times as fast.
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(AHEAD - 1):
            self._room.put(None)
        self._closed = False
        self._error: BaseException | None = None
        # In the caller's context (np.errstate), and as a daemon: a blocked read cannot keep the
        # interpreter alive.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="annlib-prefetch", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._closed = True
        self._room.put(None)
        # On a second Ctrl-C nothing is waited for; the thread ends after its read.
        self._thread.join(0 if kind is KeyboardInterrupt else _PATIENCE)

    def __iter__(self) -> Iterator[Any]:
        while (item := self._read.get()) is not _END:
            self._room.put(None)
            yield item
        if self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error  # whose traceback has this frame

    def _run(self) -> None:
        try:
            while not self._closed:
                self._read.put(next(self._items))
                self._room.get()
        except StopIteration:
            pass
        except BaseException as error:
            self._error = error  # raised in the thread that asks for the item
        finally:
            self._read.put(_END)
