"""What a layer is: the unit of the paper (1.2), a forward and a backward pass over a mini-batch.

A layer holds its configuration and views of its parameters, nothing else. What a pass has to
remember lives in the ``work`` that belongs to the pass (``annlib.core.workspace``). Five rules:

1. ``forward`` never writes to its input.
2. ``backward`` owns ``dy``: it may overwrite it and may return it.
3. What a pass returns is borrowed until the next call of that pass.
4. ``backward`` overwrites the gradients, never adds to them: there is no zero_grad.
5. ``backward`` leaves what ``forward`` has returned as it is: metrics read it afterwards.

To add a layer: a class in a file of its own, ``@register()`` above it, a row in the tests' table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypedDict

from annlib import constraints, initializers, regularizers
from annlib.activations import Activation
from annlib.constraints.base import OfEach as ConstraintOfEach
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import (
    check_count,
    check_flag,
    check_name,
    check_numeric,
    check_shape,
    to_array,
)
from annlib.core.config import is_own, refuse_unknown
from annlib.core.errors import ConfigurationError, NotBuiltError, ReadOnlyError, ShapeError, show
from annlib.core.expression import no_expression
from annlib.core.formula import Formula
from annlib.core.parameters import Parameter
from annlib.core.registry import Registry
from annlib.core.scheduled import Scheduled
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.views import ArrayView, AttributeView, same_memory
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.call import call
from annlib.regularizers.base import OfEach as RegularizerOfEach
from annlib.regularizers.names import RegularizerLike

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


class CommonArguments(TypedDict, total=False):
    """The keyword arguments that every layer takes, one excepted."""

    name: str | None
    trainable: bool
    activity_regularizer: RegularizerLike | None
    input_shape: Shape | None
    dtype: Any


class LayerArguments(CommonArguments, total=False):
    """The keyword arguments that every layer takes for which ``input_dim`` is a row's length."""

    input_dim: int | None


class Layer(Scheduled):
    """Base class: one step of a ``Sequential`` model.

    A subclass writes ``forward`` and ``backward``, and where it has parameters ``build``.

    Parameters
    ----------
    name : str, optional
        Unique in its model, without "/". By default the model names the layer by its class:
        ``dense``, ``dense_1``, ...
    trainable : bool
        False freezes the parameters; takes effect at the next ``compile``.
    activity_regularizer : str or Regularizer, optional
        A penalty on the layer's output, divided by the batch size.
    input_shape : tuple of int, optional
        The shape of one row, (features,), for the first layer of a model, which then is built at
        once. An ``Input`` before the layer says the same.
    input_dim : int, at least 1, optional
        The number of features of one row: short for ``input_shape=(input_dim,)``.
    dtype : {"float32", "float64"}, optional
        As in Keras, but it must be the model's, which alone has one.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or a regularizer of no known name.
    ArgumentError
        For an argument that the layer does not have; the message names the nearest.

    Examples
    --------
    A layer written with nothing but this interface:

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.add_weight("factor", (input_shape[-1],), initializer="ones")
    ...     def forward(self, x, work, *, training=False):
    ...         work["x"] = x
    ...         return np.multiply(x, self.factor, out=work.array("y", *x.shape))
    ...     def backward(self, dy, work, *, input_gradient=True):
    ...         np.einsum("ij,ij->j", dy, work["x"], out=self.gradients["factor"])
    ...         return np.multiply(dy, self.factor, out=dy)
    """

    #: Where the reference lists it: with the layers that do the like.
    group: str = "core"
    #: As the first of a model: the names of the columns of x, if it has learned from a frame.
    feature_names: tuple[str, ...] | None = None
    #: Whether it finds columns of its input by their names.
    takes_names: bool = False
    #: Whether it learns from data before training, by ``adapt``.
    adaptable: bool = False
    #: Whether values of its input become codes before batches are made of them, by ``encode``.
    encodes: bool = False
    #: Whether as the first of a model it gets numbers in double precision, whatever type the model
    #: has, and makes numbers of that of them.
    takes_double: bool = False
    #: How many networks side by side its output is of, along axis 1.
    members: int | None = None
    #: Whether a training pass needs several rows, since it is of their statistics.
    needs_rows: bool = False
    #: Whether training passes draw random numbers, from a stream of the layer's own.
    random: bool = False
    #: Whether it gives the numbers that it gets on as they are, at rest: in another shape at most.
    keeps_values: bool = False
    #: Whether as the first of a model it takes the rows of a sparse matrix as they are, in SciPy's
    #: CSR format. Others get them dense, a batch at a time; so do subclasses with a forward or
    #: backward of their own that do not say it themselves.
    takes_sparse: bool = False

    #: How many weights Keras' layer has after these, of which nothing follows: a count of rows.
    keras_weights_besides: int = 0

    @property
    def learns_statistics(self) -> bool:
        """Whether a training pass changes what it keeps beside its trainable parameters."""
        return any(type(part).commit is not Layer.commit for part in self._parts())

    #: The layers that it holds, of a ``Container``.
    _held: tuple[Layer, ...] = ()

    _stored_as = {"name": "_name"}  # noqa: RUF012  # never changed
    #: The layer given as an activation that is none; a model puts it behind this one.
    _followed_by: Layer | None = None
    #: What it draws from when it is called on its own.
    _stream: Any = None

    _takes_dtype = True
    _watched = True
    _keras_methods = {"call": "forward", "__call__": "forward"}  # noqa: RUF012  # never changed
    _extending = (
        "Write forward(self, x, work, *, training=False) and backward(self, dy, work, *, "
        "input_gradient=True), as annlib.layers.Layer shows. For dropout while predicting (Monte "
        "Carlo) take layers.Dropout, and call model(x, training=True)."
    )
    _settable: ClassVar[tuple[str, ...]] = ("trainable",)
    _instead = (
        "Make a new layer with other arguments, and put it into a new model; its weights are "
        "carried over by new.set_weights(old.get_weights())."
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None,
        input_dim: int | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self).__name__, unknown, type(self))
        where = type(self).__name__
        self._name = check_name(name, where)
        if "/" in (name or ""):
            raise ConfigurationError(
                f'{where}: expected name without "/", got {show(name)}: it separates layer and '
                "parameter in paths."
            )
        self._auto_name: str | None = None
        self.trainable = check_flag(trainable, where, "trainable")
        self.activity_regularizer = regularizers.get(
            activity_regularizer, f"{where}.activity_regularizer"
        )
        self.input_shape = (
            None if input_shape is None else check_shape(input_shape, where, "input_shape")
        )
        self.input_dim = None if input_dim is None else check_count(input_dim, where, "input_dim")
        self._forget()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in _announced(cls):
            setattr(cls, name, AttributeView(name))

    def _forget(self) -> None:
        """Drop the parameters: the layer is as before ``build``."""
        for name in getattr(self, "_bound", ()):
            self.__dict__.pop(name, None)
        #: The parameters by name, as ``forward`` and ``backward`` read them.
        self.arrays: dict[str, Array] = {}
        self._built_shape: BatchShape | None = None
        self._parameters: list[Parameter] = []
        self.gradients: dict[str, Array] = {}
        self._bound: tuple[str, ...] = ()
        #: ``trainable`` as it was when the vector was laid out: a change waits for ``compile``.
        self._effective_trainable = self.trainable
        #: A weak reference to the model whose parameter vector holds this layer's.
        self._owner: Any = None

    @property
    def _row_shape(self) -> Shape | None:
        """The shape of one row of input, if the constructor was told."""
        if self.input_shape is None and self.input_dim is not None:
            return (self.input_dim,)
        return self.input_shape

    @property
    def _expected_shape(self) -> BatchShape | None:
        """The shape of its input with the batch dimension, if it is known already."""
        if self._built_shape is None and self._row_shape is not None:
            return (None, *self._row_shape)
        return self._built_shape

    @property
    def _reads_sparse(self) -> bool:
        """Whether ``takes_sparse`` is said of the methods that it has."""
        return self.takes_sparse and self._says("takes_sparse", "forward", "backward")

    # -- what a subclass writes ------------------------------------------------------------------

    @property
    def codes(self) -> int | None:
        """Number of categories if the input is integer codes (``Embedding``), else None.

        As the first of a model it gets them as integers, and other input is refused.
        """
        return None

    @property
    def takes_codes(self) -> bool:
        """Whether codes are among its input, by which there is no derivative."""
        return self.codes is not None

    @property
    def differentiable(self) -> bool:
        """Whether there is a derivative of its output by its input."""
        return not self.takes_codes

    def no_derivative(self) -> ConfigurationError:
        """The error of a layer that is not ``differentiable``, above one that learns.

        Returns
        -------
        ConfigurationError
            To be raised by who builds a model.

        Examples
        --------
        >>> from annlib import layers
        >>> print(layers.Embedding(3, 2, name="words").no_derivative())
        layer "words": expected no layer that learns below an Embedding, got one: codes have no
        derivative to learn by. Put the Embedding first, or freeze what is below it.
        """
        kind = type(self).__name__
        return ConfigurationError(
            f'layer "{self.name}": expected no layer that learns below an {kind}, got one: codes '
            f"have no derivative to learn by. Put the {kind} first, or freeze what is below it."
        )

    def code_columns(self, features: int, names: tuple[str, ...] | None = None) -> dict[int, int]:
        """The columns of the input that are codes, each with the number of these.

        Parameters
        ----------
        features : int, at least 1
            How many columns the input has.
        names : tuple of str, optional
            The columns' names, if the model has learned from a frame.

        Returns
        -------
        dict of int to int
            The number of categories by position; empty for a layer of plain numbers.

        Raises
        ------
        ShapeError
            If the input has other columns than the layer takes.

        Examples
        --------
        >>> from annlib import layers
        >>> layers.Embedding(5, 2).code_columns(3)
        {0: 5, 1: 5, 2: 5}
        """
        return {} if self.codes is None else dict.fromkeys(range(features), self.codes)

    def encoders(self, features: int, names: tuple[str, ...] | None = None) -> dict[int, Layer]:
        """The columns of the input that become codes, each with the layer that knows them.

        Parameters
        ----------
        features : int, at least 1
            How many columns the input has.
        names : tuple of str, optional
            The columns' names, if the model has learned from a frame.

        Returns
        -------
        dict of int to Layer
            By position; empty unless the layer ``encodes``.

        Raises
        ------
        ShapeError
            If the input has other columns than the layer takes.

        Examples
        --------
        >>> from annlib import layers
        >>> layers.Dense(3).encoders(2), len(layers.StringLookup(vocabulary=["a"]).encoders(2))
        ({}, 2)
        """
        return dict.fromkeys(range(features), self) if self.encodes else {}

    def adapt(self, data: Any) -> None:
        """Learn from data before training, of a layer that is ``adaptable``.

        Parameters
        ----------
        data : array_like, frame or batches, (n, features)
            The rows to learn from: means and variances, boundaries or a vocabulary.

        Raises
        ------
        ConfigurationError
            If the layer learns nothing from data.
        DataError, ShapeError
            For data that the layer cannot learn from.

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.Normalization()
        >>> layer.adapt([[0.0], [2.0]])
        >>> layer([[4.0]])
        array([[3.]], dtype=float32)
        """
        raise ConfigurationError(
            f"{type(self).__name__}.adapt: expected a layer that learns from data before training, "
            f"got {self!r}. Adapt a Normalization, RobustScaling, Discretization, "
            "PiecewiseLinearEncoding, StringLookup or IntegerLookup."
        )

    def encode(self, x: Array, where: str, name: str) -> Array:
        """Values of any kind as codes, of a layer that ``encodes``.

        Parameters
        ----------
        x : ndarray, of any shape
            Texts, whole numbers or numbers, as the layer takes them.
        where : str
            What a message begins with.
        name : str
            How a message calls x.

        Returns
        -------
        ndarray of intp, of x's shape

        Raises
        ------
        DataError
            For a value that has no code.
        NotImplementedError
            Of a layer that does not encode.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import layers
        >>> layers.StringLookup(vocabulary=["a", "b"]).encode(np.array([["b"], ["?"]]), "here", "x")
        array([[2],
               [0]])
        """
        raise NotImplementedError

    def expression(self, x: Any) -> Any:
        """What ``forward`` computes at rest, written for new arrays, without ``out`` and ``work``.

        ``annlib.export`` calls it with a symbol that notes what is done, and writes that for other
        programs: Python, C and ONNX.

        Parameters
        ----------
        x : ndarray or symbol, (n, ...)
            The input. The axis of the rows is -1 to ``reshape``.

        Returns
        -------
        ndarray or symbol, (n, ...)
            The output.

        Raises
        ------
        ConfigurationError
            Of a layer that has none, and so cannot be exported.

        Examples
        --------
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.add_weight("factor", (input_shape[-1],), initializer="ones")
        ...     def forward(self, x, work, *, training=False):
        ...         return np.multiply(x, self.factor, out=work.array("y", *x.shape))
        ...     def expression(self, x):
        ...         return x * self.factor
        """
        raise no_expression(self)

    def build(self, input_shape: BatchShape) -> None:
        """Declare the parameters with ``add_weight``; allocates nothing.

        Parameters
        ----------
        input_shape : tuple, (None, ...)
            The shape of the input, with None for the batch.

        Raises
        ------
        ShapeError
            If the layer takes no input of this shape.

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.Dense(3)
        >>> layer.build((None, 2))
        >>> layer.count_params()
        9
        """

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        """The shape of the output: the input's unless overridden.

        Parameters
        ----------
        input_shape : tuple, (None, ...)
            The shape of the input, with None for the batch.

        Returns
        -------
        tuple, (None, ...)

        Raises
        ------
        ShapeError
            If the layer takes no input of this shape.

        Examples
        --------
        >>> from annlib import layers
        >>> layers.Flatten().compute_output_shape((None, 28, 28))
        (None, 784)
        """
        return input_shape

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        """The layer's output for a batch. It must not write to x.

        Parameters
        ----------
        x : ndarray, (n, ...)
            The batch, which may be the output of the layer below.
        work : Workspace
            The memory of the pass: scratch as ``work.array("y", *shape)``, and under names of the
            layer's own (``work["x"]``) what ``backward`` will need.
        training : bool
            Whether it is a training pass: dropout draws, statistics are those of the batch.

        Returns
        -------
        ndarray, (n, ...)
            Borrowed: valid until the next forward pass.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.core.workspace import Workspace
        >>> from annlib.layers import ReLU
        >>> ReLU().forward(np.array([[-1.0, 2.0]]), Workspace("float64"))
        array([[0., 2.]])
        """
        raise NotImplementedError

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        """The derivative by the input; writes that by each parameter into ``gradients[name]``.

        It runs after ``forward`` with the same ``work``. It owns ``dy``: it may overwrite and
        return it. The gradients are overwritten, never added to.

        Parameters
        ----------
        dy : ndarray, (n, ...)
            dE/dy, of the output's shape.
        work : Workspace
            The memory of the pass.
        input_gradient : bool
            False if nobody needs dE/dx; the result is not used then.

        Returns
        -------
        ndarray or None, (n, ...)
            dE/dx, of the input's shape.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.core.workspace import Workspace
        >>> from annlib.layers import ReLU
        >>> layer, work = ReLU(), Workspace("float64")
        >>> y = layer.forward(np.array([[-1.0, 2.0]]), work)
        >>> layer.backward(np.array([[5.0, 7.0]]), work)
        array([[0., 7.]])
        """
        raise NotImplementedError

    def commit(self, work: Workspace) -> None:
        """Take over what a training pass has learned on the way; called after its update.

        Parameters
        ----------
        work : Workspace
            The memory of the pass, with what ``forward`` left there: a batch's mean, for one.

        Examples
        --------
        A layer that counts its training passes:

        >>> class Counting(Layer):
        ...     passes = 0
        ...     def forward(self, x, work, *, training=False):
        ...         return x
        ...     def backward(self, dy, work, *, input_gradient=True):
        ...         return dy
        ...     def commit(self, work):
        ...         self.passes += 1
        """

    #: What the formula calls parameters, in LaTeX by their names, where that is another letter.
    _parameter_letters: ClassVar[Mapping[str, str]] = {}

    def _letters(self, work: Workspace) -> Mapping[str, Any] | None:
        """What the letters of the formula stood for in the last pass, for a trace that puts numbers
        into its equations; None of a layer whose equations are not those of rows along ``axis``.

        By the letters in LaTeX; x, y and what a line of the formula defines are known without it.
        """
        return None

    def formula(self) -> Formula:
        r"""The formula that ``explain`` shows; of a class without one, that it is a function.

        Returns
        -------
        Formula
            Equations and derivatives as text, LaTeX and MathML.

        Examples
        --------
        >>> from annlib import layers
        >>> layers.Dense(3).formula().equations
        ('\\{Z\\} = [W^T] \\{X\\} + \\{B\\}',)
        """
        back = r"\{D_{E,X}\} = [D_{Y,X}]^T \{D_{E,Y}\}"
        return self._formula(
            r"\{Y\} = \operatorname{f}(\{X\})", back=(back,), shapes="a batch: (n, ...)"
        )

    def _formula(
        self, *equations: str, back: tuple[str, ...], shapes: str = "", **more: Any
    ) -> Formula:
        """A formula with these derivatives."""
        shapes = shapes or "{X}, {Y}: [N × 1]; a batch: (n, N)"
        return Formula(self._names[0], "layer", equations, back, shapes, **more)

    def _arguments(self) -> dict[str, Any]:
        arguments = super()._arguments()
        return arguments | ({"activation": after} if (after := self._followed_by) else {})

    def _split_activation(self) -> tuple[Layer | None, Activation | None]:
        """The layer without its activation, and the activation, so that a loss can fuse with it."""
        return self, None

    @with_short_tracebacks
    def __call__(self, x: Any, training: bool | None = None) -> Array:
        """The output for rows of x, which may be what a model takes for x: an array, a frame, ...

        It is a call of a model of this one layer: the layer is built for x if it was not, and
        nothing else changes. In a model it computes with the weights that are trained there.

        Parameters
        ----------
        x : array_like or frame, (n, ...)
            The rows.
        training : bool, optional
            True computes as in a training pass, without what that would learn; a layer that draws
            takes other numbers at each call, from a stream of its own.

        Returns
        -------
        ndarray, (n, ...)
            It has ``numpy()``, as Keras' tensors have.

        Raises
        ------
        DataError, ShapeError, ConfigurationError
            For an x that a model would refuse, and for what is no data: there are no graphs of
            layers. Nothing is built then.

        Examples
        --------
        >>> from annlib import layers
        >>> layers.ReLU()([[-1.0, 2.0]])
        array([[0., 2.]], dtype=float32)
        """
        return call(self, x, training)

    # -- what it inherits ------------------------------------------------------------------------

    def add_weight(
        self,
        name: str,
        shape: Shape,
        initializer: InitializerLike | None = "glorot_uniform",
        regularizer: RegularizerLike | None = None,
        constraint: ConstraintLike | None = None,
        trainable: bool = True,
        *,
        stacked: int = 0,
    ) -> Parameter:
        """Declare a parameter, in ``build``.

        Once the model is built it is ``self.<name>`` and its gradient ``self.gradients[name]``:
        views into the model's vectors.

        Parameters
        ----------
        name : str
            That of an attribute which the layer does not have yet.
        shape : tuple of int
            Such as (features,) or (features, units).
        initializer : str or Initializer
        regularizer : str or Regularizer, optional
            A penalty on it.
        constraint : str or Constraint, optional
            What every update is followed by.
        trainable : bool
            False for what training does not change by its gradient, such as moving averages.
        stacked : int, at least 0
            With so many leading axes it is as many parameters of the rest of the shape, one behind
            the other, each of which is initialized, penalized and constrained as if it were alone.

        Returns
        -------
        Parameter
            The declaration, which has no values yet.

        Raises
        ------
        ConfigurationError
            If the name is taken, by another weight, an argument or a method; or for a shape that is
            none.

        Examples
        --------
        >>> layer = Layer()
        >>> layer.add_weight("factor", (3,), initializer="ones").shape
        (3,)
        """
        where = f"{type(self).__name__}.add_weight"
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigurationError(
                f"{where}: expected name as that of an attribute, got {show(name)}."
            )
        if any(p.name == name for p in self._parameters) or hasattr(self, name):
            raise ConfigurationError(
                f'{type(self).__name__}.add_weight: expected a free name, got "{name}", which the '
                "layer has already. Call the weight otherwise."
            )
        stacked = check_count(stacked, where, "stacked", 0)
        shape = check_shape(shape, where, "shape", 0)
        if constraint is not None:
            constraint = constraints.get(constraint, f"{where}: constraint")
            constraint = ConstraintOfEach(constraint, stacked) if stacked else constraint
            constraint.check_shape(shape, f"{self.name}/{name}")
        if regularizer is not None:
            regularizer = regularizers.get(regularizer, f"{where}: regularizer")
            if stacked and not regularizer.elementwise:
                regularizer = RegularizerOfEach(regularizer, stacked)
            regularizer.check_shape(shape, f"{self.name}/{name}")
        if not isinstance(initializer, initializers.Initializer):
            given = "glorot_uniform" if initializer is None else initializer
            initializer = initializers.get(given, f"{where}: initializer")
        trainable = check_flag(trainable, where, "trainable")
        values = partial(initializer.values_of_each, stacked) if stacked else initializer.values
        parameter = Parameter(name, shape, values, regularizer, constraint, trainable)
        self._parameters.append(parameter)
        return parameter

    def _declare(self, input_shape: BatchShape) -> BatchShape:
        """Build, unless that is done; return the output shape."""
        if self._built_shape is None:
            made, self._made = self._made, False  # its own build may set its arguments
            try:
                self.build(input_shape)
            finally:
                self._made = made
            for name, value in vars(self).items():
                if isinstance(value, Parameter) and value.name != name:
                    raise ConfigurationError(
                        f'{type(self).__name__}.build: expected the weight "{value.name}" under '
                        f"its name, got self.{name} = self.add_weight(...), as Keras has it. "
                        f'Write self.add_weight("{name}", ...), and read self.{name}.'
                    )
            self._built_shape = input_shape
        return self.compute_output_shape(input_shape)

    @property
    def name(self) -> str | None:
        """The name given, or the one that the model gave."""
        return self._name or self._auto_name

    def _leaves(self) -> Iterator[tuple[str, Layer]]:
        """The layers that have its parameters, by path: itself, or the innermost that it holds."""
        yield str(self.name), self

    def _parts(self) -> Iterator[Layer]:
        """Itself and all layers inside."""
        yield self
        for inner in self._held:
            yield from inner._parts()

    @property
    def _learns(self) -> bool:
        """Whether training changes any of its parameters, as they were laid out last."""
        return any(
            leaf._effective_trainable and any(p.trainable for p in leaf._parameters)
            for _, leaf in self._leaves()
        )

    def _workspace(self, dtype: npt.DTypeLike, rng_of: Callable[[Layer], Any]) -> Workspace:
        """The memory of a pass for it."""
        return Workspace(dtype, rng_of(self))

    @property
    def dtype(self) -> str | None:
        """The type of its numbers: the model's; before there is one, that it was given, if any."""
        owner = self._owner() if self._owner is not None else None
        dtype: str | None = self._dtype if owner is None else owner.dtype
        return dtype

    @property
    def built(self) -> bool:
        """Whether the parameters are declared and have values."""
        return self._built_shape is not None and len(self._bound) == len(self._parameters)

    def _name_among(self, others: Iterable[Layer], where: str, *, yields: bool = False) -> None:
        """Give it a name that none of the others has, unless the user gave it one.

        With ``yields`` a name that was given counts more than one that was not, whichever is first.
        """
        others = list(others)
        alike = next((other for other in others if other.name == self.name), None)
        if self.name is None or (alike is not None and self._name is None):
            self._choose_name(others)
        elif alike is not None and alike._name is None and yields:
            alike._choose_name([self, *others])
        elif alike is not None:
            raise ConfigurationError(
                f'{where}: expected names that differ, got "{self.name}" twice. '
                "Name one of the layers otherwise."
            )

    def _choose_name(self, others: list[Layer]) -> None:
        """Give it a name that none of these has, nor its neighbours in the model that owns it."""
        owner = self._owner() if self._owner is not None else None
        near = [*others, *(owner.layers if owner is not None else ())]
        taken = {layer.name for layer in near if layer is not self}
        base = type(self)._names[0]
        name, count = base, 0
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        self._auto_name = name

    def _attach(self, values: dict[str, Array], gradients: dict[str, Array]) -> None:
        """Take views of the model's vectors as this layer's parameters and gradients."""
        self.arrays = values
        self.__dict__.update(values)
        self._bound = tuple(values)
        self.gradients = gradients

    def _detach(self) -> None:
        """Leave the model's vector: keep the values in arrays of the layer's own."""
        self._attach({name: value.copy() for name, value in self._values().items()}, {})
        self._owner = None

    def _values(self) -> dict[str, Array]:
        """The parameters by name, in the order of their declaration; empty before they exist."""
        return {p.name: self.arrays[p.name] for p in self._parameters if p.name in self._bound}

    if not TYPE_CHECKING:  # which would else take any attribute for one of the class

        def __setattr__(self, name: str, value: Any) -> None:
            if self._is_parameter(name):
                if not same_memory(value, self.__dict__.get(name)):
                    self._refuse_parameter(name)
                return  # what += has changed in place
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if self._is_parameter(name):
            self._refuse_parameter(name)
        super().__delattr__(name)

    def _is_parameter(self, name: str) -> bool:
        """Whether it is the name of a parameter, or will be once the layer is built."""
        later = self._made and name in _annotated(type(self))
        return later or name in self.__dict__.get("_bound", ())

    def _refuse_parameter(self, name: str) -> NoReturn:
        # Another array in the place of the view would never train, nor be saved.
        raise ReadOnlyError(
            f'{type(self).__name__}.{name}: expected the parameter of layer "{self.name}" to stay '
            "the view of the model's weights that it is, got another object in its place. Write "
            f"into it: layer.{name}[...] = values, or replace all: layer.set_weights([...])."
        )

    @property
    def weights(self) -> list[Array]:
        """The parameters in the order of their declaration: views, not copies."""
        return [weight for weight, _ in self._shown()]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those that training changes, unless the layer is frozen."""
        return [weight for weight, trains in self._shown() if trains]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The others: of a frozen layer all."""
        return [weight for weight, trains in self._shown() if not trains]

    def _shown(self) -> Iterator[tuple[Array, bool]]:
        """The parameters, those of layers inside too, and whether each is to train."""
        for _, leaf in self._leaves():
            own = leaf._values()
            for parameter in leaf._parameters if own else ():
                yield ArrayView.of(own[parameter.name]), leaf.trainable and parameter.trainable

    #: Keras' other names of the three.
    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Copies of the parameters, in the order of their declaration.

        Returns
        -------
        list of ndarray
            Each of its parameter's shape: of a ``Dense`` (features, units) and (units,).

        Raises
        ------
        NotBuiltError
            If there are none yet.

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.Dense(1, kernel_initializer="ones")
        >>> y = layer([[1.0, 2.0]])
        >>> layer.get_weights()
        [array([[1.],
               [1.]], dtype=float32), array([0.], dtype=float32)]
        """
        if not self.built:
            raise NotBuiltError(
                f'get_weights: expected a built layer, got "{self.name}" without weights. '
                "Build its model: model.build((None, n_features)), or fit."
            )
        return [value.copy() for value in self._values().values()]

    def set_weights(self, weights: list[Array]) -> None:
        """Replace the parameters, all or none: every shape is checked before any is touched.

        Parameters
        ----------
        weights : list of array_like
            What ``get_weights`` gave, or arrays of the same shapes, such as (features, units) and
            (units,).

        Raises
        ------
        ShapeError
            If they are not as many, or of other shapes.
        DataError
            For what is no number.

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.Dense(1)
        >>> y = layer([[1.0, 2.0]])
        >>> layer.set_weights([[[3.0], [4.0]], [5.0]])
        >>> layer([[1.0, 2.0]])
        array([[16.]], dtype=float32)
        """
        own = self._values()
        expected = [value.shape for value in own.values()]
        arrays = as_arrays(weights, "set_weights")
        if not self.built or [array.shape for array in arrays] != expected:
            raise ShapeError(
                f'set_weights: expected weights of shapes {expected} for layer "{self.name}", '
                f"got {[array.shape for array in arrays]}."
            )
        for name, array in zip(own, arrays, strict=True):
            check_numeric(array, "set_weights", f"{self.name}/{name}")
        for value, array in zip(own.values(), arrays, strict=True):
            value[...] = array

    def count_params(self) -> int:
        """How many numbers the parameters hold, those that do not train too.

        Returns
        -------
        int

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.BatchNormalization()
        >>> y = layer([[1.0, 2.0, 3.0]])
        >>> layer.count_params()
        12
        """
        return sum(math.prod(parameter.shape) for parameter in self._parameters)

    def count_multiplications(self) -> int | None:
        """How many products of numbers with weights or constants a row takes at rest.

        Of a layer with parameters the subclass says it.

        Returns
        -------
        int or None, at least 0
            None where the subclass does not say it.

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.Dense(3)
        >>> y = layer([[1.0, 2.0]])
        >>> layer.count_multiplications()
        6
        """
        return None if self._parameters else 0

    def _each_number(self) -> int | None:
        """How many numbers a row of the input has; None where its size is not known."""
        sizes = (self._built_shape or (None, None))[1:]
        return None if None in sizes else math.prod(size or 0 for size in sizes)

    @classmethod
    def _says(cls, fact: str, *methods: str) -> bool:
        """Whether it says this of itself, and no class below the one that does has a method of
        these of its own.
        """
        last = next(base for base in cls.__mro__ if {fact, *methods} & vars(base).keys())
        return fact in vars(last)

    def _shared_copy(self) -> Self:
        """A layer that shares this one's parameters and gradients, to be configured otherwise."""
        shared = object.__new__(type(self))
        shared.__dict__.update(self.__dict__)
        shared._made = False
        return shared

    def __getstate__(self) -> dict[str, Any]:
        # Views would come apart from their vector in a copy, silently: a copy carries arrays of
        # its own, and the copied model lays them out in a vector of its own.
        state = self.__dict__.copy()
        state["arrays"] = {name: value.copy() for name, value in self._values().items()}
        state |= state["arrays"]
        state["gradients"] = {}
        state["_owner"] = None
        return state

    # Layers are compared by identity, whatever their configuration.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _annotated(cls: type) -> frozenset[str]:
    """The parameters that annlib's own classes announce in their bodies."""
    return frozenset(chain.from_iterable(map(_announced, cls.__mro__)))


def _announced(cls: type) -> list[str]:
    """Those that a class itself announces, if it is annlib's own."""
    announced = vars(cls).get("__annotations__", {}) if is_own(cls) else {}
    return [name for name, type_ in announced.items() if type_ == "Array"]


def as_arrays(weights: Any, where: str) -> list[Array]:
    """What ``set_weights`` was given, as arrays."""
    if not isinstance(weights, list | tuple):
        raise ShapeError(
            f"{where}: expected weights as a list of arrays, got {type(weights).__name__}. "
            "Pass what get_weights gives."
        )
    return [to_array(weight, where, "each of weights") for weight in weights]


registry: Registry[Layer] = Registry("layer", Layer, of_functions=True)
register = registry.register
get = registry.get
