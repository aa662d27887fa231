"""BatchNormalization (Ioffe & Szegedy, 2015): columns of mean 0 and variance 1, then scaled."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import is_number
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register


@register("batch_normalization")
class BatchNormalization(Layer):
    """y = gamma h + beta,  h = (x - mean) / sqrt(variance + epsilon), by columns.

    While training, mean and (biased) variance are the batch's, and

        dx = gamma / sqrt(variance + epsilon) * (dy - mean(dy) - h mean(dy h))

    Otherwise they are moving averages of the batches seen: new = momentum old + (1 - momentum)
    batch. A frozen layer (``trainable=False``) uses them while training too, as in Keras.

    Parameters
    ----------
    axis : int
        Only -1, the features.
    momentum : float, in [0, 1)
    epsilon : float
    center, scale : bool
        Whether there is a beta, a gamma.
    **keywords
        Initializers, regularizers and constraints of gamma and beta, initializers of
        ``moving_mean`` and ``moving_variance``, and what every ``Layer`` takes.
    """

    gamma: Array
    beta: Array
    moving_mean: Array
    moving_variance: Array

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        if axis != -1:
            raise ConfigurationError(f"BatchNormalization: expected axis=-1, got {axis!r}.")
        numbers = is_number(momentum) and is_number(epsilon)
        if not numbers or not 0 <= momentum < 1 or not epsilon > 0:
            raise ConfigurationError(
                "BatchNormalization: expected momentum in [0, 1) and epsilon > 0, "
                f"got {momentum!r} and {epsilon!r}."
            )
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape: BatchShape) -> None:
        shape = (input_shape[-1] or 0,)
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

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        X = x.reshape(-1, x.shape[-1])
        n, features = X.shape
        H, Y = work.array("H", n, features), work.array("Y", n, features)
        deviation = work.array("deviation", features)
        work["of_batch"] = of_batch = training and self.learns
        if of_batch:
            mean, variance = work.array("mean", features), work.array("variance", features)
            np.divide(np.dot(work.ones(n), X, out=mean), n, out=mean)
            np.subtract(X, mean, out=H)
            np.multiply(H, H, out=Y)
            np.divide(np.dot(work.ones(n), Y, out=variance), n, out=variance)
        else:
            variance = self.moving_variance
            np.subtract(X, self.moving_mean, out=H)
        np.sqrt(np.add(variance, self.epsilon, out=deviation), out=deviation)
        np.divide(H, deviation, out=H)
        np.multiply(H, self.gamma if self.scale else 1.0, out=Y)
        if self.center:
            np.add(Y, self.beta, out=Y)
        return Y.reshape(x.shape)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        dY = dy.reshape(-1, dy.shape[-1])
        n, features = dY.shape
        H, product = work.array("H", n, features), work.array("product", n, features)
        sum_dy, sum_dyh = work.array("sum_dy", features), work.array("sum_dyh", features)
        np.dot(work.ones(n), dY, out=sum_dy)
        np.dot(work.ones(n), np.multiply(dY, H, out=product), out=sum_dyh)
        if self.scale:
            np.copyto(self.gradients["gamma"], sum_dyh)
        if self.center:
            np.copyto(self.gradients["beta"], sum_dy)
        if not input_gradient:
            return None
        if work["of_batch"]:
            np.subtract(dY, np.divide(sum_dy, n, out=sum_dy), out=dY)
            np.multiply(H, np.divide(sum_dyh, n, out=sum_dyh), out=product)
            np.subtract(dY, product, out=dY)
        np.divide(dY, work.array("deviation", features), out=dY)
        if self.scale:
            np.multiply(dY, self.gamma, out=dY)
        return dY.reshape(dy.shape)

    def commit(self, work: Workspace) -> None:
        if work["of_batch"]:
            for moving, name in ((self.moving_mean, "mean"), (self.moving_variance, "variance")):
                batch = work.array(name, *moving.shape)
                np.multiply(moving, self.momentum, out=moving)
                np.add(moving, np.multiply(batch, 1 - self.momentum, out=batch), out=moving)
