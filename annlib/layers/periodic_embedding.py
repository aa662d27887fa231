"""PeriodicEmbedding: each number as a learned function of it, made of cosines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count, check_flag
from annlib.core.errors import ShapeError
from annlib.core.formula import Formula
from annlib.core.numerics import cos
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.base import Layer, LayerArguments, register
from annlib.regularizers.names import RegularizerLike


@register("periodic_embedding")
class PeriodicEmbedding(Layer):
    """e_j = V_j^T cos(2 pi w_j x_j + c_j) + b_j for each feature j, and x_j itself behind it.

    w_j and c_j are m frequencies and phases, V_j is (m, units): all are learned, for each feature
    its own. So a network sees fine steps of a number that one factor would hide (Gorishniy et al.,
    2022; as "PBLD" in Holzmüller et al., 2024). Rows of F features become rows of F (units + 1)
    numbers, those of a feature beside each other.

    With d = dE/de_j: dV = cos(.) d^T, db = d, and by g = -sin(.) * (V d), dc = g, dw = 2 pi x g and
    dx = 2 pi w . g, plus what comes by x_j itself.

    Parameters
    ----------
    units : int, at least 1
        Numbers that a feature becomes, besides itself.
    num_frequencies : int, at least 1
        Cosines of a feature, m.
    members : int, at least 1, optional
        An embedding of its own for each so many members of an ensemble, as ``BatchedDense`` has:
        (n, F), or (n, members, F), becomes (n, members, F (units + 1)).
    append_input : bool
        Whether the number itself is one of those that it becomes.
    frequency_initializer : str or Initializer, optional
        Normal with the standard deviation .1 unless given: the larger, the finer. Numbers should be
        of the order of 1, such as ``RobustScaling`` and ``Normalization`` make them.
    phase_initializer : str or Initializer, optional
        Uniform in [-pi, pi] unless given.
    kernel_initializer, bias_initializer : str or Initializer
        Of V, drawn for each feature as for a ``Dense(units)`` of m inputs, and b.
    kernel_regularizer : str or Regularizer, optional
    kernel_constraint : str or Constraint, optional

    Raises
    ------
    ConfigurationError
        For sizes that are not positive integers, or an unknown name.
    ShapeError
        For input that is not (n, features), or (n, members, features).

    Examples
    --------
    >>> from annlib import Sequential
    >>> model = Sequential([PeriodicEmbedding(3, 8)], seed=0)
    >>> model.predict([[0.5, -1.0]]).shape
    (1, 8)
    """

    group = "preprocessing"
    example_arguments: ClassVar[Mapping[str, Any]] = {"units": 3}

    frequencies: Array
    phases: Array
    kernel: Array
    bias: Array

    def __init__(
        self,
        units: int = 3,
        num_frequencies: int = 16,
        members: int | None = None,
        append_input: bool = True,
        frequency_initializer: InitializerLike | None = None,
        phase_initializer: InitializerLike | None = None,
        kernel_initializer: InitializerLike | None = "lecun_uniform",
        bias_initializer: InitializerLike | None = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        self.units = check_count(units, where, "units")
        self.num_frequencies = check_count(num_frequencies, where, "num_frequencies")
        self.members = None if members is None else check_count(members, where, "members")
        self.append_input = check_flag(append_input, where, "append_input")
        self.frequency_initializer = initializers.get(
            frequency_initializer, f"{where}.frequency_initializer"
        )
        self.phase_initializer = initializers.get(phase_initializer, f"{where}.phase_initializer")
        self.kernel_initializer = initializers.get(
            kernel_initializer, f"{where}.kernel_initializer"
        )
        self.bias_initializer = initializers.get(bias_initializer, f"{where}.bias_initializer")
        self.kernel_regularizer = regularizers.get(
            kernel_regularizer, f"{where}.kernel_regularizer"
        )
        self.kernel_constraint = constraints.get(kernel_constraint, f"{where}.kernel_constraint")

    @property
    def _width(self) -> int:
        """Numbers that a feature becomes."""
        return self.units + self.append_input

    def build(self, input_shape: BatchShape) -> None:
        features, m = self._features(input_shape), self.num_frequencies
        each = (features,) if self.members is None else (self.members, features)
        normal = self.frequency_initializer or initializers.RandomNormal(0.0, 0.1)
        uniform = self.phase_initializer or initializers.RandomUniform(-math.pi, math.pi)
        axes = len(each)
        self.add_weight("frequencies", (*each, m), normal, stacked=axes)
        self.add_weight("phases", (*each, m), uniform, stacked=axes)
        self.add_weight(
            "kernel",
            (*each, m, self.units),
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
            stacked=axes,
        )
        self.add_weight("bias", (*each, self.units), self.bias_initializer, stacked=axes)

    def count_multiplications(self) -> int:
        counted = ("frequencies", "kernel")
        return sum(math.prod(p.shape) for p in self._parameters if p.name in counted)

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        size = self._features(input_shape) * self._width
        return (input_shape[0], *([] if self.members is None else [self.members]), size)

    def _features(self, input_shape: BatchShape) -> int:
        features = input_shape[-1] if len(input_shape) > 1 else None
        inner = input_shape[1:-1]
        if features is None or inner not in ((), () if self.members is None else (self.members,)):
            of_each = "" if self.members is None else f" or (n, {self.members}, features)"
            raise ShapeError(
                f"{type(self).__name__}: expected rows of features, (n, features){of_each}, got "
                f"shape {input_shape}. Put a Flatten in front."
            )
        return features

    # Inside, rows are the last axis: what is done to all rows is done along memory.

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        n, F, k = len(x), x.shape[-1], self.members or 1
        m, units, width = self.num_frequencies, self.units, self._width
        X = x.reshape(n, -1, F).transpose(1, 2, 0)  # of all members, or of each
        own = work.array("x", *X.shape)
        np.copyto(own, X)
        work["shape"], work["members of x"] = x.shape, len(X)
        turns = np.multiply(own, 2 * math.pi, out=work.array("turns", *X.shape))
        phase, C = work.array("phase", k, F, m, n), work.array("C", k, F, m, n)
        w = self.arrays["frequencies"].reshape(k, F, m, 1)
        np.multiply(turns.reshape(len(X), F, 1, n), w, out=phase)
        np.add(phase, self.arrays["phases"].reshape(k, F, m, 1), out=phase)
        cos(phase, C, work)
        Y, y = work.array("Y", k, F, width, n), work.array("y", n, k * F * width)
        V, embedded = self.arrays["kernel"].reshape(k, F, m, units), Y[:, :, :units]
        np.matmul(V.transpose(0, 1, 3, 2), C, out=embedded)
        np.add(embedded, self.arrays["bias"].reshape(k, F, units, 1), out=embedded)
        if self.append_input:
            Y[:, :, units] = own
        np.copyto(y, Y.reshape(-1, n).T)
        return y.reshape(n, *([] if self.members is None else [k]), F * width)

    def expression(self, x: Any) -> Any:
        k, features, m, units = self.members or 1, x.shape[-1], self.num_frequencies, self.units
        X = x.reshape(-1, 1 if x.ndim == 2 else k, features, 1)
        w, c = (self.arrays[name].reshape(k, features, m) for name in ("frequencies", "phases"))
        V = self.arrays["kernel"].reshape(k, features, m, units)
        cosines = np.cos(X * (2 * math.pi) * w + c)
        y = (cosines.reshape(-1, k, features, 1, m) @ V).reshape(-1, k, features, units)
        y = y + self.arrays["bias"].reshape(k, features, units)
        if self.append_input:
            y = np.concatenate([y, X * np.ones((k, 1, 1), x.dtype)], axis=-1)
        return y.reshape(-1, *([] if self.members is None else [k]), features * self._width)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        n, F, k = len(dy), work["shape"][-1], self.members or 1
        m, units, width = self.num_frequencies, self.units, self._width
        dY, ones = work.array("dY", k, F, width, n), work.ones(n)
        np.copyto(dY.reshape(-1, n), dy.reshape(n, -1).T)
        dE, V = dY[:, :, :units], self.arrays["kernel"].reshape(k, F, m, units)
        phase, C = work.array("phase", k, F, m, n), work.array("C", k, F, m, n)
        dV = self.gradients["kernel"].reshape(k, F, m, units)
        np.matmul(C, dE.transpose(0, 1, 3, 2), out=dV)
        sums = np.dot(dY.reshape(-1, n), ones, out=work.array("sums", k * F * width))
        db = self.gradients["bias"].reshape(k * F, units)
        np.copyto(db, sums.reshape(k * F, width)[:, :units])
        P = np.matmul(V, dE, out=work.array("P", k, F, m, n))
        # What the cosines were is read no more: their memory takes the sines.
        S = np.sin(phase, out=C)
        np.multiply(np.negative(S, out=S), P, out=P)
        np.dot(P.reshape(-1, n), ones, out=self.gradients["phases"].reshape(-1))
        turns = work.array("turns", work["members of x"], F, n)
        dw = self.gradients["frequencies"].reshape(k, F, m, 1)
        np.matmul(P, turns.reshape(len(turns), F, n, 1), out=dw)
        if not input_gradient:
            return None
        w = self.arrays["frequencies"].reshape(k, F, 1, m)
        dX = np.matmul(w, P, out=work.array("dX", k, F, 1, n)).reshape(k, F, n)
        np.multiply(dX, 2 * math.pi, out=dX)
        if self.append_input:
            np.add(dX, dY[:, :, units], out=dX)
        if len(turns) < k:
            dX = np.add.reduce(dX, axis=0, out=work.array("sum", F, n)).reshape(1, F, n)
        dx = work.array("dx", n, len(turns), F)
        np.copyto(dx, dX.transpose(2, 0, 1))
        return dx.reshape(work["shape"])

    def formula(self) -> Formula:
        e = r"\frac{\partial E}{\partial e_{ju}}"
        own = r" + \frac{\partial E}{\partial y_{jN}}" if self.append_input else ""
        lines = [
            r"p_{jl} = 2 \pi w_{jl} x_j + c_{jl}",
            r"e_{ju} = \sum_l v_{jlu} \cos(p_{jl}) + b_{ju}",
        ]
        symbols = [("l", f"the cosine, 1 to {self.num_frequencies}"), ("j", "the feature")]
        if self.append_input:
            lines.append("y_{jN} = x_j")
            symbols.append(("y_{jN}", "the last number of feature j; the others are e_j"))
        return self._formula(
            *lines,
            back=(
                rf"g_{{jl}} = -\sin(p_{{jl}}) \sum_u v_{{jlu}} {e}",
                rf"\frac{{\partial E}}{{\partial v_{{jlu}}}} = \cos(p_{{jl}}) {e}",
                rf"\frac{{\partial E}}{{\partial b_{{ju}}}} = {e}",
                r"\frac{\partial E}{\partial w_{jl}} = 2 \pi x_j g_{jl}",
                r"\frac{\partial E}{\partial c_{jl}} = g_{jl}",
                rf"\frac{{\partial E}}{{\partial x_j}} = 2 \pi \sum_l w_{{jl}} g_{{jl}}{own}",
            ),
            shapes=f"a batch: (n, F) to (n, {'F' if self._width == 1 else f'{self._width} F'})",
            source="Gorishniy et al. (2022), Holzmüller et al. (2024)",
            symbols=tuple(symbols),
        )
