"""How many threads the matrix products of a training get, and a second thread for long vectors.

Two threads for a small product are at best half as fast again as one, and many times slower where
other programs want the processors as well: each product waits for the slower half. So small ones
get one thread, by their size alone, never by the clock: the same seed gives the same bits.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

#: Multiplications in a product from which it gets all threads.
LARGE = 1 << 23

# What tells a process how many threads it shall have; workers of joblib are told so as well.
_TOLD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def told() -> bool:
    """Whether the process was told its number of threads: then nothing here interferes."""
    return any(os.environ.get(name) for name in _TOLD)


def processors() -> int:
    """Those that the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ProductThreads:
    """The threads of NumPy's matrix products, for as long as a training limits them.

    The setting belongs to the process, and recent versions of threadpoolctl let only one thread
    change it, the first to do so. So of trainings that overlap the first one in sets the limit and
    restores what was before when it leaves, as does the last one out: none leaves a limit behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: list[object] = []
        self._before: list[int] = []

    @contextlib.contextmanager
    def limited(self, threads: int | None) -> Iterator[None]:
        """At most so many threads within; None leaves them alone."""
        if threads is None:
            yield
            return
        own = object()
        with self._lock:
            if not self._inside:
                self._before = [library.num_threads for library in self._libraries]
                self._set([threads] * len(self._libraries))
            self._inside.append(own)
        try:
            yield
        finally:
            with self._lock:
                if own is self._inside[0] or len(self._inside) == 1:
                    self._set(self._before)
                self._inside.remove(own)

    def _set(self, threads: Sequence[int]) -> None:
        for library, count in zip(self._libraries, threads, strict=True):
            library.set_num_threads(count)

    @functools.cached_property
    def _libraries(self) -> Sequence[Any]:
        # Making the controller searches the process' libraries; its setters take a microsecond.
        from threadpoolctl import ThreadpoolController

        return list(ThreadpoolController().select(user_api="blas").lib_controllers)


products = ProductThreads()


def several() -> bool:
    """Whether there may be more than one thread."""
    return processors() > 1 and not told()


def for_products(largest: int) -> int | None:
    """The limit for a training whose largest product has so many multiplications, or None."""
    return 1 if largest < LARGE and several() else None


class Halves:
    """A second thread, for what NumPy or machine code does without Python's lock.

    Made at its first use, and once in a process: a child of ``fork`` makes its own.
    """

    def __init__(self) -> None:
        self._executor: Any = None

    def run(self, work: Callable[[Any], None], parts: Sequence[Any]) -> None:
        """``work`` on each of the parts, one half of them in the second thread."""
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(1, "annlib")
        middle = len(parts) // 2
        other = self._executor.submit(_each, work, parts[middle:])
        try:
            _each(work, parts[:middle])
        finally:
            other.result()

    def forget(self) -> None:
        """After ``fork`` there is no second thread any more."""
        self._executor = None


@np.errstate(all="ignore")  # which belongs to a thread; the training checks what comes out
def _each(work: Callable[[Any], None], parts: Sequence[Any]) -> None:
    for part in parts:
        work(part)


halves = Halves()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=halves.forget)
