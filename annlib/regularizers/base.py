"""What a regularizer is: a penalty on an array that is added to the loss, and its gradient.

To add one: a class with ``__call__`` and ``add_gradient``, ``@register()`` above it, and a row in
the tests' table of cases. For a try, a pair of plain functions of W will do, the penalty and its
gradient: ``Dense(8, kernel_regularizer=(lambda W: (W**4).sum(), lambda W: 4 * W**3))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, overload

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError
from annlib.core.formula import Formula, described
from annlib.core.registry import Registry
from annlib.core.workspace import Workspace


class Regularizer(Configurable):
    """R(W), a number, and dR/dW, which is added to the loss' gradient.

    A subclass writes ``__call__(W)`` and ``add_gradient(W, dW, work, scale)``, which adds
    scale * dR/dW to dW in place.
    """

    #: Whether a model divides the penalty by the rows of the batch, or by what they weigh.
    divided: ClassVar[bool] = False
    #: Whether it is a sum over the weights of a function of each, which can be drawn.
    elementwise: ClassVar[bool] = True
    _watched = True
    #: A penalty alone would go with the gradient of another, or with none.
    _keras_methods = {"__call__": "add_gradient"}  # noqa: RUF012  # never changed
    _extending = (
        "Write add_gradient(self, W, dW, work, scale=1.0), which adds scale dR/dW to dW in place, "
        "or pass two functions (penalty, gradient): annlib has no automatic differentiation."
    )

    def __call__(self, W: Array) -> float:
        raise NotImplementedError

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        raise NotImplementedError

    def check_shape(self, shape: Shape, name: str) -> None:
        """Raise ``ShapeError`` if it cannot penalize arrays of this shape."""

    def share(self, rows: float) -> float:
        """What a model multiplies it by, for a batch of so many rows, or of that weight."""
        if not self.divided:
            return 1.0
        return 1.0 / rows if rows else 0.0

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 for every W: no name stands for that, since it would go unnoticed."""
        return False

    def _is_default(self) -> bool:
        return super()._is_default() and not self.is_zero

    def formula(self) -> Formula:
        """The formula that ``explain`` shows; of a class without one, that it is a function."""
        return self._formula(r"\operatorname{r}(w)", slope=r"\operatorname{r}'(w)")

    def _formula(self, value: str, slope: str, **more: Any) -> Formula:
        return Formula(
            self._names[0],
            "regularizer",
            (f"R = {value}",),
            (rf"\frac{{\partial R}}{{\partial w}} = {slope}",),
            "[W], [D_R,W]: of one shape; R: a number",
            **more,
        )


class RegularizerFunction(Regularizer):
    """A penalty and its gradient as plain functions of the array, which cannot be saved."""

    def __init__(
        self, penalty: Callable[[Array], float], gradient: Callable[[Array], Array]
    ) -> None:
        self.penalty = penalty
        self.gradient = gradient

    def __call__(self, W: Array) -> float:
        return float(self.penalty(W)) + 0.0  # not -0.0

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        np.add(dW, scale * self.gradient(W), out=dW)


class OfEach(Regularizer):
    """The sum of a penalty on each of the parameters along the first axes of one."""

    elementwise = False

    def __init__(self, regularizer: Regularizer, axes: int) -> None:
        self.regularizer, self.axes = regularizer, axes

    def _each(self, W: Array) -> Array:
        return W.reshape(-1, *W.shape[self.axes :])

    def __call__(self, W: Array) -> float:
        return float(sum(map(self.regularizer, self._each(W))))

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        for own, gradient in zip(self._each(W), self._each(dW), strict=True):
            self.regularizer.add_gradient(own, gradient, work, scale)

    def check_shape(self, shape: Shape, name: str) -> None:
        self.regularizer.check_shape(shape[self.axes :], name)

    def share(self, rows: float) -> float:
        return self.regularizer.share(rows)

    @property
    def is_zero(self) -> bool:
        return self.regularizer.is_zero

    def formula(self) -> Formula:
        return described(self.regularizer, Regularizer)

    def __repr__(self) -> str:
        return repr(self.regularizer)


registry: Registry[Regularizer] = Registry("regularizer", Regularizer)
register = registry.register


@overload
def get(identifier: None, where: str = ...) -> None: ...
@overload
def get(identifier: Any, where: str = ...) -> Regularizer: ...
def get(identifier: Any, where: str = "regularizers.get") -> Regularizer | None:
    """The regularizer of that name, the object itself or that of a pair of functions.

    None is none.

    Raises
    ------
    ConfigurationError
        For the name alone of one that penalizes nothing by default: ``"l1_l2"``.
    """
    if identifier is None:
        return None
    if isinstance(identifier, tuple) and len(identifier) == 2 and all(map(callable, identifier)):
        return RegularizerFunction(*identifier)
    if callable(identifier) and not isinstance(identifier, type | Regularizer):
        raise ConfigurationError(
            f"{where}: expected a penalty with its gradient, got {identifier!r} alone: annlib has "
            "no automatic differentiation. Pass both, (penalty, gradient), each of the array W: "
            "(lambda W: 0.1 * (W**2).sum(), lambda W: 0.2 * W)."
        )
    found = registry.get(identifier, where)
    if isinstance(identifier, str | type) and found.is_zero:
        raise ConfigurationError(
            f"{where}: expected factors for {type(found).__name__}, got its name alone, "
            f"which penalizes nothing. Pass an object: {type(found).__name__}(...)."
        )
    return found
