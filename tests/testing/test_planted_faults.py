"""Every rule has a class that breaks it, and the check says so; sound classes pass."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from annlib import Sequential, losses, optimizers, testing
from annlib.activations import Activation, Softmax, Tanh
from annlib.callbacks import Callback, EarlyStopping
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError
from annlib.layers import Activation as ActivationLayer
from annlib.layers import Dense, Dropout, Layer
from annlib.losses import Loss
from annlib.losses.outputs import LossOfOutputs
from annlib.optimizers import Optimizer
from annlib.testing import activations as activation_rules
from annlib.testing import callbacks as callback_rules
from annlib.testing import configuration as configuration_rules
from annlib.testing import layers as layer_rules
from annlib.testing import losses as loss_rules
from annlib.testing import optimizers as optimizer_rules

FAULTS: dict[str, list[tuple[str, type]]] = {}


def breaks(family, rule):
    """The class below breaks this rule of the family, and no rule before it."""

    def decorate(cls):
        FAULTS.setdefault(family, []).append((rule, cls))
        return cls

    return decorate


RULES = {
    "layer": layer_rules.rules,
    "loss": loss_rules.rules,
    "activation": activation_rules.rules,
    "optimizer": optimizer_rules.rules,
    "callback": callback_rules.rules,
    "config": configuration_rules.rules,
}
CHECKS = {
    "layer": lambda cls: testing.check_layer(cls(), (4,)),
    "loss": lambda cls: testing.check_loss(cls()),
    "activation": lambda cls: testing.check_activation(cls()),
    "optimizer": lambda cls: testing.check_optimizer(cls(0.05)),
    "callback": lambda cls: testing.check_callback(cls()),
    "config": lambda cls: testing.check_config(cls(2.0)),
}

# -- layers ----------------------------------------------------------------------------------------


class Scale(Layer):
    """y = factor x: a sound one."""

    def build(self, input_shape):
        self.add_weight("factor", (input_shape[-1],), initializer="ones")

    def forward(self, x, work, *, training=False):
        work["x"] = x
        return np.multiply(x, self.factor, out=work.array("y", *x.shape))

    def backward(self, dy, work, *, input_gradient=True):
        self.learn(dy, work["x"], work)
        return np.multiply(dy, self.factor, out=dy)

    def learn(self, dy, x, work):
        np.sum(self.products(dy, x, work), axis=0, out=self.gradients["factor"])

    def products(self, dy, x, work):
        return np.multiply(dy, x, out=work.array("products", *x.shape))


class Double(Layer):
    """y = 2 x: a sound one without parameters."""

    def forward(self, x, work, *, training=False):
        return np.multiply(x, 2, out=work.array("y", *x.shape))

    def backward(self, dy, work, *, input_gradient=True):
        return np.multiply(dy, 2, out=dy)


@breaks("layer", "the output has the shape that compute_output_shape says")
class SaysNothing(Double):
    def forward(self, x, work, *, training=False):
        return x[:, :2]


@breaks("layer", "forward never writes to its input")
class InPlace(Double):
    def forward(self, x, work, *, training=False):
        x *= 2
        return x


@breaks("layer", "a layer that says keeps_values = True gives the numbers of its input, at rest")
class KeepsNoValues(Double):
    keeps_values = True


@breaks("layer", "an expression, if there is one, is what forward computes at rest")
class SaysHalf(Double):
    def expression(self, x):
        return x / 2


@breaks("layer", "a layer that says takes_sparse = True makes the same of sparse rows")
class OfStoredNumbersAlone(Double):
    takes_sparse = True

    def forward(self, x, work, *, training=False):
        if isinstance(x, np.ndarray):
            return super().forward(x, work, training=training)
        y = x.toarray()
        y[y == 0] = 1
        return y * 2


DRAWS = "only a layer that says random = True draws, only while training, from work.rng alone"


@breaks("layer", DRAWS)
class SecretNoise(Double):
    def forward(self, x, work, *, training=False):
        return x + (0 if work.rng is None else work.rng.normal())


@breaks("layer", DRAWS)
class NoiseAtInference(Double):
    random = True

    def forward(self, x, work, *, training=False):
        y = np.multiply(x, 2, out=work.array("y", *x.shape))
        if not training and work.rng is not None:
            y += work.rng.normal()
        return y


@breaks("layer", DRAWS)
class OwnGenerator(Double):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.rng = np.random.default_rng(0)

    def forward(self, x, work, *, training=False):
        return x + self.rng.normal()


@breaks("layer", "any memory layout of the input is the same input")
class AsItLies(Double):
    def forward(self, x, work, *, training=False):
        return np.multiply(2, x.ravel("K").reshape(x.shape), out=work.array("y", *x.shape))


@breaks("layer", "forward and backward write no parameter")
class LearnsInForward(Scale):
    def forward(self, x, work, *, training=False):
        if training:
            self.factor += 1e-3
        return super().forward(x, work, training=training)


@breaks("layer", "parameters and gradients stay views of the model's vectors")
class NewParameter(Scale):
    def commit(self, work):
        self.factor = self.factor * 1.0


@breaks("layer", "parameters and gradients stay views of the model's vectors")
class NewGradient(Scale):
    def learn(self, dy, x, work):
        self.gradients["factor"] = np.sum(dy * x, axis=0)


@breaks("layer", "backward overwrites the gradients, never adds to them")
class Accumulates(Scale):
    def learn(self, dy, x, work):
        self.gradients["factor"] += np.sum(dy * x, axis=0)


@breaks("layer", "backward overwrites the gradients, never adds to them")
class Forgets(Scale):
    def learn(self, dy, x, work):
        pass


@breaks("layer", "a pass depends on nothing that was left in its buffers")
class ZeroedOnce(Layer):
    """max(x, 0), with zeros that are written at the first batch."""

    def forward(self, x, work, *, training=False):
        if "zeroed" not in work:
            work["zeroed"] = True
            work.array("y", *x.shape).fill(0)
        work["x"], y = x, work.array("y", *x.shape)
        np.copyto(y, x, where=x > 0)
        return y

    def backward(self, dy, work, *, input_gradient=True):
        return dy * (work["x"] > 0)


@breaks("layer", "backward returns the derivative by the input")
class ForgetfulDropout(Dropout):
    """Its backward forgets the factor 1 / (1 - rate)."""

    def __init__(self, **keywords):
        super().__init__(0.4, **keywords)

    def backward(self, dy, work, *, input_gradient=True):
        before = dy.copy()
        dx = super().backward(dy, work)
        np.copyto(dx, before, where=dx != 0)
        return dx


@breaks("layer", "backward returns the derivative by the input")
class WrongSign(Scale):
    def backward(self, dy, work, *, input_gradient=True):
        return np.negative(super().backward(dy, work), out=dy)


@breaks("layer", "backward returns the derivative by the input")
class DiagonalJacobian(ActivationLayer):
    """Softmax with da_i/dz_i alone, as if it were case 1 of the paper."""

    def __init__(self, **keywords):
        super().__init__("softmax", **keywords)

    def backward(self, dy, work, *, input_gradient=True):
        return dy * work["A"] * (1 - work["A"])


@breaks("layer", "backward writes the derivative by every parameter")
class MeanGradient(Scale):
    def learn(self, dy, x, work):
        np.mean(self.products(dy, x, work), axis=0, out=self.gradients["factor"])


@breaks("layer", "the parameters' gradients do not need the input gradient")
class AllOrNothing(Scale):
    def backward(self, dy, work, *, input_gradient=True):
        return super().backward(dy, work) if input_gradient else None


@breaks("layer", "what backward returns is the next layer's to overwrite")
class Broadcasts(Layer):
    """The sum of a row, with a gradient that is one number in many places."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)

    def forward(self, x, work, *, training=False):
        work["shape"] = x.shape
        return np.sum(x, axis=-1, keepdims=True, out=work.array("y", *x.shape[:-1], 1))

    def backward(self, dy, work, *, input_gradient=True):
        return np.broadcast_to(dy, work["shape"])


@breaks("layer", "batches of any length share one memory")
class FirstLength(Double):
    def forward(self, x, work, *, training=False):
        work["n"] = work.get("n", len(x))
        return np.multiply(x, 2, out=work.array("y", *x.shape)) * (len(x) / work["n"])

    def backward(self, dy, work, *, input_gradient=True):
        return dy * 2 * (len(dy) / work["n"])


@breaks("layer", "what a pass remembers is in its work")
class RemembersInItself(Scale):
    def forward(self, x, work, *, training=False):
        self.x = x
        return np.multiply(x, self.factor, out=work.array("y", *x.shape))

    def backward(self, dy, work, *, input_gradient=True):
        self.learn(dy, self.x, work)
        return np.multiply(dy, self.factor, out=dy)


@breaks("layer", "float32 stays float32, and float64 float64")
class Widens(Double):
    def forward(self, x, work, *, training=False):
        return x * np.float64(2)


@breaks("layer", "float32 stays float32, and float64 float64")
class WideBuffer(Double):
    def forward(self, x, work, *, training=False):
        work.array("scratch", *x.shape, dtype="float64")
        return super().forward(x, work)


@breaks("layer", "a second batch allocates nothing that grows with it")
class Allocates(Double):
    def forward(self, x, work, *, training=False):
        return x * 2


@breaks("layer", "a copy takes the parameters along and goes its own way")
class KeepsAView(Scale):
    def forward(self, x, work, *, training=False):
        if not hasattr(self, "kept"):
            self.kept = self.factor
        work["x"] = x
        return np.multiply(x, self.kept, out=work.array("y", *x.shape))


# -- losses ----------------------------------------------------------------------------------------


class Square(Loss):
    """E_r = sum_i (a_i - y_i)^2: a sound one."""

    def forward(self, Y, A, E, work):
        D = np.subtract(A, Y, out=work.array("D", *A.shape)).reshape(len(A), -1)
        np.einsum("ij,ij->i", D, D, out=E)

    def backward(self, Y, A, dA, work):
        np.multiply(work.array("D", *A.shape), 2, out=dA)


class SquareOfOutputs(LossOfOutputs):
    """The same with a term for each output: a sound one."""

    def terms(self, Y, A, T, work):
        np.square(np.subtract(A, Y, out=work.array("D", *A.shape)), out=T)

    slopes = Square.backward


@breaks("loss", "targets, predictions and weights are only read")
class WritesPredictions(Square):
    def forward(self, Y, A, E, work):
        super().forward(Y, A, E, work)
        A -= Y


@breaks("loss", "the loss of a row depends on that row alone")
class BatchMean(Square):
    def forward(self, Y, A, E, work):
        super().forward(Y, A, E, work)
        E[...] = E.mean()


@breaks("loss", "every reduction is of the rows' losses, times their weights")
class IgnoresWeights(Square):
    def value(self, Y, A, weights, work):
        return super().value(Y, A, None, work)


@breaks("loss", "the gradient is the derivative of the value")
class Climbs(Square):
    def backward(self, Y, A, dA, work):
        np.subtract(Y, A, out=dA)


@breaks("loss", "the gradient is the derivative of the value")
class UnweightedGradient(Square):
    def gradient(self, Y, A, weights, work):
        return super().gradient(Y, A, None, work)


@breaks("loss", "rows of weight zero might be missing")
class DividesByNothing(Square):
    def _factor(self, n, weights):
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            return 1 / weights.sum()
        return super()._factor(n, weights)


@breaks("loss", "weights of outputs that are one a row are that row's, and all of them add up")
class SquaresWeightsOfOutputs(SquareOfOutputs):
    def counted(self, Y, weights, work):
        if weights is not None and weights.ndim > 1:
            weights = np.square(weights)
        return super().counted(Y, weights, work)


@breaks("loss", "nothing broadcasts between targets and predictions")
class BroadcastsTargets(Square):
    def check_targets(self, y, output_shape, where):
        return y


@breaks("loss", "a batch depends on nothing that was left in the buffers")
class HingeZeroedOnce(Loss):
    def forward(self, Y, A, E, work):
        D = work.array("D", *A.shape)
        if "zeroed" not in work:
            work["zeroed"] = True
            D.fill(0)
        np.subtract(A, Y, out=D, where=A > Y)
        np.einsum("ij,ij->i", D, D, out=E)

    backward = Square.backward


@breaks("loss", "batches of any length share one memory")
class FirstTargets(Square):
    def backward(self, Y, A, dA, work):
        work["Y"] = work.get("Y", Y.copy())
        np.multiply(2, A - work["Y"], out=dA)


@breaks("loss", "float32 stays float32, and float64 float64")
class WideLoss(Square):
    def backward(self, Y, A, dA, work):
        wide = work.array("wide", *A.shape, dtype="float64")
        np.multiply(np.subtract(A, Y, out=wide), 2, out=dA, casting="same_kind")


@breaks("loss", "a second batch allocates nothing that grows with it")
class AllocatingLoss(Square):
    def backward(self, Y, A, dA, work):
        dA[...] = 2 * (A - Y)


# -- activations -----------------------------------------------------------------------------------


@breaks("activation", "forward writes to A alone")
class WritesZ(Tanh):
    def forward(self, Z, A, work):
        Z *= 1.0
        np.tanh(Z, out=A)


@breaks("activation", "an expression, if there is one, is what forward computes")
class SaysSine(Tanh):
    def expression(self, Z):
        return np.sin(Z)


@breaks("activation", "elementwise says whether an output depends on its own input alone")
class SaysElementwise(Softmax):
    elementwise = True


@breaks("activation", "elementwise says whether an output depends on its own input alone")
class SaysRowwise(Tanh):
    elementwise = False


@breaks("activation", "backward reads Z only if needs_input says so, and writes to dA alone")
class ReadsZ(Tanh):
    def backward(self, dA, Z, A, work):
        dA /= np.cosh(Z) ** 2


@breaks("activation", "backward reads Z only if needs_input says so, and writes to dA alone")
class WritesA(Tanh):
    def backward(self, dA, Z, A, work):
        np.multiply(A, A, out=A)
        dA *= 1 - A


@breaks("activation", "in place and apart the numbers are the same")
class WritesTooEarly(Activation):
    """z / (1 + exp(z)), right unless A is Z."""

    def forward(self, Z, A, work):
        np.exp(Z, out=A)
        np.divide(Z, 1 + A, out=A)

    def backward(self, dA, Z, A, work):
        dA *= A


@breaks("activation", "nothing depends on what was left in the buffers")
class KeepsForBackward(Tanh):
    def forward(self, Z, A, work):
        np.tanh(Z, out=A)
        np.copyto(work.array("own.A", *A.shape), A)

    def backward(self, dA, Z, A, work):
        dA *= 1 - work.array("own.A", *A.shape) ** 2


@breaks("activation", "backward makes dE/dZ, the derivative, of dE/dA")
class DiagonalSoftmax(Softmax):
    def backward(self, dA, Z, A, work):
        dA *= A * (1 - A)


@breaks("activation", "rows of more dimensions are rows along the last axis")
class SecondAxis(Activation):
    """z less the mean of its row."""

    elementwise = False

    def forward(self, Z, A, work):
        np.subtract(Z, Z.mean(axis=1, keepdims=True), out=A)

    def backward(self, dA, Z, A, work):
        dA -= dA.mean(axis=1, keepdims=True)


@breaks(
    "activation", "in a Dense layer it is what it is alone: its buffers have names of their own"
)
class CommonName(Activation):
    """z / (1 + exp(-z)); Dense has a buffer Z, too."""

    needs_input = True

    def forward(self, Z, A, work):
        np.negative(Z, out=work.array("Z", *Z.shape))
        np.divide(Z, 1 + np.exp(work.array("Z", *Z.shape)), out=A)

    def backward(self, dA, Z, A, work):
        s = 1 / (1 + np.exp(-Z))
        dA *= s * (1 + Z * (1 - s))


@breaks("activation", "batches of any length share one memory")
class FirstRows(Tanh):
    def backward(self, dA, Z, A, work):
        work["slope"] = work.get("slope", np.array(1 - A**2))
        dA *= work["slope"]


@breaks("activation", "float32 stays float32, and float64 float64")
class WideSlope(Tanh):
    def backward(self, dA, Z, A, work):
        slope = np.multiply(A, A, out=work.array("own.slope", *A.shape, dtype="float64"))
        np.multiply(dA, np.subtract(1, slope, out=slope), out=dA, casting="same_kind")


@breaks("activation", "differentiate gives the values and the derivatives")
class DifferentiatesSine(Tanh):
    def differentiate(self, Z, A, D, work):
        np.sin(Z, out=A)
        np.cos(Z, out=D)


@breaks("activation", "a second batch allocates nothing that grows with it")
class AllocatingSlope(Tanh):
    def backward(self, dA, Z, A, work):
        dA *= 1 - A * A


@breaks("activation", "called with an array it returns a new one of the same shape")
class CalledInPlace(Tanh):
    def forward(self, Z, A, work):  # without which a __call__ would be refused
        super().forward(Z, A, work)

    def __call__(self, x):
        return np.tanh(x, out=x)


# -- optimizers ------------------------------------------------------------------------------------


class Plain(Optimizer):
    """theta - rate g: a sound one."""

    def update(self, theta, gradient, rate, state, scratch):
        theta -= np.multiply(gradient, rate, out=scratch)


@breaks("optimizer", "it descends on a convex error")
class Uphill(Optimizer):
    def update(self, theta, gradient, rate, state, scratch):
        theta += rate * gradient


@breaks("optimizer", "the same steps give the same bits")
class Shaken(Plain):
    def update(self, theta, gradient, rate, state, scratch):
        gradient *= np.random.default_rng().uniform(0.9, 1.1)
        super().update(theta, gradient, rate, state, scratch)


@breaks("optimizer", "nothing depends on what scratch holds")
class VelocityInScratch(Optimizer):
    def update(self, theta, gradient, rate, state, scratch):
        if self.iterations == 0:
            scratch.fill(0)
        scratch *= 0.5
        scratch += gradient
        theta -= rate * scratch


@breaks("optimizer", "a step counts as one")
class CountsParameters(Plain):
    def step(self, gradient):
        super().step(gradient)
        self.iterations += 1


@breaks("optimizer", "it writes neither to frozen parameters nor beyond its own")
class DecaysAll(Plain):
    def build(self, vector):
        super().build(vector)
        self.all = vector.values

    def step(self, gradient):
        super().step(gradient)
        self.all *= 0.999


@breaks("optimizer", "a vector in several parts is updated as in one")
class CountsParts(Plain):
    def reset(self):
        super().reset()
        self.updates = 0

    def update(self, theta, gradient, rate, state, scratch):
        self.updates += 1
        super().update(theta, gradient, rate / self.updates, state, scratch)


@breaks("optimizer", "a vector in several parts is updated as in one")
class NormOfAll(Plain):
    def update(self, theta, gradient, rate, state, scratch):
        super().update(theta, gradient, rate / np.linalg.norm(gradient), state, scratch)


@breaks("optimizer", "a parameter is updated by itself as among others")
class CountsCalls(Plain):
    per_parameter = True

    def reset(self):
        super().reset()
        self.updates = 0

    def update(self, theta, gradient, rate, state, scratch):
        self.updates += 1
        super().update(theta, gradient, rate / self.updates, state, scratch)


EVALUATED = "weights to evaluate with turn back into those that are trained"


class Looking(Plain):
    """Evaluates where the next step would lead to: a sound one."""

    state_names = ("ahead",)

    def update(self, theta, gradient, rate, state, scratch):
        state.ahead = np.multiply(gradient, -rate, out=scratch)
        theta += state.ahead

    def evaluation_weights(self, theta, state):
        theta += state.ahead

    def training_weights(self, theta, state):
        theta -= state.ahead


@breaks("optimizer", EVALUATED)
class NoWayBack(Looking):
    def training_weights(self, theta, state):
        pass


@breaks("optimizer", EVALUATED)
class EvaluationChangesState(Looking):
    def evaluation_weights(self, theta, state):
        state.ahead /= 2
        theta += state.ahead


@breaks("optimizer", "a gradient of zeros gives finite numbers")
class WithoutEpsilon(Optimizer):
    state_names = ("v",)

    def update(self, theta, gradient, rate, state, scratch):
        state.v += gradient**2
        with np.errstate(invalid="ignore"):
            theta -= rate * gradient / np.sqrt(state.v)


@breaks("optimizer", "the learning rate that is set is the one that is used")
class FixedRate(Plain):
    def update(self, theta, gradient, rate, state, scratch):
        super().update(theta, gradient, self._configured_rate, state, scratch)


class Momentum(Optimizer):
    state_names = ("velocity",)

    def update(self, theta, gradient, rate, state, scratch):
        state.velocity *= 0.5
        state.velocity -= np.multiply(gradient, rate, out=scratch)
        theta += state.velocity


@breaks("optimizer", "built again on the same layout it continues, on another it starts again")
class AlwaysAnew(Momentum):
    def build(self, vector):
        self.reset()
        super().build(vector)


@breaks("optimizer", "built again on the same layout it continues, on another it starts again")
class OldRatesOnNewLayouts(Plain):
    def __init__(self, learning_rate):
        super().__init__(learning_rate)
        self.done = 0

    def step(self, gradient):
        super().step(gradient)
        self.done += 1

    def update(self, theta, gradient, rate, state, scratch):
        super().update(theta, gradient, rate / (1 + self.done), state, scratch)


@breaks("optimizer", "copies take the state along and go their own way")
class ForgetfulCopy(Momentum):
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.state.fill(0)


@breaks("optimizer", "reset forgets state and steps")
class Remembers(Momentum):
    def reset(self):
        self.before = getattr(self, "_memory", None)
        super().reset()

    def build(self, vector):
        if self.before is not None and self.before.matches(self, vector, ()):
            self._memory = self.before
        super().build(vector)


@breaks("optimizer", "float32 stays float32, and float64 float64")
class WideState(Momentum):
    def build(self, vector):
        super().build(vector)
        if self.state.dtype == "float32":
            self._memory.vectors = self.state.astype("float64")


@breaks("optimizer", "a second step allocates nothing that grows with the parameters")
class AllocatingUpdate(Optimizer):
    def update(self, theta, gradient, rate, state, scratch):
        theta -= rate * gradient


# -- callbacks -------------------------------------------------------------------------------------


@breaks("callback", "a hook has the name that the training loop calls")
class Misspelled(Callback):
    def on_epoch_ends(self, epoch, logs=None):
        pass


@breaks("callback", "a hook takes Keras' arguments: the number of the epoch or batch, and logs")
class WithoutLogs(Callback):
    def on_epoch_end(self, epoch):
        pass


@breaks("callback", "a run with it comes to its end")
class WantsWhatIsNotThere(Callback):
    def on_epoch_end(self, epoch, logs=None):
        assert logs["f1"] > 0


@breaks("callback", "one object serves two runs: on_train_begin makes its state")
class OnceAndForAll(Callback):
    def __init__(self):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])


@breaks("callback", "one object serves two runs: on_train_begin makes its state")
class StaleStopper(EarlyStopping):
    def on_train_begin(self, logs=None):
        pass


@breaks("callback", "it serves after a run that failed")
class LeftOpen(Callback):
    def __init__(self):
        self.open = False

    def on_train_begin(self, logs=None):
        if self.open:
            raise RuntimeError("already open")
        self.open = True

    def on_train_end(self, logs=None):
        self.open = False


@breaks("callback", "its state can be saved: with it, another object continues in its place")
class Forgetful(Callback):
    def on_train_begin(self, logs=None):
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


@breaks("callback", "its state can be saved: with it, another object continues in its place")
class RemembersTheModel(Callback):
    state_attributes = ("model",)


@breaks("callback", "it keeps no model alive")
class HoldsTheModel(Callback):
    def on_train_begin(self, logs=None):
        self.trained = self.model


@breaks("callback", "copies leave the model behind and serve on")
class HoldsAGenerator(Callback):
    def on_train_begin(self, logs=None):
        self.colours = iter(colour for colour in ("red", "green"))


# -- configurations --------------------------------------------------------------------------------


class Gain(Configurable):
    """A sound one."""

    def __init__(self, by):
        self.by = by


@breaks("config", "the constructor stores every argument under its name")
class StoresNothing(Configurable):
    def __init__(self, by):
        self.factor = by


@breaks("config", "the constructor stores every argument under its name")
class WritesItsOwn(Gain):
    def get_config(self):
        return {}


@breaks("config", "the configuration makes the same object again, through JSON")
class StoresAnother(Configurable):
    def __init__(self, by):
        self.by = by * 2


@breaks("config", "the constructor stores every argument under its name")
class StoresAFunction(Configurable):
    def __init__(self, by):
        self.by = lambda x: by * x


@breaks("config", "an unknown argument is an error that names the class")
class TakesAnything(Configurable):
    def __init__(self, by, **anything):
        self.by = by


@breaks("config", "copies have the configuration")
class CannotBeCopied(Configurable):
    def __init__(self, by):
        self.by = by
        self.table = (i * by for i in range(3))


# -- the proofs ------------------------------------------------------------------------------------

PLANTED = [(family, *fault) for family, faults in FAULTS.items() for fault in faults]


@pytest.mark.parametrize(
    ("family", "rule", "cls"), PLANTED, ids=lambda value: getattr(value, "__name__", None)
)
def test_the_check_names_the_rule_that_is_broken(family, rule, cls):
    with pytest.raises(AssertionError) as raised:
        CHECKS[family](cls)
    message = str(raised.value)
    assert re.match(rf'{cls.__name__}( \(\w+\))? breaks the rule "{re.escape(rule)}": .', message)


@pytest.mark.parametrize("family", RULES)
def test_every_rule_has_a_class_that_breaks_it(family):
    assert set(RULES[family]) == {rule for rule, _ in FAULTS[family]}


@pytest.mark.parametrize("family", ["layer", "loss", "optimizer", "callback", "activation"])
def test_every_check_ends_with_the_configuration(family):
    base = {
        "layer": Scale,
        "loss": Square,
        "optimizer": Plain,
        "callback": Callback,
        "activation": Tanh,
    }[family]

    class Unstored(base):
        def __init__(self, learning_rate=0.1, secret=1):
            super().__init__(*[learning_rate] * (family == "optimizer"))

    with pytest.raises(AssertionError, match=r"stores every argument.*none for .*secret"):
        CHECKS[family](Unstored)


def test_sound_classes_pass():
    testing.check_layer(Scale(), (4,))
    testing.check_layer(Scale(input_dim=3))
    testing.check_layer(Double(input_shape=(2, 3)))
    testing.check_loss(Square())
    testing.check_loss(SquareOfOutputs())
    testing.check_optimizer(Plain(0.05))
    testing.check_optimizer(Momentum(0.05, weight_decay=0.01, clipnorm=1.0))
    testing.check_optimizer(Looking(0.05, gradient_accumulation_steps=2))
    testing.check_optimizer(AllocatingUpdate(0.05), may_allocate=True)
    testing.check_callback(Callback())
    testing.check_config(Gain(2.0))


def test_messages_say_how():
    for check, how in {
        lambda: testing.check_layer(InPlace(), (4,)): "ValueError: output array is read-only",
        lambda: testing.check_layer(NewGradient(), (4,)): r"Write into it: self.gradients\[",
        lambda: testing.check_layer(MeanGradient(), (4,)): "factor: .* along the direction",
        lambda: testing.check_loss(Climbs()): "sum_over_batch_size, without weights: .* got -?0",
        lambda: testing.check_callback(Misspelled()): 'Did you mean "on_epoch_end"',
        lambda: testing.check_optimizer(Uphill(0.1)): "the error was .*, after 49 steps",
    }.items():
        with pytest.raises(AssertionError, match=f"(?s){how}") as raised:
            check()
        assert raised.value.__cause__ is not None


# -- what the checks take --------------------------------------------------------------------------


class Logarithm(Layer):
    """Of what is above zero."""

    def forward(self, x, work, *, training=False):
        assert (x > 0).all()
        work["x"] = x
        return np.log(x, out=work.array("y", *x.shape))

    def backward(self, dy, work, *, input_gradient=True):
        return np.divide(dy, work["x"], out=dy)


class Lookup(Layer):
    """Rows of a table: integers in, so no gradient by them."""

    def build(self, input_shape):
        self.add_weight("table", (5, 3))

    def compute_output_shape(self, input_shape):
        return (*input_shape, 3)

    def forward(self, x, work, *, training=False):
        assert x.dtype.kind == "i"
        work["x"] = x
        return np.take(self.table, x, axis=0, out=work.array("y", *x.shape, 3), mode="clip")

    def backward(self, dy, work, *, input_gradient=True):
        self.gradients["table"].fill(0)
        np.add.at(self.gradients["table"], work["x"], dy)


def test_a_layer_is_tried_on_the_input_that_suits_it():
    rng = np.random.default_rng(0)
    testing.check_layer(Logarithm(), x=rng.uniform(0.5, 2, (6, 4)))
    with pytest.raises(AssertionError, match="breaks the rule"):
        testing.check_layer(Logarithm(), (4,))
    testing.check_layer(Lookup(), x=rng.integers(0, 5, (8, 2)))
    with pytest.raises(ConfigurationError, match="input_shape"):
        testing.check_layer(Scale())


def test_the_object_itself_is_left_as_it_is():
    model = Sequential([Scale(), Dense(2)], seed=0)
    optimizer, stopper = optimizers.Adam(0.01), EarlyStopping(restore_best_weights=True)
    model.compile(optimizer, "mse")
    x = np.ones((8, 4))
    model.fit(x, x[:, :2], verbose=0, validation_split=0.5, callbacks=[stopper])
    before = model.get_weights(), optimizer.state.copy(), repr(vars(stopper))
    testing.check_layer(model.layers[0], (7,))
    testing.check_layer(model.layers[1], (4,))
    testing.check_optimizer(optimizer)
    testing.check_callback(stopper)
    for found, expected in zip(model.get_weights(), before[0], strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(optimizer.state, before[1])
    assert optimizer.iterations == 1
    assert repr(vars(stopper)) == before[2]
    fresh = Scale()
    testing.check_layer(fresh, (4,))
    assert not fresh.built


def test_losses_are_tried_on_the_data_that_suit_them():
    rng = np.random.default_rng(0)
    testing.check_loss(losses.SparseCategoricalCrossentropy())
    testing.check_loss(losses.SparseCategoricalCrossentropy(), [[0], [2]], [[0.2, 0.3, 0.5]] * 2)
    testing.check_loss(Square(), *rng.normal(size=(2, 5, 2)))
    testing.check_loss(Square(), rng.normal(size=7), rng.normal(size=(7, 1)))
    testing.check_loss(losses.MeanSquaredError(), *rng.normal(size=(2, 4, 2, 3)))


def test_a_callback_is_tried_in_the_run_that_suits_it():
    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.seen = logs["accuracy"]

    def train(callbacks):
        model = Sequential([Dense(2, "softmax")], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        x = np.random.default_rng(0).normal(size=(12, 3))
        model.fit(x, (x[:, 0] > 0).astype(int), verbose=0, callbacks=callbacks)
        return model

    testing.check_callback(Watch(), train=train)
    with pytest.raises(AssertionError, match=r"comes to its end.*KeyError"):
        testing.check_callback(Watch())


def test_the_gradient_check_takes_arrays_and_functions_and_numbers():
    testing.check_gradient(np.sin, np.cos, 0.3)
    testing.check_gradient(lambda x: float(x[0] * x[1]), [3, 2], [2, 3])
    with pytest.raises(AssertionError, match=r"of the shape of x, \(2,\), got \(1,\)"):
        testing.check_gradient(np.sum, [1.0], [2.0, 3.0])
    with pytest.raises(AssertionError, match="relative error"):
        testing.check_gradient(np.sin, lambda x: np.cos(x) * (1 + 1e-5), 0.3)
    testing.check_gradient(np.sin, lambda x: np.cos(x) * (1 + 1e-5), 0.3, relative=1e-4)
    with pytest.raises(AssertionError, match="nan"):
        testing.check_gradient(np.sin, np.nan, 0.3)


@pytest.mark.parametrize("place", [(0,), (57,), (99,)])
def test_one_wrong_element_of_many_is_noticed(place):
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    gradient = 3 * x**2
    testing.check_gradient(lambda x: np.sum(x**3), gradient, x)
    gradient[place] *= 1.01
    gradient[place] += 0.01
    with pytest.raises(AssertionError):
        testing.check_gradient(lambda x: np.sum(x**3), gradient, x)


def test_annlib_does_not_load_it():
    code = "import sys, annlib; assert 'annlib.testing' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_may_allocate_is_the_users_choice():
    class Plain(Layer):
        def forward(self, x, work, *, training=False):
            return 2 * x

        def backward(self, dy, work, *, input_gradient=True):
            return 2 * dy

    with pytest.raises(AssertionError, match="allocates nothing"):
        testing.check_layer(Plain(), input_shape=(3,))
    testing.check_layer(Plain(), input_shape=(3,), may_allocate=True)
