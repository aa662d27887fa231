"""Dense: the paper's fully connected layer (5.1, 6.1, 7.3), on a whole mini-batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from annlib.activations import Activation
from annlib.core.arrays import Array, BatchShape
from annlib.core.errors import ShapeError
from annlib.core.expression import express
from annlib.core.formula import Formula, described
from annlib.core.workspace import Workspace
from annlib.layers.affine import Affine
from annlib.layers.base import Layer, register


@register("dense")
class Dense(Affine):
    """A = f(X W + b): X is (n, in), W (in, units) in the paper's from-to order, b (units,).

    Backward: dZ = f'(Z) dA, dW = X^T dZ, db = column sums of dZ, dX = dZ W^T. For one row this is
    the paper's {Z} = [W^T]{X} + {B} and 7.3; the products sum over the rows of the batch what the
    paper accumulates row by row (5.2).

    Parameters
    ----------
    units : int, at least 1
        The size of the output, N in the paper.
    activation : str, Activation or Layer, optional
        None is the identity. A layer such as ``PReLU()`` is put behind this one by the model.
    use_bias : bool
        Whether there is a b.
    kernel_initializer, bias_initializer : str or Initializer
        What W and b start as.
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
        A penalty on W or b, added to the loss.
    kernel_constraint, bias_constraint : str or Constraint, optional
        What W or b is set to after each update.

    Raises
    ------
    ConfigurationError
        If ``units`` is not a positive integer.
    UnknownNameError
        For a name that is not registered.
    ShapeError
        When a model is built whose rows have no known length.

    Notes
    -----
    Input of more than two dimensions is acted on along its last axis, as in Keras.

    As the first layer it multiplies the rows of a sparse matrix as they are, forward and backward:
    only what they store costs time, and nothing of their size is made. (Its results differ from
    those of the same rows in an array by rounding.)

    Examples
    --------
    >>> layer = Dense(2, activation="relu", kernel_initializer="ones")
    >>> layer([[1.0, 2.0], [-3.0, 0.0]])
    array([[3., 3.],
           [0., 0.]], dtype=float32)
    >>> [weight.shape for weight in layer.get_weights()]
    [(2, 2), (2,)]
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"units": 10}

    takes_sparse = True

    def build(self, input_shape: BatchShape) -> None:
        self._add_weights((self._features(input_shape), self.units), (self.units,))

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        self._features(input_shape)
        return self._activated_shape((*input_shape[:-1], self.units))

    def count_multiplications(self) -> int | None:
        numbers = self._each_number()  # each of which meets every unit once
        return None if numbers is None else numbers * self.units

    @staticmethod
    def _features(input_shape: BatchShape) -> int:
        features = input_shape[-1] if len(input_shape) > 1 else None
        if features is None:
            raise ShapeError(
                f"Dense: expected rows with a known number of features, (n, features), got shape "
                f"{input_shape}. For one feature use x.reshape(-1, 1)."
            )
        return features

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        X = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        if isinstance(X, np.ndarray):
            Z = X.dot(self.arrays["kernel"], work.array("Z", len(X), self.units))
        else:
            Z = X @ self.arrays["kernel"]
        if self.use_bias:
            np.add(Z, self.arrays["bias"], out=Z)
        work["X"], A = X, self._activate(Z, work)
        return A if x.ndim == 2 else A.reshape(*x.shape[:-1], A.shape[-1])

    def expression(self, x: Any) -> Any:
        Z = x @ self.arrays["kernel"]
        return express(self.activation, Z + self.arrays["bias"] if self.use_bias else Z)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        X, dA = work["X"], dy if dy.ndim == 2 else dy.reshape(-1, dy.shape[-1])
        dZ = self.activation.gradient(dA, work["Z"], work["A"], work)
        if isinstance(X, np.ndarray):
            X.T.dot(dZ, self.gradients["kernel"])
        else:
            np.copyto(self.gradients["kernel"], X.T @ dZ)
        if self.use_bias:
            work.ones(len(dZ)).dot(dZ, self.gradients["bias"])
        if not input_gradient:
            return None
        dX = dZ.dot(self.arrays["kernel"].T, work.array("dX", *X.shape))
        return dX if dy.ndim == 2 else dX.reshape(*dy.shape[:-1], X.shape[-1])

    def _split_activation(self) -> tuple[Layer | None, Activation | None]:
        return self._without_activation(), self.activation

    def formula(self) -> Formula:
        N = str(self.units)
        M = str(self._built_shape[-1]) if self._built_shape is not None else "M"
        bias = r" + \{B\}" if self.use_bias else ""
        shapes = (
            f"[{N} × {M}] [{M} × 1]" + (f" + [{N} × 1]" if self.use_bias else "") + f" = [{N} × 1]"
        )
        forward = [r"\{Z\} = [W^T] \{X\}" + bias]
        batch = [r"Z = X W + b" if self.use_bias else "Z = X W"]
        backward: list[str] = []
        section = "5.1, 6.1, 7.3"
        if not self.activation._default_for_none:
            act = described(self.activation, Activation)
            forward += act.equations
            backward += act.derivatives
            section += f", {act.section}" if act.section else ""
            jacobian = r"[D_{A,Z}]^T \{D_{E,A}\}"
            product = r"\{D_{E,A}\} \circledast \{D_{A,Z}\}"
            backward.append(
                r"\{D_{E,Z}\} = " + (product if self.activation.elementwise else jacobian)
            )
            batch += [r"A = \operatorname{f}(Z)"]
        backward += [r"[D_{E,W^T}] = \{D_{E,Z}\} [X^T]"]
        batch += ["D_W = X^T D_Z"]
        if self.use_bias:
            backward += [r"\{D_{E,B}\} = \{D_{E,Z}\}"]
            batch += [r"D_b = \sum_r (D_Z)_r"]
        return self._formula(
            *forward,
            back=(*backward, r"\{D_{E,X}\} = [W] \{D_{E,Z}\}"),
            shapes=f"{shapes}; a batch: (n, {M}) ({M}, {N}) = (n, {N})",
            batch=(*batch, "D_X = D_Z W^T"),
            section=section,
        )
