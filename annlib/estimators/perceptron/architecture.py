"""The network that a perceptron's parameters describe, and its first weights."""

from __future__ import annotations

import copy
import math
from typing import Any

from annlib import activations, losses
from annlib.activations import Activation, Sigmoid
from annlib.constraints import Constraint
from annlib.core.errors import AnnlibError
from annlib.estimators.outputs import for_arguments, last_layer
from annlib.estimators.parameter_codes import LeftOut
from annlib.estimators.perceptron.affine_maps import dense_layers
from annlib.estimators.perceptron.growth import obstacle
from annlib.estimators.perceptron.structure import Structure
from annlib.estimators.rules import invalid
from annlib.estimators.targets import ColumnsTargets, IndicatorTargets, Targets
from annlib.initializers import Initializer, RandomUniform, VarianceScaling
from annlib.layers import Activation as ActivationLayer
from annlib.layers import BatchNormalization, Dense, Dropout, Input
from annlib.losses import BlockCrossentropy, Loss
from annlib.losses.function import loss_of
from annlib.models import Sequential
from annlib.optimizers import Optimizer
from annlib.regularizers import Regularizer, Ridge

#: scikit-learn's names for activations of annlib, and the other way round.
_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}
_OUTPUTS = {"linear": "identity", "sigmoid": "logistic", "exponential": "exp"}
#: scikit-learn's names for losses of annlib.
_LOSSES: dict[str, type[Loss]] = {
    "squared_error": losses.HalfSumSquaredError,
    "poisson": losses.HalfPoissonDeviance,
}
#: The mean over the rows of a batch by what they weigh.
_BY_WEIGHT = "mean_with_sample_weight"


class Architecture:
    """The parameters of a perceptron as annlib's objects.

    Parameters
    ----------
    estimator : Perceptron
    loss, regularizer, initializer : Loss, Regularizer and Initializer, or None
        In place of scikit-learn's.
    constraint : Constraint or None

    Raises
    ------
    InvalidParameterError
        For a parameter that cannot be meant.
    """

    def __init__(
        self,
        estimator: Any,
        loss: Loss | None,
        regularizer: Regularizer | None,
        initializer: Initializer | None,
        constraint: Constraint | None,
    ) -> None:
        self.estimator = estimator
        self.initializer, self.constraint = initializer, constraint
        self.sizes = hidden_sizes(estimator.hidden_layer_sizes)
        self.activations = self._activations()
        self.rates = self._dropout()
        self.penalty = self._penalty(regularizer)
        self._given_loss = loss

    def check_deterministic(self, optimizer: Optimizer) -> None:
        """Raise for what an optimizer that takes all rows at once cannot train."""
        e, name = self.estimator, type(optimizer).__name__
        text = f"{{}} with {name}, which needs the same loss for the same weights"
        if optimizer.full_batch and any(self.rates):
            raise invalid(e, "dropout", text.format(0), e.dropout)
        if optimizer.full_batch and e.batch_normalization:
            raise invalid(e, "batch_normalization", text.format("False"), e.batch_normalization)

    def structure(self, targets: Targets) -> Structure:
        """What the network for these targets is built of."""
        units, output = self.output(targets)
        return Structure(
            sizes=tuple(self.sizes),
            normalized=bool(self.estimator.batch_normalization),
            units=units,
            activations=tuple(self.activations),
            output=output,
            rates=tuple(float(rate) for rate in self.rates),
            penalty=self.penalty,
            constraint=self.constraint,
        )

    def check_continues(self, before: Structure, now: Structure) -> None:
        """Raise if a training cannot continue with the weights of a network that there is."""
        e = self.estimator
        text = "{}, as in the network that is trained on; for another one, fit without warm_start"
        if now.sizes != before.sizes and (expected := obstacle(before, now)):
            shown = text.format(f"{list(before.sizes)} or {expected}")
            raise invalid(e, "hidden_layer_sizes", shown, e.hidden_layer_sizes)
        if now.normalized != before.normalized:
            shown = text.format(before.normalized)
            raise invalid(e, "batch_normalization", shown, e.batch_normalization)
        if now.units != before.units:
            shown = text.format(f"one with {before.units} output{'s' * (before.units > 1)}")
            raise invalid(e, "loss", shown, e.loss)

    def check_same_initializer(self, before: Any) -> None:
        """Raise if another initializer was set, which weights that there are do not heed."""
        if not isinstance(before, LeftOut) and before != self.initializer:
            expected = f"{before!r}, as before; for new weights, fit without warm_start"
            given = self.estimator.kernel_initializer
            raise invalid(self.estimator, "kernel_initializer", expected, given)

    def build(self, n_features: int, targets: Targets, dtype: str, seed: int) -> Sequential:
        """The network for these features and targets, not compiled."""
        e = self.estimator
        layers: list[Any] = [Input((n_features,))]
        fan_in = n_features
        for units, activation, rate in zip(self.sizes, self.activations, self.rates, strict=True):
            if e.batch_normalization:
                layers += [
                    self._dense(fan_in, units, None, activation),
                    BatchNormalization(),
                    ActivationLayer(activation),
                ]
            else:
                layers.append(self._dense(fan_in, units, activation, activation))
            if rate:
                layers.append(Dropout(rate))
            fan_in = units
        units, out = self.output(targets)
        last = self.activations[-1] if self.activations else self._activation("relu")
        layers.append(self._dense(fan_in, units, out, last))
        return Sequential(layers, seed=seed, dtype=dtype)

    def _dense(self, fan_in: int, units: int, activation: Any, like: Activation) -> Dense:
        bound = initial_bound(fan_in, units, like)
        initializer: Any = self.initializer and self.initializer.clone()
        if initializer is None:
            small = VarianceScaling(1 / 3, "fan_avg", "uniform")
            initializer = small if isinstance(like, Sigmoid) else "glorot_uniform"
        return Dense(
            units,
            copy.copy(activation),
            kernel_initializer=initializer,
            bias_initializer=RandomUniform(-bound, bound),
            kernel_regularizer=self.penalty,
            kernel_constraint=self.constraint,
        )

    def draw(self, model: Sequential, random_state: Any) -> None:
        """Give a network the weights that scikit-learn draws: kernel and bias, layer by layer; its
        kernels it keeps if they have an initializer of the user's.
        """
        for layer, like in zip(dense_layers(model), self._likes(), strict=True):
            fan_in, fan_out = layer.kernel.shape
            bound = initial_bound(fan_in, fan_out, like)
            if self.initializer is None:
                layer.kernel[...] = random_state.uniform(-bound, bound, layer.kernel.shape)
            layer.bias[...] = random_state.uniform(-bound, bound, layer.bias.shape)

    def _likes(self) -> list[Activation]:
        """The activation that each layer's first weights are for."""
        hidden = self.activations or [self._activation("relu")]
        return [*self.activations, hidden[-1]]

    # -- the last layer --------------------------------------------------------------------------

    def output(self, targets: Targets) -> tuple[int, str]:
        """Units and activation of the last layer."""
        return last_layer(self.loss(targets), targets)

    def loss(self, targets: Targets) -> Loss:
        """The loss, a mean by weight and a sum over outputs where scikit-learn names it."""
        if self._given_loss is not None:
            return self._given_loss
        found: Loss
        if isinstance(targets, ColumnsTargets):
            found = BlockCrossentropy(targets.sizes, _BY_WEIGHT)
        elif isinstance(targets, IndicatorTargets):
            found = losses.SumBinaryCrossentropy(reduction=_BY_WEIGHT)
        else:
            found = _by_weight(loss_of(targets.loss))
        estimator = self.estimator
        changed: Loss = estimator._changed("loss", for_arguments(found, estimator._nested("loss")))
        return changed

    # -- parameters as objects -------------------------------------------------------------------

    def _activations(self) -> list[Activation]:
        given = self.estimator.activation
        several = isinstance(given, list | tuple) and not _is_pair(given)
        each = list(given) if several else [given] * len(self.sizes)
        if len(each) != len(self.sizes):
            raise invalid(self.estimator, "activation", self._as_many(), given)
        found = [self._activation(one) for one in each]
        if not each:  # of no layer, and wrong all the same
            self._activation(given)
        return found

    def _penalty(self, given: Regularizer | None) -> Regularizer | None:
        alpha = float(self.estimator.alpha)
        return given if given is not None or not alpha else Ridge(alpha)

    def _as_many(self) -> str:
        return f"one, or a list of as many as there are hidden layers, {len(self.sizes)}"

    def _activation(self, given: Any) -> Activation:
        try:
            name = _ACTIVATIONS.get(given, given) if isinstance(given, str) else given
            return activations.get(name).clone()
        except (AnnlibError, TypeError) as error:
            text = (
                "'identity', 'logistic', the name of another activation of annlib, an object of "
                "one, or a list of these for the hidden layers"
            )
            raise invalid(self.estimator, "activation", text, given) from error

    def _dropout(self) -> list[float]:
        given = self.estimator.dropout
        rates = list(given) if isinstance(given, list | tuple) else [given] * len(self.sizes)
        if len(rates) != len(self.sizes):
            raise invalid(self.estimator, "dropout", self._as_many(), given)
        return rates


def named_loss(given: Any, *, classifier: bool) -> Loss | None:
    """The loss that the parameter means; None if it depends on the targets."""
    if not isinstance(given, str):
        return loss_of(given)
    if classifier and given == "log_loss":
        return None
    if not classifier and given in _LOSSES:
        return _by_weight(_LOSSES[given]())
    return _by_weight(loss_of(given))


def _by_weight(loss: Loss) -> Loss:
    return loss._replace(reduction=_BY_WEIGHT)


def _is_pair(given: Any) -> bool:
    """Whether it is a function with its derivative, which are one activation."""
    functions = [each for each in given if callable(each) and not isinstance(each, Activation)]
    return isinstance(given, tuple) and len(given) == len(functions) == 2


def hidden_sizes(given: Any) -> list[int]:
    """``hidden_layer_sizes`` as a list.

    Raises
    ------
    ValueError
        If one is not positive.
    """
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def initial_bound(fan_in: int, fan_out: int, activation: Activation) -> float:
    """Of a layer's first weights and biases (Glorot & Bengio, 2010)."""
    factor = 2.0 if isinstance(activation, Sigmoid) else 6.0
    return math.sqrt(factor / (fan_in + fan_out))


def output_name(layer: Dense) -> str:
    """scikit-learn's name of a last layer's activation."""
    name = layer.activation._names[0]
    return _OUTPUTS.get(name, name)
