"""The parts of a model in a recording: those that are recorded, and those called as they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from annlib.activations import Activation
from annlib.compiling.notes import Call, Guard
from annlib.compiling.program import Program, make
from annlib.compiling.recording import CannotRecordError, Recorder
from annlib.compiling.workspace import Draw
from annlib.core.arrays import Array
from annlib.core.config import Configurable, is_own
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.layers.passes import ActivityPenalty
from annlib.losses import Loss
from annlib.regularizers import Regularizer
from annlib.training.objective import Objective


class AsIs:
    """A call of a part, and what it gave and wrote in the recording."""

    results: list[tuple[Array, Array]]
    #: Whether it may be called again with what the program has computed before it.
    again = False
    #: Where its random streams were before.
    states: Any = ()


class Forward(AsIs):
    def __init__(self, layer: Layer, work: Workspace, *, training: bool = True) -> None:
        self._layer, self._work, self._training = layer, work, training
        self.again = may_be_called_again(layer)
        self.states = states_of([work])

    def __call__(self, x: Any) -> Any:
        return self._layer.forward(x, self._work, training=self._training)


class Backward(AsIs):
    def __init__(self, backward: Any, work: Workspace, wanted: bool) -> None:
        self._backward, self._work, self._wanted = backward, work, wanted
        self.again = may_be_called_again(backward.__self__)

    def __call__(self, dy: Any) -> Any:
        dx = self._backward(dy, self._work, input_gradient=self._wanted)
        return dx if self._wanted else None


class Value(AsIs):
    def __init__(self, loss: Any) -> None:
        self._loss = loss
        self.again = is_plain(loss.loss)

    def __call__(self, Z: Array, Y: Array, weights: Array | None) -> float:
        value: float = self._loss.value(Z, Y, weights)
        return value


class Slope(Value):
    def __call__(self, Z: Array, Y: Array, weights: Array | None) -> Any:
        return self._loss.gradient()


class Penalty(AsIs):
    again = True

    def __init__(self, objective: Objective, regularizer: Regularizer) -> None:
        self._objective, self._regularizer = objective, regularizer

    def __call__(self, W: Array, dW: Array) -> None:
        objective, regularizer = self._objective, self._regularizer
        share = regularizer.share(objective.loss.denominator)
        regularizer.add_gradient(W, dW, objective.work, share)


class Commit(AsIs):
    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def __call__(self, work: Workspace) -> None:
        self._layer.commit(work)


def attempt(act: Callable[[], Any]) -> Any:
    """What a part gives while it is recorded; raises ``CannotRecordError`` for any error: whether
    that is the part's own tells the call without recording.
    """
    try:
        return act()
    except CannotRecordError:
        raise
    except Exception as error:
        raise CannotRecordError(repr(error)) from error


def called(recorder: Recorder, function: Any, *arguments: Any) -> Any:
    """Make a call as it stands, and note it."""
    result = function(*arguments)
    if result is not None and not isinstance(result, np.ndarray):
        raise CannotRecordError(f"{type(result).__name__} in the place of an array")
    if result is not None:
        recorder.kept.append(result)
    function.results = [] if result is None else [(result, result.copy())]
    recorder.notes.append(Call(function, arguments, {}, result))
    return result


def rerun(program: Program, inputs: Any, steps: Any = None) -> bool:
    """Run a program with what its calls have given, without making them again."""
    program.place(inputs)
    for piece, call in program.steps if steps is None else steps:
        if call is None:
            if piece(program.address):
                return False
            continue
        function = call.function
        if isinstance(function, Draw):
            np.copyto(call.keywords["out"], function.drawn)
        elif isinstance(function, AsIs) and not function.again:
            for array, given in function.results:
                np.copyto(array, given)
        else:
            if isinstance(function, AsIs):
                restore(function.states)
            make(call, inputs)
    return True


def states_of(works: Iterable[Workspace]) -> list[tuple[Any, Any]]:
    """Where the random streams of these are, with those of the layers inside."""
    found: list[tuple[Any, Any]] = []
    for work in works:
        if work.rng is not None:
            found.append((work.rng.bit_generator, work.rng.bit_generator.state))
        for inner in work.passes:
            found += states_of(own for _, own in inner.steps)
    return found


def restore(states: Iterable[tuple[Any, Any]]) -> None:
    for generator, state in states:
        generator.state = state


def may_break_off(note: Any) -> bool:
    """Whether a run may end at this note: where something else than in the recording is so."""
    return isinstance(note, Guard) or isinstance(getattr(note, "function", None), AsIs)


def may_be_called_again(layer: Layer) -> bool:
    """Whether another call of a layer in the same step changes nothing but random streams."""
    return all(map(is_plain, layer._parts()))


def can_record(layer: Layer) -> bool:
    """Whether what a layer does is the same in each step: not where a schedule sets a number; and
    whether it does that itself, not by layers inside, of which there may be none.
    """
    fixed = not layer._schedules and any(leaf is layer for _, leaf in layer._leaves())
    return fixed and not isinstance(layer, ActivityPenalty) and is_plain(layer)


def attributes_of(parts: Iterable[Any]) -> list[Any]:
    """The attributes of parts, and of the parts that they have, by which they compute."""
    found: list[Any] = []
    for part in parts:
        # Those of the user's, and those that follow a schedule, are called as they stand.
        if not part._watched or (isinstance(part, Layer) and not can_record(part)):
            continue
        found += vars(part).values()
        inside = [*getattr(part, "_held", ()), *vars(part).values()]
        found += attributes_of(x for x in inside if isinstance(x, _COMPUTING) and x is not part)
    return found


def kind_of(part: Configurable) -> Any:
    """The class of a part and its arguments: equal for those that compute the same way."""
    arguments = part._arguments().items()
    return type(part), *((n, _kind_of_argument(v)) for n, v in arguments if n != "name")


def _kind_of_argument(value: Any) -> Any:
    if isinstance(value, Configurable):
        return kind_of(value)
    if isinstance(value, list | tuple):
        return tuple(map(_kind_of_argument, value))
    return repr(value) if isinstance(value, int | float | str) else type(value)


_COMPUTING = Layer | Activation | Loss | Regularizer


def unchanged(one: list[Any], other: list[Any]) -> bool:
    """Whether these attributes are the same objects, or the same numbers."""
    return len(one) == len(other) and all(map(_is_same, one, other))


def _is_same(one: Any, other: Any) -> bool:
    plain = isinstance(one, int | float | str | tuple) and type(one) is type(other)
    return one is other or (plain and one == other)


def is_plain(part: Any) -> bool:
    """Whether a part does what annlib's own code says, with no function of the user's in it."""
    if not is_own(type(part)):
        return False
    for value in part._arguments().values():
        if isinstance(value, Activation | Loss):
            if not is_plain(value):
                return False
        elif not isinstance(value, Configurable) and _has_function(value):
            return False
    return True


def _has_function(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_function, value))
    return callable(value) and not isinstance(value, Configurable)


def shadow(layer: Layer, recorder: Recorder) -> Layer:
    """A layer with the same parameters, which note what is done with them."""
    copy = layer._shared_copy()
    copy.__dict__["arrays"] = {k: recorder.traced(v) for k, v in layer.arrays.items()}
    copy.__dict__["gradients"] = {k: recorder.traced(v) for k, v in layer.gradients.items()}
    copy.__dict__.update(copy.arrays)
    return copy
