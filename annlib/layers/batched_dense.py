"""BatchedDense: several fully connected layers side by side, which train in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib import initializers
from annlib.activations import Activation
from annlib.activations.names import ActivationLike
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count, check_flag
from annlib.core.errors import ShapeError
from annlib.core.expression import express
from annlib.core.formula import Formula, described
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.affine import Affine
from annlib.layers.base import Layer, LayerArguments, register
from annlib.regularizers.names import RegularizerLike


@register("batched_dense")
class BatchedDense(Affine):
    """A_m = f(X_m W_m + b_m) for each member m: k layers ``Dense(units)`` that share nothing.

    X is (n, k, in), W (k, in, units), b (k, units) and A (n, k, units). Input without the axis of
    members, (n, in), goes to all of them, and is not copied. What ``Dense`` says of one member
    holds of each: so a network of such layers is k networks that are trained at once, as an
    ensemble, on the same batches.

    With ``use_scale`` a member multiplies each input by a learned factor s before its kernel,
    X_m diag(s_m) W_m: it costs products of the size of W alone. With dW' = X^T dZ, dW = s dW' and
    ds = sum_j w_ij dw'_ij.

    Parameters
    ----------
    members : int, at least 1
        How many, k.
    units : int, at least 1
        The size of each member's output.
    activation : str, Activation or Layer, optional
        Of each member's outputs: ``"softmax"`` makes k rows of probabilities.
    use_bias : bool
        Whether there is a b.
    kernel_initializer, bias_initializer : str or Initializer
        Each member is drawn as if it were alone, with fans ``in`` and ``units``; an array or a
        function gives the values of all, (k, in, units).
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
        Of each member, and summed.
    kernel_constraint, bias_constraint : str or Constraint, optional
        Of each member: ``MaxNorm(axis=0)`` is per unit, as in ``Dense``.
    use_scale : bool
        Whether there is a factor for each input.
    scale_initializer : str or Initializer
        Of the factors, (k, in).

    Raises
    ------
    ConfigurationError
        If ``members`` or ``units`` is not a positive integer or a name is unknown.
    ShapeError
        For input that is neither (n, in) nor (n, members, in).

    Notes
    -----
    The numbers are those of Keras' ``EinsumDense("nki,kio->nko", (k, units), bias_axes="ko")`` with
    the same weights. That draws its first kernel with the fans ``in`` and k ``units``.

    Examples
    --------
    Four networks at once, and the mean of what they say:

    >>> from annlib import Sequential
    >>> model = Sequential([BatchedDense(4, 8, "relu"), BatchedDense(4, 3, "softmax")], seed=0)
    >>> p = model.predict(np.zeros((5, 2)))
    >>> p.shape, p.mean(axis=1).shape
    ((5, 4, 3), (5, 3))

    Networks for columns of numbers, as ``TabularRegressor`` trains them; ``sample_weight``
    may be (n, 2), and tell each network which rows to learn from:

    >>> from annlib import layers, optimizers, schedules
    >>> x = np.random.default_rng(0).normal(size=(512, 4))
    >>> y = np.sin(3 * x[:, 0]) + x[:, 1]
    >>> hidden = [BatchedDense(2, 128, use_scale=True), BatchedDense(2, 128)]
    >>> mixed = [layers.ParametricActivation("mish") for _ in hidden]
    >>> model = Sequential(
    ...     [layers.PeriodicEmbedding(members=2), hidden[0], mixed[0], layers.Dropout(0.15)]
    ...     + [hidden[1], mixed[1], layers.Dropout(0.15), BatchedDense(2, 1)],
    ...     seed=0,
    ... )
    >>> model.initialize_from_data(x, output=False)
    >>> rate = schedules.CosineDecay(0.1, decay_steps=160)
    >>> factors = {"*/kernel": 0.1, "*/bias": 0.1, "*/scale": 6.0}
    >>> adam = optimizers.AdamW(rate, 0.02, beta_2=0.95, learning_rate_factors=factors)
    >>> model.compile(adam, "mse")
    >>> history = model.fit(x, y, batch_size=64, epochs=20, drop_last=True, verbose=0)
    >>> history.history["loss"][-1] < 0.1
    True
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"members": 4, "units": 10}

    members: int
    scale: Array

    def __init__(
        self,
        members: int,
        units: int,
        activation: ActivationLike | Layer | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike | None = "glorot_uniform",
        bias_initializer: InitializerLike | None = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        use_scale: bool = False,
        scale_initializer: InitializerLike | None = "ones",
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            **keywords,
        )
        where = type(self).__name__
        self.members = check_count(members, where, "members")
        self.use_scale = check_flag(use_scale, where, "use_scale")
        self.scale_initializer = initializers.get(scale_initializer, f"{where}.scale_initializer")

    def build(self, input_shape: BatchShape) -> None:
        k, features = self.members, self._features(input_shape)
        self._add_weights((k, features, self.units), (k, self.units), stacked=1)
        if self.use_scale:
            self.add_weight("scale", (k, features), self.scale_initializer, stacked=1)

    def count_multiplications(self) -> int | None:
        # Each member multiplies a row of its own, or the one that all have.
        numbers = self._each_number()
        shared = self._built_shape is not None and len(self._built_shape) == 2
        if numbers is None:
            return None
        return (self.members if shared else 1) * numbers * (self.units + self.use_scale)

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        self._features(input_shape)
        return self._activated_shape((input_shape[0], self.members, self.units))

    def _features(self, input_shape: BatchShape) -> int:
        """The size of a member's input."""
        features = input_shape[-1] if len(input_shape) > 1 else None
        shared = len(input_shape) == 2
        if features is None or not (
            shared or (len(input_shape) == 3 and input_shape[1] == self.members)
        ):
            raise ShapeError(
                f"{type(self).__name__}: expected rows for {self.members} members, "
                f"(n, {self.members}, features), or the same for all, (n, features), got shape "
                f"{input_shape}. All members' layers have the same number of members."
            )
        return features

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        n, k, units = len(x), self.members, self.units
        W = self.arrays["kernel"]
        if self.use_scale:
            s = self.arrays["scale"]
            W = np.multiply(W, s.reshape(*s.shape, 1), out=work.array("W", *W.shape))
        Z = work.array("Z", n, k, units)
        _product(_by_member(x), W, Z.transpose(1, 0, 2))
        if self.use_bias:
            np.add(Z, self.arrays["bias"], out=Z)
        work["X"], work["W"] = x, W
        A = self._activate(Z.reshape(n * k, units), work)
        return A.reshape(n, k, A.shape[1])

    def expression(self, x: Any) -> Any:
        W = self.arrays["kernel"]
        if self.use_scale:
            W = W * self.arrays["scale"][..., np.newaxis]
        X = x.reshape(-1, 1 if x.ndim == 2 else self.members, 1, x.shape[-1])
        Z = (X @ W).reshape(-1, self.members, self.units)
        return express(self.activation, Z + self.arrays["bias"] if self.use_bias else Z)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        x, W, k, units = work["X"], work["W"], self.members, self.units
        n = len(x)
        dA = dy.reshape(n * k, dy.shape[2])
        dZ = self.activation.gradient(dA, work["Z"], work["A"], work).reshape(n, k, units)
        each, dW = dZ.transpose(1, 0, 2), self.gradients["kernel"]
        _product(_by_member(x).swapaxes(-1, -2), each, dW)
        if self.use_scale:
            # The kernel's gradient by way of that of the product of both.
            kernel, s = self.arrays["kernel"], self.arrays["scale"]
            terms = np.multiply(kernel, dW, out=work.array("terms", *dW.shape))
            sums = self.gradients["scale"].reshape(-1)
            np.dot(terms.reshape(-1, units), work.ones(units), out=sums)
            np.multiply(dW, s.reshape(*s.shape, 1), out=dW)
        if self.use_bias:
            bias = self.gradients["bias"].reshape(-1)
            np.dot(work.ones(n), dZ.reshape(n, k * units), out=bias)
        if not input_gradient:
            return None
        dX = work.array("dX", *x.shape)
        if x.ndim == 3:
            _product(each, W.transpose(0, 2, 1), dX.transpose(1, 0, 2))
            return dX
        # All members' kernels one below the other: one product sums over them.
        turned = work.array("turned", k, units, x.shape[1])
        np.copyto(turned, W.transpose(0, 2, 1))
        return np.dot(dZ.reshape(n, k * units), turned.reshape(k * units, -1), out=dX)

    def _split_activation(self) -> tuple[Layer | None, Activation | None]:
        return self._without_activation(), self.activation

    def formula(self) -> Formula:
        k, N = str(self.members), str(self.units)
        M = str(self._built_shape[-1]) if self._built_shape is not None else "M"
        scaled = r"(\{s_m\} \circledast \{X_m\})" if self.use_scale else r"\{X_m\}"
        forward = [rf"\{{Z_m\}} = [W_m^T] {scaled}" + (r" + \{B_m\}" if self.use_bias else "")]
        backward: list[str] = []
        D_Z, D_X = r"\{D_{E,Z_m}\}", r"[W_m] \{D_{E,Z_m}\}"
        if not self.activation._default_for_none:
            act = described(self.activation, Activation)
            forward += [*act.equations, r"\{A_m\} = \operatorname{f}(\{Z_m\})"]
            backward += act.derivatives
        backward.append(rf"[D_{{E,W_m^T}}] = {D_Z} {scaled}^T")
        if self.use_bias:
            backward.append(rf"\{{D_{{E,B_m}}\}} = {D_Z}")
        if self.use_scale:
            backward.append(rf"\{{D_{{E,s_m}}\}} = ({D_X}) \circledast \{{X_m\}}")
            D_X = rf"\{{s_m\}} \circledast ({D_X})"
        return self._formula(
            *forward,
            back=(*backward, rf"\{{D_{{E,X_m}}\}} = {D_X}"),
            shapes=f"[{N} × {M}] [{M} × 1] = [{N} × 1] for each member m; a batch: "
            f"(n, {k}, {M}) ({k}, {M}, {N}) = (n, {k}, {N})",
            symbols=(("m", f"the member, 1 to {k}"),),
        )


def _by_member(x: Array) -> Array:
    """The matrices of all members' rows; one for all, if that is what it is."""
    return x.transpose(1, 0, 2) if x.ndim == 3 else x


def _product(A: Array, B: Array, out: Array) -> None:
    """The members' products A B, in views of their strides: BLAS takes them as they are."""
    if A.shape[-1] == 1:  # which NumPy leaves to a slow loop
        np.multiply(A, B, out=out)
    else:
        np.matmul(A, B, out=out)
