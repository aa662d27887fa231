"""What an activation is: an equation and its derivative, in place on whole matrices.

To add one: a class with ``forward`` and ``backward`` side by side, ``@register()`` above it, and a
row in the tests' table of cases.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_numeric, to_array
from annlib.core.config import Configurable, refuse_unknown
from annlib.core.errors import ConfigurationError
from annlib.core.expression import Operator, no_expression
from annlib.core.formula import Formula
from annlib.core.registry import Registry
from annlib.core.workspace import Workspace

#: A shape that is known, or one with None for the batch.
AnyShape = TypeVar("AnyShape", Shape, BatchShape)


class Activation(Configurable):
    """A = f(Z), the same function in a Dense layer and in an Activation layer (paper 6.2, 7.2).

    A subclass writes

    - ``forward(Z, A, work)``: f(Z) into A. A may be the same memory as Z, unless ``needs_input``.
    - ``backward(dA, Z, A, work)``: turn dE/dA into dE/dZ, in place. Z is intact only if
      ``needs_input``; most derivatives need the output alone.

    Both are (n, units); scratch comes from ``work``. One whose A has another shape than Z says so
    in ``output_shape``, says ``needs_input``, and its ``backward`` returns dE/dZ.

    Called with an array, an activation returns a new one, if need be with other arguments than its
    own, in the constructor's order or by name: ``leaky_relu(x, 0.3)``,
    ``leaky_relu(x, negative_slope=0.3)``.
    """

    #: Whether the derivative needs Z, so that A gets memory of its own.
    needs_input: bool = False
    #: Whether each output depends on its own input alone (the paper's case 1), or on its row.
    elementwise: ClassVar[bool] = True
    #: The axis along which a row lies, for one that is not elementwise.
    axis: int = -1
    #: How a trace writes ``backward`` in code, and the paper's section and equation of its
    #: Jacobian, if it is not elementwise.
    backward_code: ClassVar[str] = ""
    jacobian_section: ClassVar[str] = ""
    #: The task of which its outputs are probabilities: each for itself, or a row together.
    task: ClassVar[Literal["binary", "classes"] | None] = None
    _watched = True
    _keras_methods = {"call": "forward", "__call__": "forward"}  # noqa: RUF012  # never changed
    _extending = (
        "Write forward(self, Z, A, work) and backward(self, dA, Z, A, work), as "
        "annlib.activations.Activation shows, or pass two functions (function, derivative)."
    )

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        raise NotImplementedError

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> Array | None:
        raise NotImplementedError

    def expression(self, Z: Any) -> Any:
        """f(Z) as NumPy computes it from new arrays, without ``out`` and ``work``: what
        ``annlib.export`` writes for other programs.

        The axis of the rows is -1 to ``reshape``; Z may be a symbol that notes what is done.

        >>> import numpy as np
        >>> class Square(Activation):
        ...     def forward(self, Z, A, work):
        ...         np.square(Z, out=A)
        ...     def expression(self, Z):
        ...         return Z * Z
        """
        raise no_expression(self)

    def onnx_operator(self) -> Operator | None:
        """The operator of ONNX that computes the same, and its attributes, where there is one."""
        return None

    def gradient(self, dA: Array, Z: Array, A: Array, work: Workspace) -> Array:
        """dE/dZ: what ``backward`` returns, or else dA, which it has turned into that."""
        dZ = self.backward(dA, Z, A, work)
        return dA if dZ is None else dZ

    def output_shape(self, shape: AnyShape) -> AnyShape:
        """The shape of A for Z of this one, (n, ...): the same unless overridden.

        Raises
        ------
        ShapeError
            If it is no function of arrays of this shape.
        """
        return shape

    def formula(self) -> Formula:
        """The formula that ``explain`` shows; of a class without one, that it is a function."""
        if self.elementwise:
            return self._formula(r"a_i = \operatorname{f}(z_i)", slope=r"\operatorname{f}'(z_i)")
        slope = r"\frac{\partial f_i}{\partial z_j}"
        return self._formula(r"a_i = f_i(\{Z\})", slope=slope)

    def _formula(self, *equations: str, slope: str, name: str = "", **more: Any) -> Formula:
        """A formula with this derivative."""
        by, shapes = "i", "{Z}, {A}, {D_A,Z}: [N × 1], element by element; a batch: (n, N)"
        if not self.elementwise:
            by = "j"
            shapes = "{Z}, {A}: [N × 1], [D_A,Z]: [N × N]; a batch: (n, N), row by row"
        derivatives = (rf"\frac{{\partial a_i}}{{\partial z_{by}}} = {slope}",)
        return Formula(name or self._names[0], "activation", equations, derivatives, shapes, **more)

    def __call__(self, x: Any, *values: Any, **arguments: Any) -> Array:
        if values or arguments:
            own = self._arguments()
            refuse_unknown(type(self).__name__, arguments.keys() - own.keys(), type(self))
            named = dict(zip(own, values, strict=False))
            if len(values) > len(own) or named.keys() & arguments.keys():
                raise ConfigurationError(
                    f"{type(self).__name__}: expected an array and each of {list(own)} at most "
                    f"once, got {len(values)} values after the array and {list(arguments)} by name."
                )
            return type(self)(**own | named | arguments)(x)
        x = to_array(x, type(self).__name__, "x")
        check_numeric(x, type(self).__name__, "x")
        dtype = x.dtype if x.dtype.char in "fd" else np.dtype(np.float64)
        shape = self.output_shape(x.shape) if x.ndim > 1 else x.shape
        if not x.size:
            return np.zeros(shape, dtype)
        Z = np.array(x, dtype, order="C", ndmin=2)
        A = np.empty(self.output_shape(Z.shape), dtype)
        self.forward(Z, A, Workspace(dtype))
        return A.reshape(shape if x.ndim > 1 else A.shape[2 - x.ndim :])


registry: Registry[Activation] = Registry("activation", Activation)
register = registry.register
