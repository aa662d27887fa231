"""Lambda: a function of one's own and its derivative, without a class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_batch_shape, check_numeric, check_shape
from annlib.core.config import Configurable, serialize
from annlib.core.errors import (
    AnnlibError,
    ConfigurationError,
    ShapeError,
    UnknownNameError,
    quote,
    show,
)
from annlib.core.formula import DX, DY, Formula, word
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register, registry

# Rows of the array on which a function is tried: two numbers, so that it shows which size is n.
_TRIED = (2, 3)
# Keywords that Keras gives to functions which take them.
_OF_THE_PASS = ("training", "mask")


@register("lambda")
class Lambda(Layer):
    """y = f(x), for any f that NumPy can compute of a whole batch.

    A function does not tell its derivative: there is no automatic differentiation. Without one the
    layer predicts, and trains what comes behind it; before it nothing can learn. A file holds the
    names of the functions alone. Who reads it has them registered, with ``layers.register()`` above
    each, or passes them as ``custom_objects``.

    Parameters
    ----------
    function : callable
        From the batch X, (n, ...), which is not to be written to, to an array of n rows.
    derivative : callable, optional
        ``derivative(X)`` of a function that is element by element: dy/dx for each of them. With two
        arguments, ``derivative(X, dY)``, of any other: dE/dX, in the shape of X, from dE/dY. What
        is wrong with it, ``annlib.testing.check_layer`` and ``gradcheck`` find.
    output_shape : tuple of int or callable, optional
        The shape of one row; a function makes that of the batch from that of the input. Without it
        the function is tried, on a few rows of ones.
    mask : None
        Keras' argument; annlib has no masks.
    arguments : dict, optional
        Keywords for the functions. One that takes ``training`` is told whether it is.

    Raises
    ------
    ConfigurationError
        For what is no function, or has no arguments to be called with.
    UnknownNameError
        For the name of a function that is neither registered nor in ``custom_objects``.

    Examples
    --------
    >>> import numpy as np
    >>> logarithm = Lambda(np.log1p, lambda X: 1 / (1 + X))
    >>> logarithm([[0.0, 1.0]]).round(4)
    array([[0.    , 0.6931]], dtype=float32)
    >>> def centred(X):
    ...     return X - X.mean(axis=-1, keepdims=True)
    >>> centre = Lambda(centred, lambda X, dY: centred(dY))
    >>> first_two = Lambda(lambda X: X[:, :2])
    >>> first_two.compute_output_shape((None, 5))
    (None, 2)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"function": np.tanh}

    def __init__(
        self,
        function: Callable[..., Any] | str,
        derivative: Callable[..., Any] | str | None = None,
        output_shape: Any = None,
        mask: None = None,
        arguments: Mapping[str, Any] | None = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        if mask is not None:
            raise ConfigurationError(
                f"Lambda: expected mask=None, got {show(mask)}: annlib has no masks. Leave it out, "
                "and let the function do what it should with such rows."
            )
        if not isinstance(arguments, Mapping | None) or not all(map(_is_word, arguments or ())):
            raise ConfigurationError(
                f"Lambda: expected arguments as a dict of keywords for the function, got "
                f"{show(arguments)}."
            )
        self.mask = None
        self.arguments = None if arguments is None else dict(arguments)
        self.function = _function(function, "function")
        self.derivative = None if derivative is None else _function(derivative, "derivative")
        self.output_shape = output_shape
        if isinstance(output_shape, str) or callable(output_shape):
            self.output_shape = _function(output_shape, "output_shape")
        elif output_shape is not None:
            self.output_shape = check_shape(output_shape, "Lambda", "output_shape", 0)
        #: Which keywords each function takes, and whether the derivative gets dY.
        known = (*(arguments or ()), *_OF_THE_PASS)
        own = _names_of(self.function, _OF_THE_PASS)
        self._taken = {"function": {*(arguments or ()), *own}}
        self._by_row = False
        if self.derivative is not None:
            self._taken["derivative"] = {*_names_of(self.derivative, known)}
            needed = _needed(self.derivative, known)
            if needed not in (1, 2):
                raise ConfigurationError(
                    "Lambda: expected derivative as a function of X, or of X and dY, got "
                    f"{show(self.derivative)} of {needed} arguments."
                )
            self._by_row = needed == 2
        #: The shapes of outputs by those of inputs, found by trying.
        self._found: dict[BatchShape, BatchShape] = {}

    @property
    def differentiable(self) -> bool:
        """Whether it was given a derivative."""
        return self.derivative is not None

    def no_derivative(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._where}: expected a derivative, since a layer below it learns, got a "
            "Lambda without one. Give Lambda(function, derivative): derivative(X) of a function "
            "element by element, derivative(X, dY) of any other; or freeze what is below it."
        )

    @property
    def _where(self) -> str:
        return f'layer "{self.name or self._names[0]}"'

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        if callable(self.output_shape):
            returned, what = self.output_shape(input_shape), "what output_shape returns"
            shape: BatchShape = check_batch_shape(returned, self._where, what, 1)
        elif self.output_shape is not None:
            shape = (input_shape[0], *self.output_shape)
        else:
            row = input_shape[1:]
            if row not in self._found:
                self._found[row] = self._tried(row)
            shape = (input_shape[0], *self._found[row])
        if self.derivative is not None and not self._by_row and shape[1:] != input_shape[1:]:
            raise ShapeError(
                f"{self._where}: expected a function element by element, since its "
                f"derivative is one of X alone, got rows of shape {shape[1:]} from rows of shape "
                f"{input_shape[1:]}. Take a derivative(X, dY), which returns dE/dX."
            )
        return shape

    def _tried(self, row: BatchShape) -> BatchShape:
        """The shape of a row that the function makes of one of this shape."""
        shapes: list[Shape] = []
        for n in _TRIED:
            x = np.ones(
                (n, *(n if size is None else size for size in row)), self.dtype or "float32"
            )
            try:
                with np.errstate(all="ignore"):
                    shapes.append(self._called("function", x, training=False).shape)
            except AnnlibError:
                raise
            except Exception as error:
                raise ConfigurationError(
                    f"{self._where}: expected a function of arrays of shape {x.shape}, got "
                    f"{type(error).__name__} for one of ones: {error}. If ones are no input for "
                    "it, say output_shape, the shape of a row that it returns."
                ) from error
            if shapes[-1][:1] != (n,):
                raise self._misfit("function", f"{n} rows of {n}", shapes[-1])
        pairs = zip(*shapes, strict=True)
        found: BatchShape = tuple(one if one == other else None for one, other in pairs)
        return found[1:]

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["x"], work["training"] = x, training
        values = self._called("function", x, training=training)
        shape = (len(x), *self.compute_output_shape(x.shape)[1:])
        if values.shape != shape:
            raise self._misfit("function", str(shape), values.shape)
        y = work.array("y", *values.shape)
        np.copyto(y, values, casting="same_kind")
        return y

    def expression(self, x: Any) -> Any:
        return self._returned("function", x, training=False).astype(self.dtype)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if not input_gradient:
            return None
        if self.derivative is None:
            raise self.no_derivative()
        x = work["x"]
        others = (_read_only(dy),) if self._by_row else ()
        values = self._called("derivative", x, *others, training=work["training"])
        if values.shape != x.shape:
            raise self._misfit("derivative", f"X's shape, {x.shape}", values.shape)
        dx = work.array("dx", *x.shape)
        if self._by_row:
            np.copyto(dx, values, casting="same_kind")
            return dx
        return np.multiply(dy, values, out=dx, casting="same_kind")

    def _called(self, which: str, x: Array, *others: Array, training: bool) -> Array:
        """What one of the functions returns for a batch, if that is numbers."""
        values = np.asarray(self._returned(which, _read_only(x), *others, training=training))
        check_numeric(values, self._where, f"what the {which} returns")
        return values

    def _returned(self, which: str, *given: Any, training: bool) -> Any:
        """What one of the functions returns, with the keywords that it takes."""
        known = {**(self.arguments or {}), "training": training, "mask": None}
        return getattr(self, which)(*given, **{name: known[name] for name in self._taken[which]})

    def _misfit(self, which: str, expected: str, shape: Shape) -> ShapeError:
        hint = "It gets the whole batch at once."
        if which == "derivative" and not self._by_row:
            hint += " A constant is np.full_like(X, constant)."
        return ShapeError(
            f"{self._where}: expected the {which} to return {expected}, got an array of "
            f"shape {shape}. {hint}"
        )

    def _named_functions(self) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for function in (self.function, self.derivative, self.output_shape):
            if callable(function):
                name = _name_of(function)
                if named.setdefault(name, function) is not function:
                    raise ConfigurationError(
                        f'Lambda: expected functions whose names differ, got two of name "{name}". '
                        "A file holds their names alone."
                    )
        return named

    def get_config(self) -> dict[str, Any]:
        names = {id(function): name for name, function in self._named_functions().items()}
        return {
            key: names.get(id(value)) or serialize(value, f"Lambda.{key}")
            for key, value in self._arguments().items()
        }

    def _written(self) -> dict[str, Any]:
        written = super()._written()
        for key, value in written.items():
            if (
                callable(value)
                and registry.function(name := registry.function_name(value)) is value
            ):
                written[key] = name
        return written

    def formula(self) -> Formula:
        if self.derivative is None or self._by_row:
            return super().formula()
        name = word(str(getattr(self.function, "__name__", "f")))
        return self._formula(f"y_i = {name}(x_i)", back=(f"{DX} = {name}'(x_i) {DY}",))


def _is_word(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier()


def _function(given: Any, argument: str) -> Callable[..., Any]:
    """The function, or the known one of this name."""
    if isinstance(given, str):
        found = registry.function(given)
        if found is None:
            raise UnknownNameError(
                f"Lambda: expected the name of a known function as {argument}, got {quote(given)}. "
                "Put layers.register() above the function, or, for a file, pass "
                f"custom_objects={{{quote(given)}: function}}. What annlib has by a name, such as "
                '"relu", is a layers.Activation.'
            )
        return found
    if not callable(given) or isinstance(given, type | Configurable):
        raise ConfigurationError(
            f"Lambda: expected {argument} as a function of an array, got {show(given)}."
            + (
                " Put a layer into the model itself, and an activation as layers.Activation."
                if isinstance(given, Configurable)
                else ""
            )
            + (" A shape is output_shape=(...)." if isinstance(given, tuple | list) else "")
        )
    return given  # type: ignore[no-any-return]  # it is callable


def _name_of(function: Any) -> str:
    """What a file calls a function."""
    name = registry.function_name(function)
    if not name.isidentifier():
        raise ConfigurationError(
            f"Lambda: expected a function with a name, which is what a file holds of it, got "
            f"{show(function)}. Write it with def, and put layers.register() above it."
        )
    return name


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of a function, unless it is one that does not tell them."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


def _names_of(function: Callable[..., Any], names: tuple[str, ...]) -> list[str]:
    """Those of these keywords that a function takes."""
    parameters = _parameters(function) or {}
    return [name for name in names if name in parameters]


def _needed(function: Callable[..., Any], known: tuple[str, ...]) -> int:
    """How many arguments a function must be given, beside those that have these names."""
    parameters = _parameters(function)
    if parameters is None:
        return int(getattr(function, "nin", 1))
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        p.kind in places and p.default is p.empty and name not in known
        for name, p in parameters.items()
    )


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
