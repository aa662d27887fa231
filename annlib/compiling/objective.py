"""The notes of one step: what each part of an objective does, from the input to the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.compiling.comparison import described
from annlib.compiling.layout import interval
from annlib.compiling.notes import Call, Note
from annlib.compiling.parts import (
    Backward,
    Forward,
    Penalty,
    Slope,
    Value,
    attempt,
    called,
    is_plain,
    shadow,
)
from annlib.compiling.recording import CannotRecordError, Recorder
from annlib.compiling.workspace import RecordingWorkspace
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.layers.passes import no_gradient
from annlib.training.objective import Objective


class PartCannotRecordError(Exception):
    """A part is to be called as it stands."""

    def __init__(self, part: object, why: str) -> None:
        super().__init__(why)
        self.part = part


class Recording:
    """The notes of a step, and what it gave.

    Attributes
    ----------
    notes : list of Note
    Z : array
        What the layers before the loss gave.
    loss, squares : array, ()
        The loss without penalties, and the sum of the gradient's squares.
    parts : list of (str, object, int, array, array)
        Of each part its name, itself, its first note, what it gave, and a copy of that.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        #: The arrays that calls made, which lie elsewhere in each recording.
        self.made: list[Any] = []
        self.parts: list[tuple[str, Any, int, Array, Array]] = []
        self.Z = self.loss = self.squares = np.zeros(())
        self.described: list[Any] = []
        #: Whether one before it was another.
        self.again = False

    def part_at(self, place: int) -> tuple[str, Any]:
        """The name of the part that made this note, and the part."""
        return next((n, whose) for n, whose, begin, *_ in reversed(self.parts) if begin <= place)

    def forget(self) -> None:
        """Keep what it gave, and how its notes are described."""
        self.notes, self.parts, self.made = [], [], []

    def structure(self, inputs: Any) -> list[Any]:
        """What has to be the same in the next step's notes."""
        places = [(interval(a), ("made", i)) for i, a in enumerate(self.made)]
        places += [
            (interval(a), ("input", i)) for i, a in enumerate(inputs) if isinstance(a, np.ndarray)
        ]
        return [described(note, places) for note in self.notes]


class StepRecorder:
    """Makes a step of an objective and takes notes of it.

    Parameters
    ----------
    objective : Objective
    gradient : array
        Of all parameters that are trained.
    works : sequence of Workspace
        All that the step uses.
    as_is : set of int
        The identities of the parts that are called as they stand: of layers those of their
        workspaces. A layer that gets no array is one of them.
    """

    def __init__(
        self, objective: Objective, gradient: Array, works: list[Workspace], as_is: set[int]
    ) -> None:
        self._objective, self._gradient, self._as_is = objective, gradient, as_is
        self._recorder = recorder = Recorder()
        self.made = made = Recording()
        made.notes, made.made = recorder.notes, recorder.kept
        self._works = {id(work): RecordingWorkspace(work, recorder) for work in works}
        self._layers = {id(work): layer for layer, work in objective.passes.steps}
        self._shadows: dict[int, Layer] = {}

    def record(self, X: Any, Y: Array, weights: Array | None) -> Recording:
        """Make the step.

        Raises
        ------
        PartCannotRecordError
            If one of the parts does what cannot be recorded.
        """
        made, loss = self.made, self._objective.loss
        made.Z = self._forward(X)
        loss._batch = inputs = made.Z, Y, weights
        dy = self._of_loss_as_is(inputs) if id(loss) in self._as_is else self._of_loss(inputs)
        self._backward(dy)
        self._penalties(weights)
        whole = self._recorder.traced(self._gradient)
        made.squares = np.dot(whole, whole).array  # a Number
        place = len(made.notes) - 1
        made.parts.append(("the gradient", None, place, self._gradient, self._gradient))
        return made

    def _part(self, whose: Any, name: str, act: Callable[[], Any]) -> Any:
        """What a part gives, an array without noting or None."""
        begin = len(self.made.notes)
        self._recorder.may_read = False
        if id(whose) in self._as_is:
            result = act()
        else:
            try:
                result = attempt(act)
            except CannotRecordError as error:
                raise PartCannotRecordError(whose, str(error)) from None
        result = result.view(np.ndarray) if isinstance(result, np.ndarray) else None
        given = np.zeros(0) if result is None else result
        self.made.parts.append((name, whose, begin, given, given.copy()))
        return result

    def _forward(self, x: Any) -> Any:
        for layer, work in self._objective.passes.steps:
            name = f'"{layer.name}"'
            if not isinstance(x, np.ndarray):
                self._as_is.add(id(work))
            if id(work) in self._as_is:
                act = Forward(layer, work)
                x = self._part(work, name, lambda: called(self._recorder, act, x))  # noqa: B023
                continue
            own = self._shadows[id(work)] = shadow(layer, self._recorder)
            memory, X = self._works[id(work)], self._recorder.traced(x)
            x = self._part(work, name, lambda: own.forward(X, memory, training=True))  # noqa: B023
            memory.give_back()
        return x

    def _of_loss_as_is(self, inputs: Any) -> Array:
        made, loss = self.made, self._objective.loss
        value = Value(loss)
        made.loss = np.array(value(*inputs))
        self._recorder.kept.append(made.loss)
        value.results = [(made.loss, made.loss.copy())]
        made.notes.append(Call(value, inputs, {}, made.loss))
        slope: Array = self._part(
            loss, "the loss", lambda: called(self._recorder, Slope(loss), *inputs)
        )
        return slope

    def _of_loss(self, inputs: Any) -> Array:
        recorder, fused = self._recorder, self._objective.loss
        loss, memory = fused.loss, self._works[id(fused.work)]
        Z, Y = map(recorder.traced, inputs[:2])
        weights = None if inputs[2] is None else recorder.traced(inputs[2])

        def value() -> None:
            recorder.may_read, recorder.read_last = True, None
            number, read = loss.value(Y, Z, weights, memory), recorder.read_last
            if read is None or not np.array_equal(float(read) + 0.0, number, equal_nan=True):
                raise CannotRecordError("a loss that is another number than was read last")
            self.made.loss = read

        self._part(fused, "the loss", value)
        slope: Array = self._part(fused, "the loss", lambda: loss.gradient(Y, Z, weights, memory))
        memory.give_back()
        return slope

    def _backward(self, dy: Any) -> None:
        for backward, work, wanted in self._objective.passes._backward:
            layer = self._layers[id(work)]
            name = f'"{layer.name}"'
            if id(work) in self._as_is:
                act = Backward(backward, work, wanted)
                dy = self._part(work, name, lambda: called(self._recorder, act, dy))  # noqa: B023
                if dy is None and wanted:
                    raise no_gradient(layer)
                written = [g for _, leaf in layer._leaves() for g in leaf.gradients.values()]
                act.results += [(array, array.copy()) for array in written]
                continue
            own, memory = self._shadows[id(work)], self._works[id(work)]
            dY = self._recorder.traced(dy)
            dy = self._part(
                work,
                name,
                lambda: own.backward(dY, memory, input_gradient=wanted),  # noqa: B023
            )
            memory.give_back()

    def _penalties(self, weights: Array | None) -> None:
        objective, loss = self._objective, self._objective.loss.loss
        memory = self._works[id(objective.work)]
        # What it is divided by is another number in each batch.
        varies = loss.masks or (weights is not None and "weight" in loss.reduction)
        for regularizer, W, dW in objective.penalized:
            if id(regularizer) in self._as_is or varies or not is_plain(regularizer):
                called(self._recorder, Penalty(objective, regularizer), W, dW)
                continue
            share = regularizer.share(objective.loss.denominator)
            assert dW is not None, "an objective that trains"
            arrays = self._recorder.traced(W), self._recorder.traced(dW)
            add = regularizer.add_gradient
            self._part(
                regularizer,
                repr(regularizer),
                lambda: add(*arrays, memory, share),  # noqa: B023
            )
        memory.give_back()
