"""A loss that is two plain functions, and what ``compile`` takes for a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_numeric
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import Formula
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss, LossArguments, registry
from annlib.losses.functions import LossFunction


class LossFunctionWrapper(Loss):
    """E_r = fn(y_true, y_pred)_r, and dE_r/da from a second function: there is no autodiff here.

    ``compile(loss=(fn, gradient))`` makes one. It works in memory of its own and cannot be saved
    with a model; a class derived from ``Loss`` can be, once it is registered.

    Parameters
    ----------
    fn : callable
        From targets and predictions, both (n, units) and read-only, to one number a row, (n,).
    gradient : callable
        From the same to the derivative of each row's number by its predictions, (n, units).
        ``annlib.testing.check_loss`` compares it with differences of ``fn``.

    Raises
    ------
    ConfigurationError
        If one of the two cannot be called.
    ShapeError, DataError
        When it is called, or in ``fit``, if a function returns another shape, or no numbers.

    Examples
    --------
    >>> def absolute(y_true, y_pred):
    ...     return np.abs(y_pred - y_true).mean(axis=-1)
    >>> def slope(y_true, y_pred):
    ...     return np.sign(y_pred - y_true) / y_pred.shape[-1]
    >>> loss = get((absolute, slope))
    >>> loss.name, loss([[0.0, 0.0]], [[1.0, -3.0]])
    ('absolute', 2.0)
    """

    drawn = None  # of any function

    _stored_as = {"name": "_name", "gradient": "_gradient"}  # noqa: RUF012  # never changed

    def __init__(
        self,
        fn: Callable[[Array, Array], Any],
        gradient: Callable[[Array, Array], Any],
        *shared: Any,
        **keywords: Unpack[LossArguments],
    ) -> None:
        super().__init__(*shared, **keywords)
        for argument, function in (("fn", fn), ("gradient", gradient)):
            if not callable(function) or isinstance(function, type):
                raise ConfigurationError(
                    f"{type(self).__name__}: expected {argument} as a function of y_true and "
                    f"y_pred, got {show(function)}."
                )
        self.fn = fn
        self._gradient = gradient  # `gradient` is the method that a model calls

    @property
    def name(self) -> str:
        """The name given, or the function's."""
        return self._name or str(getattr(self.fn, "__name__", self._names[0]))

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        hint = "one number a row; average over the outputs: .mean(axis=-1)"
        np.copyto(E, self._called(self.fn, "fn", Y, A, E.shape, hint))

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        hint = "each row's derivative by its predictions"
        np.copyto(dA, self._called(self._gradient, "gradient", Y, A, A.shape, hint))

    def _called(
        self,
        function: Callable[[Array, Array], Any],
        what: str,
        Y: Array,
        A: Array,
        shape: Shape,
        hint: str,
    ) -> Array:
        """What a function of the user's returns for this batch, if it can be used."""
        where = f'{type(self).__name__} "{self.name}"'
        values = np.asarray(function(_read_only(Y), _read_only(A)))
        if values.shape != shape:
            raise ShapeError(
                f"{where}: expected {what} to return shape {shape} for predictions of shape "
                f"{A.shape}, {hint}; got {values.shape}."
            )
        check_numeric(values, where, f"what {what} returns")
        return values

    def formula(self) -> Formula:
        return self._function(self.name)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


@with_short_tracebacks
def get(identifier: Any, where: str = "losses.get") -> Loss | None:
    """The loss that an argument stands for.

    Parameters
    ----------
    identifier : str, Loss, type, dict, (fn, gradient) or None
        A registered name or the name of a function of ``losses``, an object or what ``get_config``
        gave; or two plain functions, as of ``LossFunctionWrapper``. None is none, as in Keras.
    where : str
        What a message begins with.

    Returns
    -------
    Loss or None

    Raises
    ------
    UnknownNameError
        For a name that is not registered; the message has the nearest.
    ConfigurationError
        For a function alone, and for anything else that cannot be meant.

    Examples
    --------
    >>> get("mse")
    MeanSquaredError()
    >>> from annlib import losses
    >>> get(losses.huber)
    Huber()
    """
    return None if identifier is None else loss_of(identifier, where)


def loss_of(identifier: Any, where: str = "losses.get") -> Loss:
    """``get`` where there must be one."""
    if isinstance(identifier, tuple) and len(identifier) == 2:
        if not callable(identifier[0]):
            raise ConfigurationError(f"{where}: expected fn as a function, got {show(identifier)}.")
        return LossFunctionWrapper(*identifier)
    if isinstance(identifier, LossFunction):
        return identifier.cls()
    if callable(identifier) and not isinstance(identifier, type | Loss):
        raise ConfigurationError(
            f"{where}: expected a function with its gradient, got {show(identifier)} alone: "
            "annlib has no automatic differentiation. Pass (fn, gradient), where gradient(y_true, "
            "y_pred) returns the derivative of each row's loss by y_pred, or derive a class from "
            "annlib.losses.Loss."
        )
    return registry.get(identifier, where)
