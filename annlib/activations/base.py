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
from annlib.core.constructors import CallSignature
from annlib.core.errors import ConfigurationError
from annlib.core.expression import Operator, no_expression
from annlib.core.formula import Formula
from annlib.core.registry import Registry
from annlib.core.tracebacks import with_short_tracebacks
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

    Examples
    --------
    >>> import numpy as np
    >>> class Square(Activation):
    ...     needs_input = True
    ...     def forward(self, Z, A, work):
    ...         np.square(Z, out=A)
    ...     def backward(self, dA, Z, A, work):
    ...         np.multiply(dA, Z, out=dA)
    ...         np.multiply(dA, 2, out=dA)
    >>> Square()([[1.0, -3.0]])
    array([[1., 9.]])
    >>> from annlib.testing import check_activation
    >>> check_activation(Square())
    """

    __signature__ = CallSignature()

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
        """Write f(Z) into A.

        Parameters
        ----------
        Z : ndarray, (n, units)
            The input.
        A : ndarray, (n, units)
            The output; the same memory as Z unless the class ``needs_input``.
        work : Workspace
            Scratch: ``work.array("name", *shape)``, kept until ``backward``.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.activations import Tanh
        >>> from annlib.core.workspace import Workspace
        >>> Z = np.array([[0.0, 20.0]])
        >>> Tanh().forward(Z, Z, Workspace("float64"))
        >>> Z
        array([[0., 1.]])
        """
        raise NotImplementedError

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> Array | None:
        """Turn dE/dA into dE/dZ, in place; it runs after ``forward`` with the same ``work``.

        Parameters
        ----------
        dA : ndarray, (n, units)
            dE/dA, which becomes dE/dZ.
        Z : ndarray, (n, units)
            The input, intact only if the class ``needs_input``.
        A : ndarray, (n, units)
            The output.
        work : Workspace
            Scratch, with what ``forward`` left there.

        Returns
        -------
        ndarray or None, (n, units)
            dE/dZ, of a class whose A has another shape than Z.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.activations import Tanh
        >>> from annlib.core.workspace import Workspace
        >>> dA, A = np.array([[1.0, 1.0]]), np.array([[0.0, 0.5]])
        >>> Tanh().backward(dA, A, A, Workspace("float64"))
        >>> dA
        array([[1.  , 0.75]])
        """
        raise NotImplementedError

    def expression(self, Z: Any) -> Any:
        """f(Z) as NumPy computes it from new arrays, without ``out`` and ``work``.

        ``annlib.export`` calls it with a symbol that notes what is done, and writes that for other
        programs.

        Parameters
        ----------
        Z : ndarray or symbol, (n, units)
            The input. The axis of the rows is -1 to ``reshape``.

        Returns
        -------
        ndarray or symbol, (n, units)

        Raises
        ------
        ConfigurationError
            Of a class that has none, and so cannot be exported.

        Examples
        --------
        >>> import numpy as np
        >>> class Square(Activation):
        ...     def forward(self, Z, A, work):
        ...         np.square(Z, out=A)
        ...     def expression(self, Z):
        ...         return Z * Z
        """
        raise no_expression(self)

    def onnx_operator(self) -> Operator | None:
        """The operator of ONNX that computes the same, where there is one.

        Returns
        -------
        tuple or None
            Its name and its attributes.

        Examples
        --------
        >>> from annlib.activations import LeakyReLU
        >>> LeakyReLU(0.1).onnx_operator()
        ('LeakyRelu', {'alpha': 0.1})
        """
        return None

    def gradient(self, dA: Array, Z: Array, A: Array, work: Workspace) -> Array:
        """dE/dZ: what ``backward`` returns, or else dA, which it has turned into that.

        Parameters
        ----------
        dA, Z, A : ndarray, (n, units)
            As ``backward`` takes them.
        work : Workspace
            That of ``forward``.

        Returns
        -------
        ndarray, (n, units)

        Raises
        ------
        NotImplementedError
            Of a subclass without ``backward``.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.activations import Sigmoid
        >>> from annlib.core.workspace import Workspace
        >>> A = np.array([[0.5, 1.0]])
        >>> Sigmoid().gradient(np.array([[1.0, 1.0]]), A, A, Workspace("float64"))
        array([[0.25, 0.  ]])
        """
        dZ = self.backward(dA, Z, A, work)
        return dA if dZ is None else dZ

    def differentiate(self, Z: Array, A: Array, D: Array, work: Workspace) -> None:
        """Write f(Z) into A and f'(Z) into D, of one that is ``elementwise``.

        Override it where both share much, such as an exponential.

        Parameters
        ----------
        Z, A, D : ndarray, (n, units)
            Input, output and slopes: three that share no memory.
        work : Workspace
            Scratch.

        Raises
        ------
        NotImplementedError
            Of a subclass without ``forward`` or ``backward``.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.activations import ReLU
        >>> from annlib.core.workspace import Workspace
        >>> Z = np.array([[-1.0, 2.0]])
        >>> A, D = np.empty_like(Z), np.empty_like(Z)
        >>> ReLU().differentiate(Z, A, D, Workspace("float64"))
        >>> A, D
        (array([[0., 2.]]), array([[0., 1.]]))
        """
        self.forward(Z, A, work)
        D.fill(1)
        slope = self.gradient(D, Z, A, work)
        if slope is not D:
            np.copyto(D, slope)

    def output_shape(self, shape: AnyShape) -> AnyShape:
        """The shape of A for a Z of this one: the same unless overridden.

        Parameters
        ----------
        shape : tuple, (n, ...)
            Of Z; n may be None.

        Returns
        -------
        tuple, (n, ...)

        Raises
        ------
        ShapeError
            If it is no function of arrays of this shape.

        Examples
        --------
        >>> from annlib.activations import GLU, ReLU
        >>> ReLU().output_shape((None, 8)), GLU().output_shape((None, 8))
        ((None, 8), (None, 4))
        """
        return shape

    def formula(self) -> Formula:
        r"""The formula that ``explain`` shows; of a class without one, that it is a function.

        Returns
        -------
        Formula
            Equations and derivatives as text, LaTeX and MathML.

        Examples
        --------
        >>> from annlib.activations import Tanh
        >>> Tanh().formula().derivatives
        ('\\frac{\\partial a_i}{\\partial z_i} = 1 - a_i^2',)
        """
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

    @with_short_tracebacks
    def __call__(self, x: Any, *values: Any, **arguments: Any) -> Array:
        """f(x) in a new array, if need be with other arguments than its own.

        Parameters
        ----------
        x : array_like, (n, units)
            Or of any shape, if the activation is elementwise.
        *values, **arguments
            Those of the constructor, in its order or by name.

        Returns
        -------
        ndarray, of x's shape
            Of type float32 or float64; of a GLU with half the units.

        Raises
        ------
        DataError
            For what is no number.
        ShapeError
            If it is no function of arrays of this shape.
        ConfigurationError
            For an argument that it does not have, has twice, or that is out of its range.

        Examples
        --------
        >>> from annlib.activations import leaky_relu
        >>> leaky_relu([-1.0, 2.0], negative_slope=0.3)
        array([-0.3,  2. ])
        """
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
