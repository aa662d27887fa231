"""What a perceptron's network is built of, as parameters say or as a network has it."""

from __future__ import annotations

from typing import Any, NamedTuple

from annlib.activations import Activation
from annlib.constraints import Constraint
from annlib.estimators.perceptron.affine_maps import affine_maps
from annlib.layers import Activation as ActivationLayer
from annlib.layers import Dense, Dropout
from annlib.models import Sequential
from annlib.regularizers import Regularizer


class Structure(NamedTuple):
    """All that a network is built of, but for its weights."""

    sizes: tuple[int, ...]
    normalized: bool
    #: Of the last layer.
    units: int
    activations: tuple[Activation, ...]
    output: str
    rates: tuple[float, ...]
    penalty: Regularizer | None
    constraint: Constraint | None

    @property
    def function(self) -> tuple[Any, ...]:
        """What the network computes of its weights, when it is not trained."""
        return self.sizes, self.activations, self.output


def structure_of(model: Sequential) -> Structure:
    """What a network that ``Architecture.build`` has built is built of."""
    maps = affine_maps(model)
    *hidden, (last, _) = maps
    activations: list[Activation] = []
    rates: list[float] = []
    for layer in model.layers[:-1]:
        if isinstance(layer, Dropout):
            rates[-1] = float(layer.rate)
        elif isinstance(layer, ActivationLayer):
            activations[-1] = layer.activation
        elif isinstance(layer, Dense):
            activations.append(layer.activation)
            rates.append(0.0)
    return Structure(
        sizes=tuple(dense.units for dense, _ in hidden),
        normalized=any(norm is not None for _, norm in hidden),
        units=last.units,
        activations=tuple(activations),
        output=last.activation._names[0],
        rates=tuple(rates),
        penalty=last.kernel_regularizer,
        constraint=last.kernel_constraint,
    )
