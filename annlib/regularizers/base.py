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
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace


class Regularizer(Configurable):
    """R(W), a number, and dR/dW, which is added to the loss' gradient.

    A subclass writes ``__call__(W)`` and ``add_gradient(W, dW, work, scale)``.

    Examples
    --------
    >>> import numpy as np
    >>> class Quartic(Regularizer):
    ...     def __call__(self, W):
    ...         return float((W**4).sum())
    ...     def add_gradient(self, W, dW, work, scale=1.0):
    ...         dW += scale * 4 * W**3
    >>> Quartic()(np.array([1.0, -2.0]))
    17.0
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
        """The penalty R(W), written by a subclass.

        Parameters
        ----------
        W : ndarray, of any shape
            A parameter, such as (features, units).

        Returns
        -------
        float

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        """Add scale * dR/dW to dW, in place; written by a subclass.

        Parameters
        ----------
        W : ndarray, of any shape
            A parameter.
        dW : ndarray, of W's shape
            The loss' gradient.
        work : Workspace
            Scratch: ``work.array("name", *shape)``.
        scale : float, at least 0
            What the penalty counts.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.core.workspace import Workspace
        >>> from annlib.regularizers import L2
        >>> dW = np.zeros(2)
        >>> L2(0.5).add_gradient(np.array([1.0, -3.0]), dW, Workspace("float64"))
        >>> dW
        array([ 1., -3.])
        """
        raise NotImplementedError

    def check_shape(self, shape: Shape, name: str) -> None:
        """Raise an error if it cannot penalize arrays of this shape; none is refused unless
        overridden.

        Parameters
        ----------
        shape : tuple of int
            That of the parameter, such as (features, units).
        name : str
            How a message calls the parameter.

        Raises
        ------
        ShapeError
            If it cannot.

        Examples
        --------
        >>> from annlib.regularizers import OrthogonalRegularizer
        >>> OrthogonalRegularizer().check_shape((3,), "dense/bias")
        Traceback (most recent call last):
            ...
        annlib.core.errors.ShapeError: OrthogonalRegularizer: expected a matrix, got dense/bias of
        shape (3,). Give that another regularizer.
        """

    def share(self, rows: float) -> float:
        """What a model multiplies it by: 1, or 1 / rows if it is ``divided``.

        Parameters
        ----------
        rows : float, at least 0
            The rows of the batch, or what they weigh.

        Returns
        -------
        float

        Examples
        --------
        >>> from annlib.regularizers import L2, Ridge
        >>> L2().share(32), Ridge().share(32)
        (1.0, 0.03125)
        """
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
        r"""The formula that ``explain`` shows; of a class without one, that it is a function.

        Returns
        -------
        Formula
            Equations and derivatives as text, LaTeX and MathML.

        Examples
        --------
        >>> from annlib.regularizers import L2
        >>> L2(0.5).formula().equations
        ('R = 0.5 \\sum w^2',)
        """
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
@with_short_tracebacks
def get(identifier: Any, where: str = "regularizers.get") -> Regularizer | None:
    """The regularizer that an argument stands for.

    Parameters
    ----------
    identifier : str, Regularizer, type, dict, (penalty, gradient) or None
        A registered name, an object or what ``get_config`` gave; or two functions of the
        parameter, the penalty and its gradient. None is none.
    where : str
        What a message begins with.

    Returns
    -------
    Regularizer or None

    Raises
    ------
    UnknownNameError
        For a name that is not registered; the message has the nearest.
    ConfigurationError
        For a penalty without its gradient, for the name alone of one that penalizes nothing by
        default (``"l1_l2"``), and anything else.

    Examples
    --------
    >>> get("l2")
    L2()
    >>> get((lambda W: (W**4).sum(), lambda W: 4 * W**3))(np.array([1.0, 2.0]))
    17.0
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
