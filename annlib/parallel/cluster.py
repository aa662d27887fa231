"""A Dask cluster: its packages, its client, and what befalls its workers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from typing import Any

from annlib.core.errors import AnnlibError, ConfigurationError, show
from annlib.core.packages import needed

#: Seconds between two looks at whether there are workers.
_LOOK = 1.0
#: What Dask raises of a task that was forgotten, with the data it needs.
LOST = (asyncio.CancelledError, concurrent.futures.CancelledError)


class ClusterError(AnnlibError, RuntimeError):
    """A cluster that cannot do what it was asked for: its workers end, or there are none.

    Examples
    --------
    >>> from annlib import AnnlibError
    >>> issubclass(ClusterError, AnnlibError), issubclass(ClusterError, RuntimeError)
    (True, True)
    """


def distributed(where: str) -> Any:
    """The package of that name; raises ``ImportError`` that says what to install."""
    with needed(where, "Dask", "annlib[dask]"):
        import distributed as package
    return package


def check_client(client: Any, where: str) -> Any:
    """The client, or the current one for None; raises ``ConfigurationError``."""
    package = distributed(where)
    if client is None:
        try:
            client = package.default_client()
        except ValueError:
            raise ConfigurationError(
                f"{where}: expected a distributed.Client, got none, and none is current. Start "
                "one: client = distributed.Client(), or Client(address) of a cluster."
            ) from None
    if not isinstance(client, package.Client) or client.asynchronous:
        raise ConfigurationError(
            f"{where}: expected client as a distributed.Client that is not asynchronous, or None "
            f"for the current one, got {show(client)}."
        )
    if client.status != "running":
        raise ConfigurationError(
            f"{where}: expected a client that is connected, got one that is {client.status}. Make "
            "a new distributed.Client."
        )
    return client


class Watch:
    """Waits for futures as long as there is someone who can compute them.

    Parameters
    ----------
    client : distributed.Client
    worker_timeout : float
        Seconds without any worker, or without the scheduler, after which nothing is awaited.
    where : str
    """

    def __init__(self, client: Any, worker_timeout: float, where: str) -> None:
        self.client, self.worker_timeout, self.where = client, worker_timeout, where
        self._seen = time.monotonic()

    def result(self, future: Any, task: str, address: str = "") -> Any:
        """The result of a future; raises what its task has raised. With an address only the worker
        that is there can compute it.

        Raises
        ------
        ClusterError
            If all workers that took the task ended, or none is there.
        LOST
            If data that the task needs are on no worker any more.
        """
        killed = distributed(self.where).KilledWorker
        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                if future.status == "error":  # the task's own
                    raise
                self.look(address)
            except killed as error:
                raise ClusterError(
                    f"{self.where}: expected workers that live through {task}, got several that "
                    f"ended in it ({show(str(error))}). It, or what ran beside it, may need "
                    "more memory than they have: run it in a process of its own to see."
                ) from None

    def answer(self, future: Any, actor: Any, address: str) -> Any:
        """What a call has given of an actor, the future of which is known, at this address; raises
        what it has raised, or ``LOST``.
        """
        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                # Of an actor whose worker ended there may be no answer, and another at its address.
                if actor.status != "finished":
                    raise LOST[0] from None
                self.look(address)
            except OSError as error:
                raise LOST[0] from error

    def computed(self, values: Any, what: str) -> Any:
        """A collection of Dask as it is in memory, and anything else as it stands."""
        if not hasattr(values, "__dask_graph__"):
            return values
        try:
            return self.result(self.client.compute(values), f"the computation of {what}")
        except LOST:
            raise ClusterError(
                f"{self.where}: expected {what} that can be computed again, got data of workers "
                "that ended. Read them again, and fit once more."
            ) from None

    def look(self, address: str = "") -> bool:
        """Whether there is a worker; raises ``ClusterError`` after too long without one, and
        ``LOST`` if there is none at this address.
        """
        client = self.client
        try:
            there = client.nthreads() if client.status == "running" else {}
        except (OSError, RuntimeError):
            there = {}
        if there:
            self._seen = time.monotonic()
        elif client.status == "closed":
            raise ClusterError(
                f"{self.where}: expected a client that stays open, got one that was closed."
            )
        elif time.monotonic() - self._seen > self.worker_timeout:
            raise ClusterError(
                f"{self.where}: expected workers in the cluster, got none for "
                f"{self.worker_timeout:g} s (worker_timeout). See the workers' logs for why they "
                "ended, or start some."
            )
        if there and address and address not in there:
            raise LOST[0]
        return bool(there)

    def scatter(self, data: list[Any]) -> Any:
        """Futures of data, which are with all workers."""
        while True:
            if not self.look():
                time.sleep(_LOOK / 4)
                continue
            # One may end while it gets them; another look tells whether others are left.
            with contextlib.suppress(TimeoutError, OSError, *LOST):
                return self.client.scatter(data, broadcast=True, hash=False)
