"""What a metric is: a number about predictions that streams over batches and is exact.

To add one: a class with ``rows`` (or ``update_state`` and ``result``), ``@register()`` above it,
and a row in the tests' table of cases.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_name, check_numeric, to_array
from annlib.core.config import Configurable, serialize
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.core.registry import Registry
from annlib.core.sample_weights import as_sample_weights
from annlib.core.states import check_alike, check_array, check_keys, refuse
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss
from annlib.losses.base import registry as losses

Direction = Literal["up", "down"]
Reads = Literal["outputs", "scores", "probabilities", "logits"]

# Rounding may carry a mean of probabilities so far outside [0, 1].
_ROUNDING = 1e-5


class Metric(Configurable):
    """A number over batches: ``reset_state``, ``update_state`` for each batch, ``result``.

    It adds up in float64 whatever the batches' type. Called, it does both of the last: the result
    over everything since the last reset.

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    dtype : {"float32", "float64"}, optional
        As in Keras, and without effect on the result.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ArgumentError
        For an argument that it does not have; the message names the nearest.
    ShapeError, DataError
        When it is called, or takes in a batch, for shapes that do not agree, and for what is no
        number or no target of it.

    Examples
    --------
    >>> import numpy as np
    >>> class Largest(Metric):
    ...     def reset_state(self):
    ...         self.largest = 0.0
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         errors = np.abs(np.asarray(y_pred) - y_true)
    ...         self.largest = max(self.largest, float(errors.max()))
    ...     def result(self):
    ...         return self.largest
    >>> metric = Largest()
    >>> metric.update_state([1.0, 2.0], [1.5, 2.0])
    >>> metric.update_state([3.0], [1.0])
    >>> metric.result()
    2.0
    >>> metric.reset_state()
    >>> metric.result()
    0.0
    """

    #: Which way is better; callbacks with ``mode="auto"`` read it.
    direction: ClassVar[Direction | None] = None
    #: Of which numbers there is no value, so that the result is NaN; nothing if there always is.
    undefined_for: ClassVar[str] = ""
    #: Whether targets are rows of which the largest number is the class.
    of_classes: ClassVar[bool] = False
    #: Whether targets may be labels, (n,) or (n, 1), of predictions with a column for each class.
    takes_labels: ClassVar[bool] = False
    #: The end of an advice: how one that reads probabilities takes other scores.
    for_scores: ClassVar[str] = ""

    _stored_as = {"name": "_name"}  # noqa: RUF012  # never changed
    _takes_dtype = True
    _keras_methods = {  # noqa: RUF012  # never changed
        "call": "update_state",
        "__call__": "update_state",
        "reset_states": "reset_state",
    }
    _extending = (
        "Write update_state(self, y_true, y_pred, sample_weight=None), result(self) and "
        "reset_state(self), which makes the state: self.total = 0.0."
    )
    _instead = "Make a new one with other arguments, and compile again with it."

    def __init__(self, name: str | None = None) -> None:
        self._name = check_name(name, type(self).__name__)
        self.work = Workspace("float64")
        before = set(vars(self))
        try:
            self.reset_state()
        except (AttributeError, NotImplementedError) as error:
            raise self._stateless(f"{type(error).__name__}: {error}") from error
        self._remembers = tuple(sorted(vars(self).keys() - before))

    @property
    def name(self) -> str:
        """The name given, or the registered one."""
        return self._name or self._names[0]

    def reads(self, units: int) -> Reads:
        """What it takes the predictions for; a model gives them accordingly.

        ``outputs`` are those of the network, whatever they are; ``scores`` and ``probabilities``
        have been through the activation of a loss that takes logits, and the latter must lie in
        [0, 1]; ``logits`` have not been. A subclass that takes them in by a method of its own gets
        outputs, unless it says otherwise.

        Parameters
        ----------
        units : int, at least 1
            How many columns the predictions have.

        Returns
        -------
        {"outputs", "scores", "probabilities", "logits"}

        Examples
        --------
        >>> from annlib.metrics import AUC, MeanSquaredError
        >>> AUC().reads(1), MeanSquaredError().reads(1)
        ('probabilities', 'outputs')
        """
        return "outputs"

    def check_targets(self, Y: Array, where: str) -> None:
        """Raise an error if these, which the loss has taken, are no targets of the metric.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets of a data set, before any of it is used.
        where : str
            What a message begins with.

        Raises
        ------
        DataError
            If they are not.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.metrics import AUC
        >>> AUC().check_targets(np.array([0, 2]), "fit")
        Traceback (most recent call last):
            ...
        annlib.core.errors.DataError: fit: expected targets that are 0 or 1, got 2. Re-code them;
        classes as one-hot rows.
        """

    def settle(self, *, of_labels: bool) -> None:
        """Learn from a model whether a row has each class or not, or (as far as known) one.

        Parameters
        ----------
        of_labels : bool
            Whether it has each or not.

        Examples
        --------
        Predictions of a row are then compared with 0.5 each, and not with each other:

        >>> from annlib.metrics import F1Score
        >>> metric = F1Score(average="micro")
        >>> metric.settle(of_labels=True)
        >>> metric([[1, 1]], [[0.9, 0.8]])
        1.0
        """

    def rename(self, name: str) -> None:
        """Report under this name.

        Parameters
        ----------
        name : str
            How logs and History call it.

        Examples
        --------
        >>> from annlib.metrics import Mean
        >>> metric = Mean()
        >>> metric.rename("cost")
        >>> metric.name
        'cost'
        """
        self._name = name

    def add_weight(self, *arguments: Any, **keywords: Any) -> None:
        """Always an error: Keras makes the state so, here ``reset_state`` does.

        Parameters
        ----------
        *arguments, **keywords
            Keras'.

        Raises
        ------
        ConfigurationError
            Which says what to write instead.

        Examples
        --------
        >>> from annlib.metrics import Mean
        >>> try:
        ...     Mean().add_weight("total")
        ... except ValueError as error:
        ...     print(str(error).rpartition("In place of")[2])
         self.total = self.add_weight(...) write self.total = 0.0 in reset_state, and self.total +=
         ... in update_state.
        """
        raise self._stateless("a call of add_weight")

    def _stateless(self, got: str) -> ConfigurationError:
        return ConfigurationError(
            f"{type(self).__name__}: expected a reset_state that makes the state, and is called "
            f"first by the constructor, got {got}. In place of self.total = self.add_weight(...) "
            "write self.total = 0.0 in reset_state, and self.total += ... in update_state."
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true : array_like, (n, units) or (n,)
            Targets of the predictions' shape, or labels (n,) for a sparse metric.
        y_pred : array_like, (n, units) or (n,)
            Predictions.
        sample_weight : float or array_like, (n,), optional
            What each row counts, 1 without; also (n, units), where the outputs are alike.

        Raises
        ------
        ShapeError
            If the shapes do not agree; nothing is broadcast.
        DataError
            For what is no number, or no target of the metric.
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def result(self) -> float | Array:
        """The metric over everything since the last ``reset_state``.

        Returns
        -------
        float or ndarray, (columns,)
            An array where the metric has a number for each column or threshold.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget everything; the constructor calls it first, so that it makes the state.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """What it has taken in: the attributes that ``reset_state`` makes.

        Returns
        -------
        dict of str to object
            By the attribute's name.

        Examples
        --------
        >>> from annlib.metrics import Mean
        >>> metric = Mean()
        >>> metric.update_state([1.0, 3.0])
        >>> metric.get_state()
        {'count': 2.0, 'total': 4.0}
        """
        return {name: getattr(self, name) for name in self._remembers}

    @np.errstate(all="ignore")
    def check_state(self, state: Any) -> None:
        """Raise an error unless ``get_state`` could have given this: tried on a copy.

        Parameters
        ----------
        state : dict of str to object
            As a file holds it.

        Raises
        ------
        ModelFormatError
            If it could not.

        Examples
        --------
        >>> from annlib.metrics import Mean
        >>> Mean().check_state({"total": 4.0})
        Traceback (most recent call last):
            ...
        annlib.core.errors.ModelFormatError: state of mean: expected a state of count, total, got
        ['total'].
        """
        place, trial = f"state of {self.name}", copy.deepcopy(self)
        trial.reset_state()
        own = trial.get_state()
        check_keys(state, own, place)
        check_alike(state, own, place)
        for name, value in own.items():
            if not isinstance(value, np.ndarray):
                continue
            # As many columns as the data have, which a metric that was reset may not know.
            if value.ndim == 1:
                check_array(state[name], value, f"{place}.{name}", rows=True)
            elif getattr(state[name], "dtype", None) != value.dtype:
                raise refuse(f"{place}.{name}", f"an array of {value.dtype}", state[name])
        if repr(state) != repr(own):  # one of the user's own may have no result of nothing
            trial.set_state(copy.deepcopy(state))
            trial.result()

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``get_state`` gave.

        Parameters
        ----------
        state : dict of str to object
            By the attribute's name.

        Raises
        ------
        KeyError
            If an attribute is not in it; ``check_state`` says more.

        Examples
        --------
        >>> from annlib.metrics import Mean
        >>> metric = Mean()
        >>> metric.set_state({"total": 4.0, "count": 2.0})
        >>> metric([6.0])
        3.3333333333333335
        """
        for name in self._remembers:
            setattr(self, name, state[name])

    @with_short_tracebacks
    def __call__(self, *batch: Any, **keywords: Any) -> Any:
        """``update_state``, then ``result``: over this batch and all since the last reset.

        Parameters
        ----------
        *batch, **keywords
            As ``update_state`` takes them.

        Returns
        -------
        float or ndarray, (columns,)

        Raises
        ------
        ShapeError, DataError
            As ``update_state``.
        """
        self.update_state(*batch, **keywords)
        return self.result()

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output can have a weight, and not only each row."""
        return False

    def weights_of(self, rows: int, sample_weight: Any, outputs: Shape = ()) -> Array | None:
        """Sample weights as an array, in a buffer.

        Parameters
        ----------
        rows : int, at least 0
            How many rows the batch has.
        sample_weight : float or array_like, (n,) or (n, units), or None
            As the user gave them.
        outputs : tuple of int
            The predictions' shape, where each output may have a weight.

        Returns
        -------
        ndarray or None, (n,) or (n, units)

        Raises
        ------
        ShapeError
            If there is not one for each row, or each output.
        DataError
            For what is no number.

        Examples
        --------
        >>> from annlib.metrics import Mean
        >>> Mean().weights_of(2, [0.5, 1.0])
        array([0.5, 1. ])
        """
        if sample_weight is None:
            return None
        where = type(self).__name__
        given = to_array(sample_weight, where, "sample_weight")
        check_numeric(given, where, "sample_weight")
        given = as_sample_weights(
            given,
            outputs or (rows,),
            each=bool(outputs),
            expected=f"{where}: expected one sample weight a row,",
        )
        weights = self.work.array("weights" if given.ndim == 1 else "cell_weights", *given.shape)
        np.copyto(weights, given)
        return weights

    # Metrics have state, and are compared by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class RunningMean(Metric):
    """A metric that is a sum over a weight, 0 over nothing."""

    def reset_state(self) -> None:
        # Python floats: sums of whole numbers stay exact, others are good to 1e-16.
        self.total = 0.0
        self.count = 0.0

    def add(self, values: Array, weights: Array | None) -> None:
        """Take in numbers ``values``, (n,); their weights are written over."""
        if weights is None:
            self.total += float(np.add.reduce(values, dtype=np.float64))
            self.count += len(values)
        else:
            self.count += float(np.add.reduce(weights))
            self.total += float(np.add.reduce(np.multiply(values, weights, out=weights)))

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0


class MeanOverRows(RunningMean):
    """A metric that is the (weighted) mean of one number a row.

    A subclass writes ``rows(Y, A, work)``, which returns these numbers, (n,). 0 over no rows.

    Examples
    --------
    >>> class WithinTenPercent(MeanOverRows):
    ...     def rows(self, Y, A, work):
    ...         return np.all(np.abs(A - Y.reshape(A.shape)) <= 0.1 * A, axis=1).astype(float)
    >>> WithinTenPercent()([1.0, 2.0], [1.05, 3.0])
    0.5
    """

    #: A label of rows that do not count, of a metric of one label a row.
    ignore_class: int | None = None

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        """One number for each row of targets Y and predictions A, (n,).

        Scratch comes from ``work``.
        """
        raise NotImplementedError

    def outputs(self, Y: Array, A: Array, work: Workspace) -> Array:
        """One number an output, of A's shape, where those of ``rows`` are means of such.

        Y are the targets, A the predictions; scratch comes from ``work``.
        """
        raise NotImplementedError

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output can have a weight: no class below that of ``outputs`` has ``rows`` of
        its own.
        """
        writes = [cls for cls in type(self).__mro__ if {"rows", "outputs"} & vars(cls).keys()]
        return "outputs" in vars(writes[0]) and writes[0] is not MeanOverRows

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        Y, A = arrays_of(y_true, y_pred, type(self).__name__)
        if sample_weight is not None and not self.weighs_outputs:
            Y, A, sample_weight = _weighed_vectors(Y, A, sample_weight)
        weights = self.weights_of(len(A), sample_weight, A.shape if self.weighs_outputs else ())
        if self.ignore_class is not None:
            Y, weights = self._without_ignored(Y, weights)
        if weights is None or weights.ndim == 1:
            self.add(self.rows(Y, A, self.work), weights)
        else:
            np.multiply(weights, len(A) / A.size, out=weights)  # a row's outputs count as one row
            self.add(self.outputs(Y, A, self.work).reshape(-1), weights.reshape(-1))

    def _without_ignored(self, Y: Array, weights: Array | None) -> tuple[Array, Array]:
        """Another label for the rows that do not count, and 0 for their weight."""
        if not Y.ndim or Y.size != len(Y):
            raise ShapeError(
                f"{type(self).__name__}: expected one label a row, (n,), with an ignore_class, got "
                f"{Y.shape}."
            )
        there = self.work.array("there", *Y.shape, dtype=bool)
        np.not_equal(Y, self.ignore_class or 0, out=there)
        counted = self.work.array("counted", len(Y))
        np.copyto(counted, there.reshape(-1))
        if weights is not None:
            np.multiply(counted, weights, out=counted)
        labels = self.work.array(f"counted_labels.{Y.dtype.char}", *Y.shape, dtype=Y.dtype)
        return np.multiply(Y, there, out=labels), counted


class MeanMetricWrapper(MeanOverRows):
    """The mean over rows of a plain function ``fn(y_true, y_pred)``, one number a row.

    A file and a configuration hold a function's name alone: who reads them has the function under
    that name in ``custom_objects``.

    Parameters
    ----------
    fn : callable or Loss
        Of targets and predictions, (n, units), returning one number a row, (n,), or one number for
        the batch.
    name : str, optional
        The function's own name without one.

    Raises
    ------
    ConfigurationError
        If ``fn`` cannot be called.
    ShapeError
        When outputs have weights of their own, if ``fn`` gives no number for each.

    Examples
    --------
    >>> def within(y_true, y_pred):
    ...     return abs(y_pred - y_true) <= 0.1
    >>> MeanMetricWrapper(within)([[1.0], [2.0]], [[1.05], [3.0]])
    0.5
    """

    def __init__(
        self, fn: Callable[[Array, Array], Any] | Loss | str, name: str | None = None
    ) -> None:
        if isinstance(fn, str):
            fn = registry.function(fn) or fn
        elif isinstance(fn, dict):
            fn = losses.get(fn, "MeanMetricWrapper.fn")
        other = isinstance(fn, Configurable) and not isinstance(fn, Loss)
        if not callable(fn) or other:
            raise ConfigurationError(
                "MeanMetricWrapper: expected fn as a function of y_true and y_pred, got "
                f"{show(fn)}."
            )
        self.fn = fn
        super().__init__(name or getattr(fn, "__name__", None) or getattr(fn, "name", "metric"))

    def outputs(self, Y: Array, A: Array, work: Workspace) -> Array:
        values = np.asarray(self.fn(Y, A), np.float64)
        if values.shape != A.shape:
            raise ShapeError(
                f'MeanMetricWrapper "{self.name}": expected fn to return a number an output, of '
                f"shape {A.shape}, where outputs have weights of their own or targets are missing, "
                f"got shape {values.shape}. Leave out the mean over the outputs."
            )
        return values

    @property
    def function_name(self) -> str | None:
        """What a configuration calls the function; None where ``fn`` is none, but a loss."""
        if isinstance(self.fn, Configurable):
            return None
        return registry.function_name(self.fn) or "metric"

    def _named_functions(self) -> dict[str, Any]:
        return {} if self.function_name is None else {self.function_name: self.fn}

    def reads(self, units: int) -> Reads:
        loss = self.fn
        if not isinstance(loss, Loss) or loss.task == "regression" or loss.margin:
            return "outputs"
        return "logits" if loss.from_logits else "probabilities"

    def get_config(self) -> dict[str, Any]:
        arguments, where = self._arguments(), type(self).__name__
        if self.function_name is not None:
            arguments = {
                key: self.function_name if value is self.fn else value
                for key, value in arguments.items()
            }
        return {key: serialize(value, f"{where}.{key}") for key, value in arguments.items()}

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        values = np.asarray(self.fn(Y, A), np.float64)
        return np.full(len(A), values) if values.ndim == 0 else values.reshape(len(A), -1).mean(1)


def arrays_of(y_true: Any, y_pred: Any, where: str) -> tuple[Array, Array]:
    """Targets as they are and predictions as (n, k), both numbers."""
    Y, A = to_array(y_true, where, "y_true"), to_array(y_pred, where, "y_pred")
    check_numeric(Y, where, "y_true")
    check_numeric(A, where, "y_pred")
    return Y, A.reshape(-1, 1) if A.ndim < 2 else A


def _weighed_vectors(Y: Array, A: Array, weights: Any) -> tuple[Array, Array, Any]:
    """Of predictions (n, k, N) with a weight for each vector of N: the vectors as rows."""
    if A.ndim < 3 or np.shape(weights) != A.shape[:-1]:
        return Y, A, weights
    rows = A.reshape(-1, A.shape[-1])
    Y = Y.reshape(rows.shape) if Y.shape == A.shape else Y.reshape(-1) if Y.size == len(rows) else Y
    return Y, rows, np.reshape(weights, -1)


def same_shape(Y: Array, A: Array, where: str) -> Array:
    """Targets in the shape of predictions (n, k): (n,) becomes (n, 1), nothing broadcasts."""
    if Y.ndim == 1 and A.shape[1:] == (1,):
        Y = Y.reshape(-1, 1)
    if Y.shape != A.shape:
        labels = " Make labels one-hot rows, or take a sparse metric." if Y.size == len(A) else ""
        raise ShapeError(
            f"{where}: expected targets of the predictions' shape {A.shape}, got {Y.shape}.{labels}"
        )
    return Y


def columns_of(A: Array, known: int, where: str) -> int:
    """How many columns predictions (n, k) have: as many as those before, if that is known."""
    if A.ndim != 2:
        raise ShapeError(
            f"{where}: expected predictions of shape (n, columns), got {A.shape}. "
            "Put a Flatten layer before the output layer."
        )
    if known and A.shape[1] != known:
        raise ShapeError(
            f"{where}: expected predictions of shape (n, {known}), as before, got {A.shape}. "
            "Call reset_state before other data."
        )
    return int(A.shape[1])


def column_sums(weights: Array, values: Array) -> Array:
    """The weighted sum of each column, by one weight a row or one a value."""
    if weights.ndim == 1:
        sums: Array = np.dot(weights, values)
        return sums
    return np.asarray(np.einsum("ij,ij->j", weights, values))


def check_probabilities(A: Array, where: str, instead: str, largest: float = 1.0) -> None:
    """Raise ``DataError`` unless these predictions are probabilities, or NaN.

    Parameters
    ----------
    A : array
    where : str
    instead : str
        The end of the advice: how the metric takes other scores.
    largest : float
        Infinite for what is yet to be divided by its sum.
    """
    if not A.size:
        return
    low, high = np.minimum.reduce(A, axis=None), np.maximum.reduce(A, axis=None)
    if low < -_ROUNDING or high > largest + _ROUNDING:
        raise DataError(
            f"{where}: expected predictions that are probabilities, in [0, 1], got values from "
            f"{low:.6g} to {high:.6g}. Pass them through a sigmoid or softmax first{instead}."
        )


registry: Registry[Metric] = Registry("metric", Metric, of_functions=True)
register = registry.register
