"""What one training step of the engine did, copied at every boundary between two equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annlib.activations import Activation
from annlib.activations.base import AnyShape
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.layers.activation import ActivationLayer
from annlib.layers.noise import Noise
from annlib.losses import Loss
from annlib.optimizers import Optimizer
from annlib.regularizers import Regularizer
from annlib.tracing.slots import Slots

#: How code and paper go together, said once a trace.
TRANSPOSE = (
    "A vector of the paper is a column, {X}; in the code the rows of a batch stand one below the "
    "other, so row r of the array X is {X}ᵣ on its side. Hence {Z} = [Wᵀ]{X} ⊕ {B} for a row is "
    "Z = X @ W + b for all rows, with W = [Wᵀ]ᵀ, and the sum of {D_E,Z}ᵣ[Xᵀ]ᵣ over the rows is "
    "(X.T @ dZ).T."
)


class RecordedActivation(Activation):
    """An activation inside of a layer, called through: the boundary between {Z} and {A}."""

    Z: Array
    A: Array
    dA: Array  # noqa: N815  # as an activation calls it
    dZ: Array  # noqa: N815  # as an activation calls it

    def __init__(self, inner: Activation) -> None:
        self.inner = inner
        self.needs_input = inner.needs_input
        self.calls = 0

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        self.Z = Z.copy()
        self.inner.forward(Z, A, work)
        self.A = A.copy()
        self.calls += 1

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> Array:
        self.dA = dA.copy()
        dZ = self.inner.gradient(dA, Z, A, work)
        self.dZ = dZ.copy()
        return dZ

    def output_shape(self, shape: AnyShape) -> AnyShape:
        return self.inner.output_shape(shape)


class LayerRecord:
    """A layer of a pass, called through: what went in and what came out, forward and backward.

    Parameters
    ----------
    layer : Layer
    name : str
        Its name, behind those of the layers that hold it.
    regularizer : Regularizer, optional
        For the step behind a layer whose activity has a penalty.

    Attributes
    ----------
    inside : list of LayerRecord
        Those of the layers that it holds.

    Examples
    --------
    >>> from annlib import layers
    >>> from annlib.core.workspace import Workspace
    >>> record = LayerRecord(layers.Rescaling(2.0), "double")
    >>> record.forward(np.array([[1.0, 2.0]]), Workspace("float64"))
    array([[2., 4.]])
    >>> record.x, record.y
    (array([[1., 2.]]), array([[2., 4.]]))
    """

    x: Array
    y: Array
    dy: Array | None = None
    dx: Array | None = None
    mask: Array | None = None
    letters: dict[str, Array] | None = None

    def __init__(self, layer: Layer, name: str, regularizer: Regularizer | None = None) -> None:
        self.layer, self.regularizer = layer, regularizer
        self.name = name
        self.inside: list[LayerRecord] = []
        self.penalty = 0.0
        self.gradients: dict[str, Array] = {}
        self.activation: RecordedActivation | None = None
        self._called = layer
        inner = getattr(layer, "activation", None)
        if isinstance(inner, Activation) and not isinstance(layer, ActivationLayer):
            self.activation = RecordedActivation(inner)
            self._called = layer._shared_copy()
            self._called.activation = self.activation  # type: ignore[attr-defined]  # it has one

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        """The layer's ``forward``, kept.

        Parameters
        ----------
        x : array, (n, ...)
        work : Workspace
        training : bool

        Returns
        -------
        array, (n, ...)
        """
        self.x = x.copy()
        y = self._called.forward(x, work, training=training)
        self.y = y.copy()
        letters = self.layer._letters(work)
        if letters is not None:
            self.letters = {letter: np.array(numbers) for letter, numbers in letters.items()}
        if self.regularizer is not None:
            self.penalty = work["penalty"]
        if isinstance(self.layer, Noise) and work["noisy"]:
            self.mask = work.array("M", *self.layer.noise_of(x.shape)).copy()
        return y

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        """The layer's ``backward``, kept.

        Parameters
        ----------
        dy : array, (n, ...)
        work : Workspace
        input_gradient : bool
            Whether something below learns.

        Returns
        -------
        array, (n, ...), or None
        """
        self.dy = dy.copy()
        dx = self._called.backward(dy, work, input_gradient=input_gradient)
        self.dx = dx.copy() if dx is not None and input_gradient else None
        self.gradients = {name: value.copy() for name, value in self.layer.gradients.items()}
        return dx


def all_records(records: Sequence[LayerRecord]) -> Iterator[LayerRecord]:
    """Each with those inside of it before it."""
    for record in records:
        yield from all_records(record.inside)
        yield record


@dataclass
class PenaltyRecord:
    """The penalty on a parameter and the gradient that it adds, both times ``scale``."""

    path: str
    regularizer: Regularizer
    scale: float
    penalty: float
    gradient: Array


@dataclass
class Recording:
    """One step: what the engine has computed, and what it needs to be computed again.

    Parameters
    ----------
    model : str
        The model's name.
    reprs : dict of str to str
        The ``repr`` of its layers, by their names.
    dtype : dtype
    layers : list of LayerRecord
        In the order of the pass; for a fused output without its activation.
    loss : Loss
        As it was compiled.
    fused : Activation or None
        The output activation that the loss has taken over.
    output : str
        The name of the layer that has the output.
    x, y : array, (n, ...)
        The rows as the engine got them.
    weights : array, (n,), or None
        What they count.
    row_losses : array, (n,)
        E_r of each row.
    shares : array, (n,)
        What each row's loss and gradient count in the batch's.
    prediction : array, (n, outputs)
        The model's output.
    head_gradient : array, (n, outputs)
        What the loss sent back: dE by the output, or by the logits if it is fused.
    data_loss, total_loss : float, any number
        The batch's loss without and with penalties.
    penalties : list of PenaltyRecord
    before, after, gradients : dict of str to array, (inputs, units), (units,), ...
        By the paths of the trainable parameters: values, and what the optimizer got.
    optimizer : Optimizer
    rate : float, at least 0
        Of this update.
    trained : bool
        Whether the optimizer takes batches at all.
    steps : int, at least 0
        How many steps it had done before.
    slots_before, slots_after : dict of str to dict of str to array, of any shape
        What it remembers of each parameter, by paths and by the letters of its formula.
    statistics_before, statistics_after : dict of str to array, (units,), ...
        The parameters that no gradient changes, by their paths: moving averages, say.
    replay : callable
        The loss of the same rows and masks, in float64, with one parameter at other values:
        from its path and an array, (inputs, units) or (units,), to a number.

    Examples
    --------
    >>> from annlib import Sequential, layers, losses, optimizers
    >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
    >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    >>> trace = model.trace([2.0, 3.0], [4.0])
    >>> recording = trace.recording
    >>> recording.total_loss, recording.prediction, recording.head_gradient
    (0.5, array([[5.]]), array([[1.]]))
    """

    model: str
    reprs: dict[str, str]
    dtype: np.dtype[Any]
    layers: list[LayerRecord]
    loss: Loss
    fused: Activation | None
    output: str
    x: Array
    y: Array
    weights: Array | None
    row_losses: Array
    shares: Array
    prediction: Array
    head_gradient: Array
    data_loss: float
    total_loss: float
    before: dict[str, Array]
    after: dict[str, Array]
    gradients: dict[str, Array]
    optimizer: Optimizer
    rate: float
    trained: bool
    steps: int
    slots_before: Slots
    slots_after: Slots
    statistics_before: dict[str, Array]
    statistics_after: dict[str, Array]
    replay: Callable[[], Callable[[str, Array], float]]
    penalties: list[PenaltyRecord] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows there are, each vector of a row's outputs being one to a loss of those."""
        return len(self.row_losses)

    @property
    def weighted(self) -> bool:
        """Whether rows or outputs may count differently."""
        return self.weights is not None or self.loss.masks

    @property
    def weighs_outputs(self) -> bool:
        """Whether the outputs of one row may count differently."""
        by_output = self.weights is not None and self.weights.ndim > 1
        return self.loss.weighs_outputs and (by_output or self.loss.masks)

    @property
    def remarks(self) -> list[str]:
        """What stands above a trace: how code and paper go together, and what there is none of."""
        remarks = [TRANSPOSE]
        if not self.trained:
            name = type(self.optimizer).__name__
            remarks.append(f"{name} takes all rows at once, in fit: there is no update by these.")
        if not any(record.dy is not None for record in self.layers):
            remarks.append("No layer learns, so that nothing is sent back.")
        return remarks
