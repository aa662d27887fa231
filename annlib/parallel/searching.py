"""A search for parameters by cross-validation, on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from annlib.core.checks import check_number
from annlib.core.errors import ConfigurationError, show
from annlib.core.packages import needed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.parallel.cluster import LOST, ClusterError, Watch, check_client

if TYPE_CHECKING:
    from sklearn.model_selection import GridSearchCV

#: How often the data are sent to workers again, when all that had them ended.
_AGAIN = 3


@with_short_tracebacks
def search(
    estimator: Any,
    grid: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any = 3,
    client: Any = None,
    scoring: Any = None,
    refit: Any = True,
    worker_timeout: float = 60.0,
) -> GridSearchCV:
    """Try all parameters of a grid by cross-validation on the workers of a Dask cluster.

    Each candidate and fold is one task. X and y are sent to the workers once. What a worker had
    begun when it ended is done by another one. The best parameters are fitted on all rows here.

    Parameters
    ----------
    estimator : estimator of scikit-learn or annlib
    grid : dict of lists, or a list of such
        As ``GridSearchCV`` takes it.
    X : array_like or frame, (n, features)
    y : array_like, (n,) or (n, outputs), optional
        What ``estimator.fit`` takes.
    cv : int, at least 2, splitter or iterable
    client : distributed.Client, optional
        The current one if none is given.
    scoring : str, callable, list or dict, optional
    refit : bool, str or callable
        As in ``GridSearchCV``: whether, and by which of several scores, the best one is fitted.
    worker_timeout : float, above 0
        Seconds without any worker after which the search ends with an error.

    Returns
    -------
    GridSearchCV
        scikit-learn's, fitted: ``cv_results_``, ``best_estimator_``, ``best_params_``,
        ``best_score_``, ``predict``, ...

    Raises
    ------
    ImportError
        If Dask or scikit-learn is not installed.
    ConfigurationError
        For what cannot be sent to other processes, or a client that is closed.
    ClusterError
        If a candidate ends every worker that takes it, or there are no workers.

    Examples
    --------
    >>> from annlib import MLPClassifier
    >>> grid = {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [(50,), (50, 50)]}
    >>> with distributed.Client() as client:  # doctest: +SKIP
    ...     found = search(MLPClassifier(), grid, X, y, client=client)
    >>> found.best_params_, found.predict(X_new)  # doctest: +SKIP
    """
    where = "search"
    worker_timeout = float(check_number(worker_timeout, where, "worker_timeout", "(0, inf)"))
    client = check_client(client, where)
    with needed(where, "scikit-learn", "scikit-learn"):
        from joblib import parallel_config
        from sklearn.model_selection import GridSearchCV
        from sklearn.utils import indexable
    for name, value in (("an estimator", estimator), ("a grid", grid), ("scoring", scoring)):
        _check_sent(value, where, name)
    X, y = indexable(X, y)
    found = GridSearchCV(
        estimator, grid, cv=cv, scoring=scoring, refit=refit, pre_dispatch="all", n_jobs=-1
    )
    backend = _backend(Watch(client, worker_timeout, where), X, y)
    try:
        with parallel_config(backend=backend, n_jobs=-1):
            found.fit(X, y)
    finally:
        backend.release()
    return found


def _check_sent(value: Any, where: str, name: str) -> None:
    """Raise ``ConfigurationError`` for what cannot be sent to another process."""
    from distributed.protocol.pickle import dumps

    try:
        dumps(value)
    except Exception as error:  # whatever an object's own methods raise
        raise ConfigurationError(
            f"{where}: expected {name} that can be pickled, to be sent to workers, got "
            f"{show(value)} ({show(str(error))}). Leave out open files, locks and connections."
        ) from None


class _Place(NamedTuple):
    """Stands for X (0) or y (1) in the arguments of a task."""

    number: int


def _run(work: list[Any], *data: Any) -> list[Any]:
    """What joblib wants done, on a worker."""

    def filled(value: Any) -> Any:
        return data[value.number] if isinstance(value, _Place) else value

    return [
        function(*map(filled, args), **{name: filled(value) for name, value in kwargs.items()})
        for function, args, kwargs in work
    ]


class _Job:
    """One batch of joblib's work, and its future."""

    def __init__(self, owner: Any, work: list[Any], done: Callable[[Any], None] | None) -> None:
        self.owner, self.work, self._done = owner, work, done
        self.start()

    def start(self) -> None:
        self.data = self.owner.data
        # Without retries: they are for errors of the task; another worker takes it in any case.
        self.future = self.owner.watch.client.submit(_run, self.work, *self.data, pure=False)

    def get(self, timeout: float | None = None) -> Any:
        """The result, which joblib asks for."""
        parameters = [kwargs.get("parameters") for _, _, kwargs in self.work]
        task = f"the fit of {show(parameters[0])}"
        while True:
            try:
                result = self.owner.watch.result(self.future, task)
            except LOST:
                self.owner.watch.look()
                if self.data is self.owner.data:
                    self.owner.send_again()
                self.start()
            else:
                if self._done is not None:
                    self._done(result)  # by which joblib counts
                return result


def _backend(watch: Watch, X: Any, y: Any) -> Any:
    """The way of joblib to a cluster; a class within, since joblib is imported where it is used."""
    from joblib.parallel import ParallelBackendBase

    class Futures(ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
        supports_sharedmem = False

        def __init__(self) -> None:
            super().__init__(nesting_level=0)
            self.watch, self.losses = watch, 0
            self.jobs: list[_Job] = []
            self.data = watch.scatter([X, y])

        def effective_n_jobs(self, n_jobs: int) -> int:
            return 2  # for 1 joblib works without a backend

        def submit(self, func: Any, callback: Any = None) -> _Job:
            places = {id(X): _Place(0), id(y): _Place(1)} if y is not None else {id(X): _Place(0)}
            work = [
                (
                    function,
                    [places.get(id(value), value) for value in args],
                    {name: places.get(id(value), value) for name, value in kwargs.items()},
                )
                for function, args, kwargs in func.items
            ]
            self.jobs.append(_Job(self, work, callback))
            return self.jobs[-1]

        apply_async = submit  # as joblib called it before 1.5

        def send_again(self) -> None:
            """Send the data to the workers that have come for those that ended."""
            self.losses += 1
            if self.losses > _AGAIN:
                raise ClusterError(
                    f"{watch.where}: expected workers that live through the fits, got {_AGAIN + 1} "
                    "times none of those left that had the data. They may need more memory than "
                    "they have: fit one candidate in a process of its own to see."
                )
            self.data = watch.scatter([X, y])

        def abort_everything(self, ensure_ready: bool = True) -> None:
            self.release()

        def release(self) -> None:
            """Let the cluster forget what is left."""
            with contextlib.suppress(OSError, RuntimeError, *LOST):  # of a scheduler that ended
                if watch.client.status == "running":
                    watch.client.cancel([job.future for job in self.jobs])
            self.jobs, self.data = [], []

    return Futures()
