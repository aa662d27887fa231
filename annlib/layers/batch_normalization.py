"""BatchNormalization (Ioffe & Szegedy, 2015): columns of mean 0 and variance 1, then scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_flag, check_number, is_whole
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import DX, DY, Formula, number
from annlib.core.numerics import TINY
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers import axes
from annlib.layers.base import Layer, LayerArguments, register
from annlib.layers.row_normalization import scaled
from annlib.regularizers.names import RegularizerLike


@register("batch_normalization")
class BatchNormalization(Layer):
    """y = gamma d / s + beta,  d = x - mean,  s = sqrt(variance + epsilon), by features.

    x is (n, features), or has more axes; mean, variance, gamma and beta are (features,). While
    training, mean and (biased) variance are the batch's, and

        dx = gamma / s * (dy - mean(dy) - d mean(dy d) / s^2)
        dgamma = sum(dy d / s),  dbeta = sum(dy)

    Otherwise they are moving averages of the batches seen: new = momentum old + (1 - momentum)
    batch. A frozen layer (``trainable=False``) uses them while training too, as in Keras.

    With ``renorm`` (Ioffe, 2017) y = gamma (r d / s + t) + beta, where r = s / s' and
    t = (mean - mean') / s' are taken for constants, and mean' and s' are moving averages of the
    batches before: so training sees about what is seen at rest, however small the batches.

    Ioffe and Szegedy, 2015, "Batch Normalization".

    Parameters
    ----------
    axis : int, -1 or at least 1
        The axis of the features; the statistics are over all others.
    momentum : float, in [0, 1)
        How much of the moving averages a batch leaves.
    epsilon : float, above 0
        Added to the variance.
    center : bool
        Whether there is a beta.
    scale : bool
        Whether there is a gamma.
    beta_initializer, gamma_initializer : str or Initializer
    moving_mean_initializer, moving_variance_initializer : str or Initializer
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
    beta_constraint, gamma_constraint : str or Constraint, optional
    renorm : bool
        Whether batches are normalized about as at rest.
    renorm_clipping : dict, optional
        Limits of r, ``"rmin"`` and ``"rmax"``, and of the size of t, ``"dmax"``; none without it.
    renorm_momentum : float, in [0, 1)
        Of mean' and s'. What is used at rest has ``momentum``.

    Raises
    ------
    ConfigurationError
        For the axis 0, which is the batch, a number out of its range, or an unknown name.
    ShapeError
        When a model is built whose input has no such axis.

    Examples
    --------
    >>> layer = BatchNormalization()
    >>> layer([[0.0, 10.0], [2.0, 30.0]], training=True).round(3)
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """

    group = "normalization"
    _settable = ("trainable", "momentum", "epsilon", "renorm_momentum")
    _one_value = {"synchronized": (False, "There is one process.")}  # noqa: RUF012  # never changed

    gamma: Array
    beta: Array
    moving_mean: Array
    moving_variance: Array
    moving_stddev: Array
    renorm_mean: Array
    renorm_stddev: Array

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike | None = "zeros",
        gamma_initializer: InitializerLike | None = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        if not is_whole(axis) or axis == 0:
            raise ConfigurationError(
                "BatchNormalization: expected axis as the number of the axis of the features, not "
                f"0, which is the batch, got {show(axis)}."
            )
        self.axis = int(axis)
        self.momentum = check_number(momentum, where, "momentum", "[0, 1)")
        self.epsilon = check_number(epsilon, where, "epsilon", "(0, inf)")
        self.center = check_flag(center, where, "center")
        self.scale = check_flag(scale, where, "scale")
        self.beta_initializer = initializers.get(beta_initializer, f"{where}.beta_initializer")
        self.gamma_initializer = initializers.get(gamma_initializer, f"{where}.gamma_initializer")
        self.moving_mean_initializer = initializers.get(
            moving_mean_initializer, f"{where}.moving_mean_initializer"
        )
        self.moving_variance_initializer = initializers.get(
            moving_variance_initializer, f"{where}.moving_variance_initializer"
        )
        self.beta_regularizer = regularizers.get(beta_regularizer, f"{where}.beta_regularizer")
        self.gamma_regularizer = regularizers.get(gamma_regularizer, f"{where}.gamma_regularizer")
        self.beta_constraint = constraints.get(beta_constraint, f"{where}.beta_constraint")
        self.gamma_constraint = constraints.get(gamma_constraint, f"{where}.gamma_constraint")
        self.renorm = check_flag(renorm, where, "renorm")
        self.renorm_clipping = None if renorm_clipping is None else _limits(renorm_clipping, renorm)
        self.renorm_momentum = check_number(renorm_momentum, where, "renorm_momentum", "[0, 1)")

    def build(self, input_shape: BatchShape) -> None:
        shape = axes.sizes(self.axis, input_shape, "BatchNormalization")
        if self.scale:
            self.add_weight(
                "gamma",
                shape,
                self.gamma_initializer,
                self.gamma_regularizer,
                self.gamma_constraint,
            )
        if self.center:
            self.add_weight(
                "beta", shape, self.beta_initializer, self.beta_regularizer, self.beta_constraint
            )
        self.add_weight("moving_mean", shape, self.moving_mean_initializer, trainable=False)
        self.add_weight("moving_variance", shape, self.moving_variance_initializer, trainable=False)
        if self.renorm:
            stddev = _Root(self.moving_variance_initializer or initializers.Ones())
            self.add_weight("moving_stddev", shape, stddev, trainable=False)
            self.add_weight("renorm_mean", shape, self.moving_mean_initializer, trainable=False)
            self.add_weight("renorm_stddev", shape, stddev, trainable=False)

    @property
    def needs_rows(self) -> bool:  # type: ignore[override]  # of most layers a constant
        """Whether a training pass needs several rows: nothing but rows to take statistics over."""
        shape = self._built_shape
        if shape is None or not self.trainable or self.renorm:
            return False
        return self.moving_mean.size == math.prod(size or 0 for size in shape[1:])

    count_multiplications = Layer._each_number

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        axes.sizes(self.axis, input_shape, "BatchNormalization")
        return input_shape

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        X = axes.rows_along(self.axis, x, work, "X")
        n, features = X.shape
        D, Y = work.array("D", n, features), work.array("Y", n, features)
        work["of_batch"] = of_batch = training and self._effective_trainable
        if of_batch:
            mean, variance = work.array("mean", features), work.array("variance", features)
            whole = work.of_whole_batch(n, np.dot(work.ones(n), X, out=mean))
            np.divide(mean, whole, out=mean)
            np.subtract(X, mean, out=D)
            np.dot(work.ones(n), np.square(D, out=Y), out=variance)
            np.divide(variance, work.of_whole_batch(n, variance), out=variance)
            if not np.isfinite(variance).all():  # of finite columns, too, whose squares overflow
                variance.fill(np.nan)  # as 1 / inf it would make them 0 without a word
        else:
            variance = self.arrays["moving_variance"]
            np.subtract(X, self.arrays["moving_mean"], out=D)
        factor, inverse = work.array("factor", features), work.array("inverse", features)
        epsilon = max(self.epsilon, TINY[x.dtype.char])  # 1e-50 is 0 in float32
        np.sqrt(np.add(variance, epsilon, out=inverse), out=inverse)
        np.reciprocal(inverse, out=inverse)
        gamma = self.arrays["gamma"] if self.scale else 1.0
        np.multiply(inverse, gamma, out=factor)
        if renormed := self.renorm and of_batch:
            self._correct(work, epsilon)
        np.multiply(D, factor, out=Y)
        if renormed:
            np.add(Y, np.multiply(work["t"], gamma, out=work.array("shift", features)), out=Y)
        if self.center:
            np.add(Y, self.arrays["beta"], out=Y)
        return axes.as_before(self.axis, Y, x.shape, work, "y")

    def _correct(self, work: Workspace, epsilon: float) -> None:
        """Find r and t of the batch, and multiply its factor by r."""
        features = self.arrays["renorm_mean"].shape
        s = np.reciprocal(work.array("inverse", *features), out=work.array("s", *features))
        before = np.maximum(
            self.arrays["renorm_stddev"], math.sqrt(epsilon), out=work.array("before", *features)
        )
        r = np.divide(s, before, out=work.array("r", *features))
        t = np.subtract(
            work.array("mean", *features),
            self.arrays["renorm_mean"],
            out=work.array("t", *features),
        )
        np.divide(t, before, out=t)
        limits = self.renorm_clipping or {}
        np.clip(r, limits.get("rmin", -np.inf), limits.get("rmax", np.inf), out=r)
        most = limits.get("dmax", np.inf)
        np.clip(t, -most, most, out=t)
        factor = work.array("factor", *features)
        np.multiply(factor, r, out=factor)
        work["r"], work["t"] = r, t

    def expression(self, x: Any) -> Any:
        variance = self.arrays["moving_variance"]
        factor = 1 / np.sqrt(variance + max(self.epsilon, TINY[variance.dtype.char]))
        factor = axes.across(self.axis, factor * self.arrays.get("gamma", 1), x)
        y = (x - axes.across(self.axis, self.arrays["moving_mean"], x)) * factor
        return y + axes.across(self.axis, self.arrays["beta"], x) if self.center else y

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        dY = axes.rows_along(self.axis, dy, work, "dY")
        n, features = dY.shape
        D, term = work.array("D", n, features), work.array("term", n, features)
        sum_dy, sum_dyh = work.array("sum_dy", features), work.array("sum_dyh", features)
        inverse = work.array("inverse", features)
        np.dot(work.ones(n), dY, out=sum_dy)
        np.dot(work.ones(n), np.multiply(dY, D, out=term), out=sum_dyh)
        np.multiply(sum_dyh, inverse, out=sum_dyh)
        if self.scale:
            np.copyto(self.gradients["gamma"], sum_dyh)
            if self.renorm and work["of_batch"]:
                gradient, shift = self.gradients["gamma"], work.array("before", features)
                np.multiply(gradient, work["r"], out=gradient)
                np.add(gradient, np.multiply(work["t"], sum_dy, out=shift), out=gradient)
        if self.center:
            np.copyto(self.gradients["beta"], sum_dy)
        if not input_gradient:
            return None
        if work["of_batch"]:
            whole = work.of_whole_batch(n, sum_dy, sum_dyh)
            np.subtract(dY, np.divide(sum_dy, whole, out=sum_dy), out=dY)
            np.divide(np.multiply(sum_dyh, inverse, out=sum_dyh), whole, out=sum_dyh)
            np.subtract(dY, np.multiply(D, sum_dyh, out=term), out=dY)
        np.multiply(dY, work.array("factor", features), out=dY)
        return axes.as_before(self.axis, dY, dy.shape, work, "dx")

    def commit(self, work: Workspace) -> None:
        if not work["of_batch"]:
            return
        if not self.renorm:
            _move(self.arrays["moving_mean"], "mean", self.momentum, work)
            _move(self.arrays["moving_variance"], "variance", self.momentum, work)
            return
        for mean, stddev, momentum in (
            (self.arrays["renorm_mean"], self.arrays["renorm_stddev"], self.renorm_momentum),
            (self.arrays["moving_mean"], self.arrays["moving_stddev"], self.momentum),
        ):
            _move(mean, "mean", momentum, work)
            _move(stddev, "s", momentum, work)
        np.square(self.arrays["moving_stddev"], out=self.arrays["moving_variance"])
        epsilon = max(self.epsilon, TINY[self.arrays["moving_variance"].dtype.char])
        np.subtract(self.arrays["moving_variance"], epsilon, out=self.arrays["moving_variance"])
        np.maximum(self.arrays["moving_variance"], 0, out=self.arrays["moving_variance"])

    _parameter_letters: ClassVar[Mapping[str, str]] = {
        "moving_mean": r"\bar{\mu}",
        "moving_variance": r"\bar{\sigma}^2",
        "moving_stddev": r"\bar{s}",
        "renorm_mean": r"\hat{\mu}",
        "renorm_stddev": r"\hat{s}",
    }

    def _letters(self, work: Workspace) -> Mapping[str, Any] | None:
        mean, variance = self.arrays["moving_mean"], self.arrays["moving_variance"]
        if work["of_batch"]:
            mean, variance = (work.array(name, *mean.shape) for name in ("mean", "variance"))
        own = {rf"\{name}": self.arrays[name] for name in ("gamma", "beta") if name in self.arrays}
        return {r"\mu": mean, r"\sigma^2": variance, **own}

    def _lines_of_batch(self) -> tuple[str, ...]:
        """What a training pass takes from its batch, and what is kept of that."""
        lines = [
            r"\mu_i = \frac{1}{n} \sum_r x_i",
            r"\sigma_i^2 = \frac{1}{n} \sum_r (x_i - \mu_i)^2",
        ]
        pairs = [(r"\bar{\mu}_i", r"\mu_i", self.momentum)]
        if not self.renorm:
            pairs.append((r"\bar{\sigma}_i^2", r"\sigma_i^2", self.momentum))
            return (*lines, *(_average(*pair) for pair in pairs))
        limits = self.renorm_clipping or {}
        r, t = r"\frac{s_i}{\hat{s}_i}", r"\frac{\mu_i - \hat{\mu}_i}{\hat{s}_i}"
        if "rmin" in limits:
            r = rf"\max({number(limits['rmin'])}, {r})"
        if "rmax" in limits:
            r = rf"\min({number(limits['rmax'])}, {r})"
        if "dmax" in limits:
            most = number(limits["dmax"])
            t = rf"\max(-{most}, \min({most}, {t}))"
        pairs += [
            (r"\bar{s}_i", "s_i", self.momentum),
            (r"\hat{\mu}_i", r"\mu_i", self.renorm_momentum),
            (r"\hat{s}_i", "s_i", self.renorm_momentum),
        ]
        return (
            *lines,
            r"s_i = \sqrt{\sigma_i^2 + \varepsilon}",
            f"r_i = {r}",
            f"t_i = {t}",
            *(_average(*pair) for pair in pairs),
            r"\bar{\sigma}_i^2 \leftarrow \max(\bar{s}_i^2 - \varepsilon, 0)",
        )

    def formula(self) -> Formula:
        learns = self._effective_trainable if self.built else self.trainable
        of_what = "of the batch; at rest the moving average" if learns else "the moving average"
        renormed = self.renorm and learns
        h = "(r_i h_i + t_i)" if renormed else "h_i"
        gradients = []
        if self.scale:
            gradients.append(rf"\frac{{\partial E}}{{\partial \gamma_i}} = \sum_r {h} {DY}")
        if self.center:
            gradients.append(
                r"\frac{\partial E}{\partial \beta_i} = \sum_r \frac{\partial E}{\partial y_i}"
            )
        spread = r"\sqrt{\sigma_i^2 + \varepsilon}"
        slope = rf"\frac{{1}}{{{spread}}} (g_i - \frac{{1}}{{n}} \sum_r g_i - "
        slope += r"\frac{1}{n} h_i \sum_r g_i h_i)"
        frozen = rf"\frac{{g_i}}{{{spread}}}"
        return self._formula(
            rf"h_i = \frac{{x_i - \mu_i}}{{{spread}}}",
            scaled(self.scale, self.center, h),
            back=(
                "g_i = " + r"\gamma_i " * self.scale + "r_i " * renormed + DY,
                f"{DX} = {slope if learns else frozen}",
                *gradients,
            ),
            shapes="{X}, {Y}, {γ}, {β}, {μ}, {σ²}: [N × 1]; a batch: (n, N), by columns",
            source="Ioffe & Szegedy (2015)",
            batch=self._lines_of_batch() if learns else (),
            note="r and t are constants to the derivatives; at rest they are 1 and 0."
            if renormed
            else "",
            symbols=(
                (r"\mu_i", f"the mean of feature i, {of_what}"),
                (r"\sigma_i^2", "its variance, likewise"),
                (r"\varepsilon", f"{self.epsilon:g}"),
                (r"\sum_r", "over the n rows of the batch"),
            ),
            values=((r"\varepsilon", self.epsilon),),
        )


class _Root(initializers.Initializer):
    """The roots of another's values: of variances, standard deviations."""

    def __init__(self, variance: initializers.Initializer) -> None:
        self.variance = variance

    def draw(self, shape: Shape, rng: Any) -> Array:
        return np.sqrt(self.variance.values(shape, np.float64, rng))


def _average(moving: str, now: str, momentum: float) -> str:
    """The line of a moving average."""
    return rf"{moving} \leftarrow {number(momentum)} {moving} + {number(1 - momentum)} {now}"


def _move(moving: Array, name: str, momentum: float, work: Workspace) -> None:
    """Take what the batch has under this name into a moving average."""
    batch, share = work.array(name, *moving.shape), work.array("share", *moving.shape)
    np.multiply(moving, momentum, out=moving)
    np.add(moving, np.multiply(batch, 1 - momentum, out=share), out=moving)


def _limits(given: Any, renorm: bool) -> dict[str, float]:
    """``renorm_clipping``, checked."""
    where, known = "BatchNormalization", ("rmin", "rmax", "dmax")
    if not renorm or not isinstance(given, Mapping) or not given.keys() <= {*known}:
        raise ConfigurationError(
            f"{where}: expected renorm_clipping, with renorm=True, as numbers by the names "
            f"{', '.join(known)}, got {show(given)} and renorm={renorm}."
        )
    limits = {
        name: check_number(limit, where, f"renorm_clipping {name}", "[0, inf)")
        for name, limit in given.items()
        if limit is not None
    }
    if limits.get("rmin", 0) > limits.get("rmax", math.inf):
        raise ConfigurationError(
            f"{where}: expected renorm_clipping of rmin up to rmax, got {show(given)}."
        )
    return limits
