"""Activation: the paper's activation layer (6.2, 7.2), apart from the fully connected one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Unpack

from annlib import activations
from annlib.core.arrays import Array, BatchShape
from annlib.core.expression import express
from annlib.core.formula import Formula, described
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, get, register


class ActivationLayer(Layer):
    """A = f(Z): what Activation and the layers that are named after one f share.

    A subclass sets ``activation`` in its constructor.
    """

    group = "activation"
    activation: activations.Activation

    _derived = ("activation",)

    @property
    def keeps_values(self) -> bool:  # type: ignore[override]  # it depends on the activation
        """Whether it is the linear one."""
        return type(self.activation) is activations.Linear

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        return self.activation.output_shape(input_shape)

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        A = work.array("A", *self.activation.output_shape(x.shape))
        self.activation.forward(x, A, work)
        work["Z"], work["A"] = x, A
        return A

    def expression(self, x: Any) -> Any:
        return express(self.activation, x)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return self.activation.gradient(dy, work["Z"], work["A"], work)

    def _split_activation(self) -> tuple[Layer | None, activations.Activation | None]:
        last = -1 if self._built_shape is None else len(self._built_shape) - 1
        if self.activation.axis not in (-1, last):  # losses have classes on the last axis
            return self, None
        return None, self.activation

    def formula(self) -> Formula:
        act = described(self.activation, activations.Activation)
        section = ", ".join(part for part in ("6.2, 7.2", act.section) if part)
        return replace(act, name=self._names[0], kind="layer", section=section, note="")


@register("activation")
class Activation(ActivationLayer):
    """A = f(Z) of (n, ...), with the same f as in ``Dense(..., activation=f)``.

    Parameters
    ----------
    activation : str, Activation or (function, derivative)
        A layer is put behind this one by the model; ``ReLU()`` and the like are what they compute.

    Raises
    ------
    UnknownNameError
        For a name that is not registered.
    ConfigurationError
        For what is no activation, such as a function without its derivative.

    Examples
    --------
    >>> Activation("tanh")([[0.0, 1.0, 20.0]]).round(4)
    array([[0.    , 0.7616, 1.    ]], dtype=float32)
    >>> import numpy as np
    >>> Activation((np.sin, np.cos))([[0.0, 1.5]]).round(4)
    array([[0.    , 0.9975]], dtype=float32)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"activation": "relu"}

    def __init__(self, activation: Any, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.activation, self._followed_by = activation_of(activation, "Activation.activation")


def activation_of(identifier: Any, where: str) -> tuple[activations.Activation, Layer | None]:
    """The activation of that name, object, pair of functions or layer; and a layer to follow it,
    where ``identifier`` is one that is more than an activation.
    """
    if isinstance(identifier, dict) and "trainable" in identifier.get("config", ()):
        identifier = get(identifier)  # the configuration of a layer
    if not isinstance(identifier, Layer):
        return activations.get(identifier, where), None
    if (
        isinstance(identifier, ActivationLayer)
        and type(identifier).forward is ActivationLayer.forward
        and identifier.activity_regularizer is None
    ):
        return identifier.activation, identifier._followed_by
    return activations.Linear(), identifier
