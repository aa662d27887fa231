"""What a network gives: the activation that its outputs come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from annlib.activations import Activation
from annlib.layers import Layer


class Output(NamedTuple):
    """The activation that the outputs of some layers come from, and what became of it.

    Parameters
    ----------
    place : int
        Which layer has it, counted from the end, -1 for the last; 0 if none has.
    activation : Activation or None
    changed_by : Layer or None
        The last layer that makes other numbers of its outputs, where one does.
    """

    place: int
    activation: Activation | None
    changed_by: Layer | None = None

    @property
    def given(self) -> Activation | None:
        """The activation whose outputs are those of the network."""
        return None if self.changed_by else self.activation


def output_of(layers: Sequence[Layer]) -> Output:
    """The last activation that is not linear, behind layers that learn nothing; or the linear one.

    It is looked for past layers that give their input on as it is (at rest), and past others
    without parameters that are trained, which change it.

    >>> from annlib import layers
    >>> output_of([layers.Dense(3, "softmax"), layers.Dropout(0.5), layers.Flatten()])
    Output(place=-3, activation=Softmax(), changed_by=None)
    >>> output_of([layers.Dense(1, "sigmoid"), layers.Rescaling(2.0)])
    Output(place=-2, activation=Sigmoid(), changed_by=Rescaling(2.0))
    """
    changed_by: Layer | None = None
    passed: list[Layer] = []
    for index, layer in zip(range(-1, -len(layers) - 1, -1), reversed(layers), strict=True):
        if layer.keeps_values and layer._says("keeps_values", "forward"):
            passed.append(layer)
            continue
        activation = split_activation(layer)[1]
        if activation is not None:
            if changed_by is None and not activation.elementwise:
                changed_by = next(filter(_cuts_rows, passed), None)
            return Output(index, activation, changed_by)
        if any(parameter.trainable for parameter in layer._parameters):
            break
        changed_by = changed_by or layer
        passed.append(layer)
    return Output(0, None)


def split_activation(layer: Layer) -> tuple[Layer | None, Activation | None]:
    """What a layer does before its activation, and that; neither if it is not known.

    A subclass with a forward of its own does more than its base class can split off.
    """
    known = _definer(layer, "forward") is _definer(layer, "_split_activation")
    return layer._split_activation() if known else (layer, None)


def _definer(layer: Layer, method: str) -> type:
    """The class that a layer has this method from."""
    return next(cls for cls in type(layer).__mro__ if method in vars(cls))


def without_activation(layers: Sequence[Layer], output: Output) -> list[Layer]:
    """The layers but for the activation of their output: what comes out are its inputs."""
    last, _ = layers[output.place]._split_activation()
    after = layers[output.place + 1 :] if output.place < -1 else []
    return [*layers[: output.place], *([] if last is None else [last]), *after]


def _cuts_rows(layer: Layer) -> bool:
    """Whether a row of the input is no row of the output, of a layer that was built."""
    shape = layer._built_shape
    return shape is not None and layer.compute_output_shape(shape)[-1] != shape[-1]
