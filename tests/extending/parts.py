"""One part of each family, as a user writes them: ``test_extending`` runs everything over them."""

import numpy as np

from annlib import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)


@activations.register()
class Squash(activations.Activation):
    """a = z / sqrt(1 + z^2),  da/dz = (1 - a^2)^(3/2)."""

    def forward(self, Z, A, work):
        scale = work.array("scale", *Z.shape)
        np.sqrt(1 + np.square(Z), out=scale)
        np.divide(Z, scale, out=A)

    def backward(self, dA, Z, A, work):
        dA *= (1 - np.square(A)) ** 1.5


@initializers.register()
class Alternating(initializers.Initializer):
    """A value with alternating signs, moved a little."""

    def __init__(self, value=0.5):
        self.value = value

    def draw(self, shape, rng):
        signs = np.where(np.arange(np.prod(shape, dtype=int)) % 2, -1.0, 1.0).reshape(shape)
        return self.value * signs + rng.uniform(-0.1, 0.1, shape)


@regularizers.register()
class Quartic(regularizers.Regularizer):
    """R = factor sum W^4,  dR/dW = 4 factor W^3."""

    def __init__(self, factor=0.01):
        self.factor = factor

    def __call__(self, W):
        return float(self.factor * (W**4).sum())

    def add_gradient(self, W, dW, work, scale=1.0):
        dW += 4 * self.factor * scale * W**3


@constraints.register()
class Clipped(constraints.Constraint):
    """|w| <= limit."""

    def __init__(self, limit=2.0):
        self.limit = limit

    def __call__(self, W):
        np.clip(W, -self.limit, self.limit, out=W)


@layers.register()
class Affine(layers.Layer):
    """y_i = f_i x_i + o_i, with a factor and an offset for each feature."""

    def __init__(self, factor_initializer="ones", factor_regularizer=None, **keywords):
        super().__init__(**keywords)
        self.factor_initializer = initializers.get(factor_initializer)
        self.factor_regularizer = regularizers.get(factor_regularizer)

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.add_weight("factor", shape, self.factor_initializer, self.factor_regularizer)
        self.add_weight("offset", shape, "zeros")

    def forward(self, x, work, *, training=False):
        work["x"] = x
        y = np.multiply(x, self.factor, out=work.array("y", *x.shape))
        y += self.offset
        return y

    def backward(self, dy, work, *, input_gradient=True):
        np.sum(dy * work["x"], axis=0, out=self.gradients["factor"])
        np.sum(dy, axis=0, out=self.gradients["offset"])
        return np.multiply(dy, self.factor, out=dy)


@losses.register()
class Expectile(losses.MeanOverOutputs):
    """E_r = 1/N sum_i |q - [d_i < 0]| d_i^2,  d = y - a."""

    def __init__(self, q=0.7, reduction="sum_over_batch_size"):
        super().__init__(reduction)
        self.q = q

    def terms(self, Y, A, T, work):
        D = np.subtract(Y, A, out=work.array("D", *A.shape))
        T[...] = np.where(D < 0, 1 - self.q, self.q) * D**2

    def slopes(self, Y, A, dA, work):
        D = work.array("D", *A.shape)
        dA[...] = np.where(D < 0, self.q - 1, -self.q) * 2 * D


@metrics.register()
class Within(metrics.MeanOverRows):
    """The share of samples whose outputs are all within a tolerance."""

    direction = "up"

    def __init__(self, tolerance=0.5, name=None):
        super().__init__(name)
        self.tolerance = tolerance

    def rows(self, Y, A, work):
        return (np.abs(A - Y.reshape(A.shape)) <= self.tolerance).all(axis=1)


@optimizers.register()
class SignDescent(optimizers.Optimizer):
    """theta <- theta - rate sign(v), v <- 0.9 v + g."""

    state_names = ("v",)

    def update(self, theta, gradient, rate, state, scratch):
        state.v *= 0.9
        state.v += gradient
        theta -= np.multiply(np.sign(state.v, out=scratch), rate, out=scratch)


@schedules.register()
class Stairs(schedules.LearningRateSchedule):
    """Half the rate after every so many steps."""

    def __init__(self, initial_learning_rate=0.02, every=50):
        self.initial_learning_rate = initial_learning_rate
        self.every = every

    def __call__(self, step):
        return self.initial_learning_rate * 0.5 ** (step // self.every)


@callbacks.register()
class StopAfter(callbacks.Callback):
    """Stop training after so many batches."""

    state_attributes = ("batches",)

    def __init__(self, limit=1000):
        self.limit = limit

    def on_train_begin(self, logs=None):
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.batches >= self.limit:
            self.model.stop_training = True
