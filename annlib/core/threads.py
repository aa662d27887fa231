"""The number of BLAS threads during training, and a second thread for long vectors.

Two threads for a small product are at most half as fast again as one, and many times slower when
other programs use the processors too: each product waits for its slower half. So small products
get one thread, by their size alone and never by a measured time: the same seed gives the same bits.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from annlib.core.cached import cached_property

#: The number of multiplications from which a product gets all threads.
LARGE = 1 << 23

# The environment variables that set the number of threads; joblib sets them for its workers, too.
_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def threads_set_by_user() -> bool:
    """Whether OMP_NUM_THREADS or the like is set: then nothing here changes the number."""
    return any(os.environ.get(name) for name in _SETTINGS)


def processors() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ProcessLock:
    """A lock for all threads of a process, re-entrant: ``with lock.held``.

    In a child of ``fork`` it is free: the threads that may have held it are not there. One of these
    is made for a lifetime.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        #: Left as what it was when it was entered, so that a child may leave what its parent held.
        self.held = threading.RLock()


class ProductThreads:
    """A limit on the threads of NumPy's matrix products that ends with the training.

    The setting belongs to the process, and recent versions of threadpoolctl let only the first
    thread that changed it change it again. So when trainings overlap, the first to start sets the
    limit; when it ends it restores the setting from before, and so does the last to end: no
    limit is left behind. Without threadpoolctl there is none.
    """

    def __init__(self) -> None:
        self._lock = ProcessLock()
        self._inside: list[object] = []
        self._before: list[int] = []

    @contextlib.contextmanager
    def limited(self, threads: int | None) -> Iterator[None]:
        """A context with at most so many threads; None changes nothing."""
        if threads is None:
            yield
            return
        own = object()
        with self._lock.held:
            if not self._inside:
                self._before = [library.num_threads for library in self._libraries]
                self._set([threads] * len(self._libraries))
            self._inside.append(own)
        try:
            yield
        finally:
            with self._lock.held:
                if own is self._inside[0] or len(self._inside) == 1:
                    self._set(self._before)
                self._inside.remove(own)

    def _set(self, threads: Sequence[int]) -> None:
        for library, count in zip(self._libraries, threads, strict=True):
            library.set_num_threads(count)

    @cached_property
    def _libraries(self) -> Sequence[Any]:
        # Making the controller searches the process' libraries; its setters take a microsecond.
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            return []
        return list(ThreadpoolController().select(user_api="blas").lib_controllers)


blas_threads = ProductThreads()


def multithreaded() -> bool:
    """Whether more than one thread may be used."""
    return processors() > 1 and not threads_set_by_user()


def blas_threads_for(largest: int) -> int | None:
    """The limit for a training whose largest product has ``largest`` multiplications, or None."""
    return 1 if largest < LARGE and multithreaded() else None


class SecondThread:
    """A second thread, for NumPy calls and compiled code that release Python's lock.

    It is started at its first use, once in a process; a child of ``fork`` starts its own.
    """

    def __init__(self) -> None:
        self._executor: Any = None

    def run(self, work: Callable[[Any], None], parts: Sequence[Any]) -> None:
        """Call ``work`` on each part, for half of the parts in the second thread."""
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
        """Drop the executor after ``fork``, which does not copy its thread."""
        self._executor = None


@np.errstate(all="ignore")  # a setting of each thread; training checks the results itself
def _each(work: Callable[[Any], None], parts: Sequence[Any]) -> None:
    for part in parts:
        work(part)


second_thread = SecondThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=second_thread.forget)
