"""DaskMLPClassifier and DaskMLPRegressor: perceptrons trained on data that lie in a cluster."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.packages import needed
from annlib.estimators import MLPClassifier, MLPRegressor
from annlib.estimators.documentation import documented
from annlib.estimators.perceptron.parameters import ATTRIBUTES, NESTED, PARAMETERS
from annlib.estimators.perceptron.training import chosen
from annlib.parallel.cluster import Watch, check_client
from annlib.parallel.dask_arrays import check_blocks, predict
from annlib.parallel.elsewhere import Elsewhere

#: Seconds without any worker, after which a training ends with an error.
_WORKER_TIMEOUT = 60.0
#: The parameters that need what a worker does not have, and the values with which they do not.
_ALONE = {
    "dropout": 0.0,
    "batch_normalization": False,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "warm_start": False,
}


class _OnDask:
    """What both do with a cluster."""

    _local: type[Any]
    _client: Any = None

    @property
    def client(self) -> Any:
        """The ``distributed.Client`` for ``fit``; None for the current one."""
        return self._client

    @client.setter
    def client(self, client: Any) -> None:
        self._client = None if client is None else check_client(client, type(self).__name__)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows that stay in the cluster, with new weights.

        Parameters
        ----------
        X : dask.array.Array of shape (n_samples, n_features)
            With blocks of known sizes.
        y : dask.array.Array or array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : dask.array.Array or array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ConfigurationError
            For a parameter that needs all rows in one place, a client that is closed or none.
        DataError
            If X is no Dask array of known blocks, or holds NaN, infinite values or other than
            numbers.
        ClusterError
            If there are no workers any more, or all end that take a block.
        ImportError
            If Dask is not installed.
        """
        name = type(self).__name__
        where = f"{name}.fit"
        client = check_client(self._client, where)
        given = self.get_params(deep=False)  # type: ignore[attr-defined]  # of the estimator
        for parameter, value in _ALONE.items():
            if given[parameter] not in (value, None):
                raise ConfigurationError(
                    f"{where}: expected {parameter}={value!r} on Dask, where a worker has a part "
                    f"of the rows, got {show(given[parameter])}. Take {self._local.__name__}, or "
                    "fit of a Sequential with strategy=annlib.parallel.MPI()."
                )
        if given["solver"] == "lbfgs" or chosen(self).full_batch:
            raise ConfigurationError(
                f'{where}: expected solver="adam" or "sgd", or an optimizer that trains batch by '
                f"batch, on Dask, got {show(given['solver'])} and {show(given['optimizer'])}."
            )
        with needed(where, "Dask", "annlib[dask]"):
            from dask import array
        X = check_blocks(X, array, where, "X")
        if X.ndim != 2 or X.dtype.kind not in "fiub":
            raise DataError(
                f"{where}: expected X with rows of numbers, (n_samples, n_features), got shape "
                f"{X.shape} of {X.dtype}."
            )
        watch = Watch(client, _WORKER_TIMEOUT, where)
        y, sample_weight = watch.computed(y, "y"), watch.computed(sample_weight, "sample_weight")
        X = client.persist(X.rechunk({1: -1}))
        if X.dtype.kind == "f" and not watch.computed(array.isfinite(X).all(), "X"):
            raise DataError(
                f"{where}: expected finite numbers in X, got NaN or infinity. Drop such rows, or "
                "impute them: dask.array.where(dask.array.isfinite(X), X, 0)."
            )
        numbers = _numbers_of_rows(X, given["dtype"], where)
        blocks = client.compute(list(X.to_delayed().ravel()))
        elsewhere = Elsewhere(watch, blocks, X.chunks[0])
        own = given["callbacks"]
        many = list(own) if isinstance(own, list | tuple) else [own]
        local = self._local(**{**given, "callbacks": [*many, elsewhere]})
        with client.as_current():  # whose actors ask for the current one
            local.fit(numbers, y, sample_weight)
        self.__dict__.update(local.set_params(callbacks=own).__dict__)
        return self

    def predict(self, X: Any) -> Any:
        """Predictions as a Dask array that is computed when it is asked for.

        Parameters
        ----------
        X : dask.array.Array of shape (n_samples, n_features)

        Returns
        -------
        dask.array.Array of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        DataError
            If X is no Dask array of known blocks.
        """
        return predict(self._here(), X)

    def to_local(self) -> Any:
        """A copy without Dask, which predicts arrays and may be trained on.

        Returns
        -------
        MLPClassifier or MLPRegressor
        """
        return copy.deepcopy(self._here())

    def _here(self) -> Any:
        local = self._local(**self.get_params(deep=False))  # type: ignore[attr-defined]  # as above
        local.__dict__.update({k: v for k, v in self.__dict__.items() if k != "_client"})
        return local

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_client"}


def _computed(values: Any) -> Any:
    """One number or label a row, in this process, of Dask's collections as of others."""
    return values.compute() if hasattr(values, "__dask_graph__") else values


def _numbers_of_rows(X: Any, dtype: Any, where: str) -> Array:
    """In the shape of X, in each column the number of the row, without the memory of it."""
    kind = np.float32 if X.dtype == np.float32 else np.float64
    rows, exact = len(X), np.finfo(np.dtype(dtype or kind)).nmant + 1
    if rows > 1 << exact:
        raise DataError(
            f"{where}: expected at most {1 << exact} rows of {np.dtype(dtype or kind)}, got "
            f'{rows}. Take dtype="float64".'
        )
    return np.broadcast_to(np.arange(rows, dtype=kind)[:, np.newaxis], X.shape)


@documented(parameters=PARAMETERS, nested=NESTED, attributes=ATTRIBUTES)
class DaskMLPClassifier(_OnDask, MLPClassifier):  # type: ignore[misc]  # Dask arrays in and out
    """An ``MLPClassifier`` whose rows lie in a Dask cluster.

    The weights are here: for each batch they go to the workers, which give back the gradients of
    their rows. So a worker that ends costs one step, and the weights are those of a local fit, of
    the same rows and ``random_state``, but for rounding. Targets and weights of rows are held
    here. Each step is a round trip to the workers.

    What needs all rows in one place is refused: ``dropout``, ``batch_normalization``,
    ``early_stopping``, ``warm_start`` and ``solver="lbfgs"``.

    Parameters
    ----------
    {parameters}
    loss : str or Loss, default="log_loss"
        Or a classification loss of annlib: ``"binary_focal_crossentropy"``, ...
    class_weight : dict, "balanced" or list of them, default=None
        By class label; multiplied with ``sample_weight``. A list has one for each column of y.
    {nested}

    Attributes
    ----------
    client : distributed.Client
        That of ``fit``: the current one unless it is set.
    classes_ : ndarray or list of ndarray
        The labels, sorted; of several columns a list.
    {attributes}

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.
    ConfigurationError
        In ``fit``, for one that needs all rows in one place.

    See Also
    --------
    annlib.parallel.search : Tries parameters on a cluster.

    Examples
    --------
    >>> net = DaskMLPClassifier((50,), random_state=0)  # doctest: +SKIP
    >>> net.client = distributed.Client("scheduler:8786")  # doctest: +SKIP
    >>> net.fit(X, y).predict(X_new).compute()  # doctest: +SKIP
    >>> net.to_local().predict(rows)  # doctest: +SKIP
    """

    _local = MLPClassifier

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes as a Dask array, computed when it is asked for.

        Parameters
        ----------
        X : dask.array.Array of shape (n_samples, n_features)

        Returns
        -------
        dask.array.Array of shape (n_samples, n_classes)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        DataError
            If X is no Dask array of known blocks.
        """
        return predict(self._here(), X, "predict_proba")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy, as a number.

        Parameters
        ----------
        X : dask.array.Array of shape (n_samples, n_features)
        y : dask.array.Array or array-like of shape (n_samples,)
        sample_weight : dask.array.Array or array-like of shape (n_samples,), default=None

        Returns
        -------
        float, in [0, 1]

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X, y and weights do not fit together.
        """
        parts = map(_computed, (y, self.predict(X)))
        return float(accuracy_score(*parts, sample_weight=_computed(sample_weight)))


@documented(parameters=PARAMETERS, nested=NESTED, attributes=ATTRIBUTES)
class DaskMLPRegressor(_OnDask, MLPRegressor):  # type: ignore[misc]  # as above
    """An ``MLPRegressor`` whose rows lie in a Dask cluster; see ``DaskMLPClassifier``.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        ``"poisson"``, or any of annlib's for numbers: ``"huber"``, ...
    {parameters}
    {nested}

    Attributes
    ----------
    client : distributed.Client
        That of ``fit``: the current one unless it is set.
    {attributes}

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.
    ConfigurationError
        In ``fit``, for one that needs all rows in one place.

    Examples
    --------
    >>> net = DaskMLPRegressor(random_state=0).fit(X, y)  # doctest: +SKIP
    """

    _local = MLPRegressor

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination, as a number.

        Parameters
        ----------
        X : dask.array.Array of shape (n_samples, n_features)
        y : dask.array.Array or array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : dask.array.Array or array-like of shape (n_samples,), default=None

        Returns
        -------
        float, at most 1

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X, y and weights do not fit together.
        """
        parts = map(_computed, (y, self.predict(X)))
        return float(r2_score(*parts, sample_weight=_computed(sample_weight)))
