"""Embedding: codes of categories as vectors that are learned."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, NotRequired, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_count, to_array
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.expression import rows_of
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.base import CommonArguments, Layer, register
from annlib.layers.categories import as_codes
from annlib.regularizers.names import RegularizerLike


class _Arguments(CommonArguments, total=False):
    input_length: NotRequired[Any]


@register("embedding")
class Embedding(Layer):
    """y = W[x]: each code x in 0, 1, ..., ``input_dim`` - 1 becomes a row of the matrix W.

    (n, k) -> (n, k, output_dim); a ``Flatten`` makes (n, k output_dim) of it for a Dense. The
    gradient of a row of W is the sum of dy over the places where its code stands; a code has no
    derivative, so nothing below an Embedding can learn.

    Parameters
    ----------
    input_dim : int, at least 1
        How many codes there are (not the length of a row, as in other layers).
    output_dim : int, at least 1
        The length of a vector.
    embeddings_initializer : str or Initializer
        What W starts as.
    embeddings_regularizer : str or Regularizer, optional
        A penalty on W, added to the loss.
    embeddings_constraint : str or Constraint, optional
        What W is set to after each update.
    weights : array_like, (input_dim, output_dim), optional
        The vectors to begin with, instead of the initializer's: of words, for instance, that others
        have learned. Once they are the layer's parameter, its configuration leaves them out; a
        clone begins with them.

    Raises
    ------
    ConfigurationError
        For sizes that are not positive integers, or an unknown name.
    ShapeError
        For ``weights`` of another shape.
    DataError
        In ``fit`` and the others, for what is no code; before anything is changed, but for memory
        maps, which are checked batch by batch.

    Notes
    -----
    As the first layer it gets integers as they are. Behind another layer it gets that one's
    floating-point numbers, of which those of type float32 are exact up to 2^24.

    Keras' ``input_length`` of old is taken with a warning, and does nothing.

    Examples
    --------
    >>> import numpy as np
    >>> words = Embedding(3, 2, weights=[[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]])
    >>> words(np.array([[2, 0]]))
    array([[[2. , 2.5],
            [0. , 0.5]]], dtype=float32)

    Two columns of categories with three codes each, of which the second begins at 3:

    >>> from annlib import Sequential, layers
    >>> model = Sequential([Embedding(6, 4), layers.Flatten(), layers.Dense(1)])
    >>> model.predict([[0, 3], [2, 5]]).shape
    (2, 1)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"input_dim": 100, "output_dim": 8}

    _one_value = {  # noqa: RUF012  # never changed
        "mask_zero": (False, "All rows are of one length here, and 0 is a code as the others."),
    }

    # Under its own name stand those that the layer has, as of every layer.
    _stored_as = {"name": "_name", "weights": "_given_weights"}  # noqa: RUF012  # never changed

    embeddings: Array

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike | None = "uniform",
        embeddings_regularizer: RegularizerLike | None = None,
        embeddings_constraint: ConstraintLike | None = None,
        *,
        weights: Any = None,
        **keywords: Unpack[_Arguments],
    ) -> None:
        if "input_length" in keywords:
            warnings.warn(
                "Embedding: the argument input_length is deprecated. Leave it out.", stacklevel=3
            )
            del keywords["input_length"]
        super().__init__(**keywords)
        where = type(self).__name__
        self.input_dim: int = check_count(input_dim, where, "input_dim")
        self.output_dim = check_count(output_dim, where, "output_dim")
        self.embeddings_initializer = initializers.get(
            embeddings_initializer, f"{where}.embeddings_initializer"
        )
        self.embeddings_regularizer = regularizers.get(
            embeddings_regularizer, f"{where}.embeddings_regularizer"
        )
        self.embeddings_constraint = constraints.get(
            embeddings_constraint, f"{where}.embeddings_constraint"
        )
        self._start = None if weights is None else _Start(weights)
        shape = (self.input_dim, self.output_dim)
        if self._start is not None and self._start.weights.shape != shape:
            raise ShapeError(
                f"{where}: expected weights of shape {shape}, one row a code, got "
                f"{self._start.weights.shape}. Pass input_dim and output_dim as they have them."
            )

    @property
    def _given_weights(self) -> Array | None:
        return None if self._start is None else self._start.weights

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config | {"weights": None} if self.built else config

    @property
    def codes(self) -> int:
        return self.input_dim

    @property
    def _row_shape(self) -> Shape | None:
        return self.input_shape

    def build(self, input_shape: BatchShape) -> None:
        self.add_weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self._start or self.embeddings_initializer,
            self.embeddings_regularizer,
            self.embeddings_constraint,
        )

    def count_multiplications(self) -> int:
        return 0  # vectors are looked up

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        return (*input_shape, self.output_dim)

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["codes"] = codes = as_codes(x, self.input_dim, work, self.name)
        y = work.array("y", *x.shape, self.output_dim)
        # mode="clip" is what makes ``take`` write into ``out`` without a copy of its own.
        return np.take(self.arrays["embeddings"], codes, axis=0, out=y, mode="clip")

    def expression(self, x: Any) -> Any:
        return rows_of(self.arrays["embeddings"], x.astype(np.int64))

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if input_gradient:
            raise self.no_derivative()
        d, codes = self.output_dim, work["codes"].reshape(-1, 1)
        places = work.array("places", codes.size, d, dtype=np.intp)
        np.add(np.multiply(codes, d, out=places), _numbers(d, work), out=places)
        gradient = self.gradients["embeddings"].reshape(-1)
        gradient.fill(0.0)
        # On vectors ``add.at`` is several times as fast as on rows, and than sorting the codes.
        np.add.at(gradient, places.reshape(-1), dy.reshape(-1))
        return None

    def formula(self) -> Formula:
        shape = (self.input_dim, self.output_dim)
        return self._formula(
            r"\{Y\} = [W^T] \{u_x\}",
            back=(r"[D_{E,W^T}] = \{D_{E,Y}\} [u_x^T]",),
            shapes=f"[W]: {shape[0]} codes of {shape[1]} numbers; a batch: (n, k) to "
            f"(n, k, {shape[1]}), W[x] without the product",
            symbols=(("u_x", "all 0, but 1 at the code x"),),
        )


class _Start(initializers.Initializer):
    """Vectors that are given, in an array and not, as a ``Constant`` has them, in lists."""

    def __init__(self, weights: Any) -> None:
        try:
            found = to_array(weights, "Embedding", "weights")
        except ConfigurationError:  # lists of several lengths
            found = np.array("")
        if isinstance(weights, list) and len(weights) == 1 and found.ndim == 3:
            found = found[0]  # Keras takes what get_weights gives
        self.weights = np.array(found)  # of its own: an array might change later
        if self.weights.dtype.kind not in "fiu" or not np.isfinite(self.weights).all():
            raise ConfigurationError(
                f"Embedding: expected weights as a matrix of finite numbers, got {show(weights)}."
            )

    def draw(self, shape: Shape, rng: Any) -> Array:
        return self.weights


def _numbers(d: int, work: Workspace) -> Array:
    """0, 1, ..., d - 1."""
    if "numbers" not in work:
        work["numbers"] = np.arange(d, dtype=np.intp)
    numbers: Array = work["numbers"]
    return numbers
