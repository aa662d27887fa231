"""The loss of a batch and its gradient by machine code, made of what the parts of a model do.

The first steps are made as ever, and what they ask of NumPy is noted. The notes become a program,
which computes the same step again; from then on, where both agree, it makes the steps alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from annlib.activations import Activation
from annlib.compiling.codegen import interval
from annlib.compiling.program import Program, make
from annlib.compiling.recording import (
    Call,
    CannotRecordError,
    Draw,
    Note,
    Recorder,
    RecordingWorkspace,
)
from annlib.core.arrays import Array
from annlib.core.config import Configurable, changes, is_own
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.layers.passes import ActivityPenalty
from annlib.losses import Loss
from annlib.regularizers import Regularizer
from annlib.training.objective import Objective

#: How far a number may differ, of its parameter's largest and of the largest of all.
_CLOSE = {"f": (1e-3, 1e-5), "d": (1e-9, 1e-13)}
#: Steps that are made as ever before notes are taken again, after an attribute was set.
_SETTLED = 8
#: Batches of other shapes of which the programs are kept.
_MOST = 16
#: Notes of a step that differ from those of the one before, until that counts as a mistake.
_ATTEMPTS = 100


class _PartCannotRecordError(Exception):
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
        """Keep what it gave alone."""
        self.notes, self.parts, self.described, self.made = [], [], [], []

    def structure(self, inputs: Any) -> list[Any]:
        """What has to be the same in the next step's notes."""
        places = [(interval(a), ("made", i)) for i, a in enumerate(self.made)]
        places += [
            (interval(a), ("input", i)) for i, a in enumerate(inputs) if isinstance(a, np.ndarray)
        ]
        return [_described(note, places) for note in self.notes]


class CompiledStep:
    """Computes what an objective does, and its gradient, for one batch after the other.

    Parameters
    ----------
    objective : Objective
        That trains.
    gradient : array, (n,)
        Of all parameters that are trained, into which it writes.
    where : str
        What warnings begin with.

    Attributes
    ----------
    squares : float or None
        The sum of the squares of the last gradient, if it is known.
    """

    def __init__(self, objective: Objective, gradient: Array, where: str) -> None:
        self._objective, self._gradient, self._where = objective, gradient, where
        self.squares: float | None = None
        self._off = False
        #: The parts that are called as they stand, by their identity.
        self._as_is: set[int] = set()
        #: Why those are that could have been recorded.
        self.why: list[str] = []
        self._recordings: dict[Any, Recording] = {}
        self._programs: dict[Any, tuple[Program, Recording]] = {}
        self._commits: dict[Any, Program] = {}
        self._commit_notes: dict[Any, Recording] = {}
        self._machine_ran = self._noted = False
        #: What the last step's arrays are, the attributes that were set so far, and for how many
        #: steps none was.
        self._key: Any = None
        self._seen, self._waits, self._settled = changes.count, 0, 10 * _SETTLED + 1
        self._attempts = 0
        self._memory: list[tuple[Workspace, dict[str, Array]]] = []
        works = [(layer, work) for layer, work in objective.passes.steps]
        self._works: list[Workspace] = [*(w for _, w in works), objective.loss.work, objective.work]
        for layer, work in works:
            if not _can_record(layer):
                self._as_is.add(id(work))
        if not _is_plain(objective.loss.loss):
            self._as_is.add(id(objective.loss))

    # -- a step ----------------------------------------------------------------------------------

    def value_and_gradient(self, X: Any, Y: Array, weights: Array | None) -> float:
        """The loss of a batch without the penalties on weights; its gradient is in the vector."""
        self.squares, self._machine_ran, self._noted = None, False, False
        if self._seen != changes.count:
            self._seen = changes.count
            self._forget_programs()
            self._waits = 0 if self._settled > 10 * _SETTLED else _SETTLED
            self._settled = 0
        self._settled += 1
        if self._off or self._waits:
            self._waits = max(0, self._waits - 1)
            return self._as_ever(X, Y, weights)
        self._key = key = _key(X), _key(Y), _key(weights)
        if key not in self._programs:
            return self._first_steps(key, X, Y, weights)
        program, recording = self._programs[key]
        if not program.run(X, Y, weights):
            return self._as_ever(X, Y, weights)
        objective, self._machine_ran = self._objective, True
        objective.loss._batch = recording.Z, Y, weights
        self.squares = float(recording.squares)
        return float(recording.loss) + 0.0 + objective.passes.penalty()

    def _as_ever(self, X: Any, Y: Array, weights: Array | None) -> float:
        loss = self._objective.value(X, Y, weights, training=True)
        self._objective.backward()
        self._check_memory()
        return loss

    def commit(self) -> None:
        """Let the layers take over the statistics of the last step."""
        passes = self._objective.passes
        if not passes._commits:
            return
        if self._machine_ran:
            self._commits[self._key].run()
        elif self._noted:
            self._record_commits()
        else:
            passes.commit()

    def clear(self) -> None:
        """Drop references to the user's data."""
        for program, _ in self._programs.values():
            program.forget()

    def _forget_programs(self) -> None:
        self._programs.clear()
        self._recordings.clear()
        self._commits.clear()
        self._commit_notes.clear()

    # -- the first steps -------------------------------------------------------------------------

    def _first_steps(self, key: Any, X: Any, Y: Array, weights: Array | None) -> float:
        """A step that is noted; the second one of its kind becomes a program."""
        recording = self._recorded(X, Y, weights)
        self._noted = True
        self._check_memory()
        loss = float(recording.loss) + 0.0 + self._objective.passes.penalty()
        before, inputs = self._recordings.get(key), (X, Y, weights)
        if before is None and len(self._recordings) >= _MOST:
            self._forget_programs()
        structure = recording.structure(inputs)
        self._recordings[key] = recording
        recording.described = structure
        if before is None:
            return loss
        if (place := _first_difference(before.described, structure)) is not None:
            name, part = recording.part_at(place)
            self._attempts += 1
            if part is None or self._attempts > _ATTEMPTS:
                self._turn_off(name)
            elif before.again:
                # It makes an array, or a number, that is another in each step.
                self._as_is.add(id(part))
                self.why.append("its notes are others in each step")
                self._forget_programs()
            recording.again = True
            return loss
        program = Program(recording.notes, inputs)
        if self._agrees(program, recording, inputs):
            recording.forget()
            self._programs[key] = program, recording
        return loss

    def _recorded(self, X: Any, Y: Array, weights: Array | None) -> Recording:
        """The notes of a step, which is made."""
        states = [(w, w.rng.bit_generator.state) for w in self._works if w.rng is not None]
        while True:
            try:
                return self._try_to_record(X, Y, weights)
            except _PartCannotRecordError as error:
                self._as_is.add(id(error.part))
                self.why.append(str(error))
                for work, state in states:
                    work.rng.bit_generator.state = state  # type: ignore[union-attr]  # has one

    def _try_to_record(self, X: Any, Y: Array, weights: Array | None) -> Recording:
        objective, recorder, made = self._objective, Recorder(), Recording()
        made.notes, made.made = recorder.notes, recorder.kept
        loss, traced = objective.loss, recorder.traced
        works = {id(w): RecordingWorkspace(w, recorder) for w in self._works}
        layers = {
            id(w): _shadow(layer, recorder)
            for layer, w in objective.passes.steps
            if id(w) not in self._as_is
        }

        def part(whose: Any, name: str, act: Callable[[], Any]) -> Any:
            begin = len(recorder.notes)
            recorder.may_read = False
            try:
                result = act()
            except CannotRecordError as error:
                raise _PartCannotRecordError(whose, str(error)) from None
            except Exception as error:
                if id(whose) in self._as_is:
                    raise
                raise _PartCannotRecordError(whose, repr(error)) from None
            given = result.view(np.ndarray) if isinstance(result, np.ndarray) else np.zeros(0)
            made.parts.append((name, whose, begin, given, given.copy()))
            return result

        x: Any = X
        for layer, work in objective.passes.steps:
            name = f'"{layer.name}"'
            if not isinstance(x, np.ndarray):
                self._as_is.add(id(work))
            if id(work) in self._as_is:
                x = part(work, name, lambda: _called(recorder, _Forward(layer, work), x))  # noqa: B023
            else:
                own, memory = layers[id(work)], works[id(work)]
                x = traced(x)
                x = part(work, name, lambda: own.forward(x, memory, training=True))  # noqa: B023
                x = x.view(np.ndarray)
                memory.give_back()
        made.Z, loss._batch = x, (x, Y, weights)
        inputs = x, Y, weights
        if id(loss) in self._as_is:
            value = _Value(loss)
            made.loss = np.array(value(*inputs))
            recorder.kept.append(made.loss)
            value.results = [(made.loss, made.loss.copy())]
            recorder.notes.append(Call(value, inputs, {}, made.loss))
            dy = part(loss, "the loss", lambda: _called(recorder, _Slope(loss), *inputs))
        else:
            memory = works[id(loss.work)]
            Z, targets = traced(x), traced(Y)
            shares = None if weights is None else traced(weights)

            def value_of() -> None:
                recorder.may_read, recorder.read_last = True, None
                number = loss.loss.value(targets, Z, shares, memory)
                read = recorder.read_last
                if read is None or not np.array_equal(float(read) + 0.0, number, equal_nan=True):
                    raise CannotRecordError("a loss that is another number than was read last")
                made.loss = read

            part(loss, "the loss", value_of)
            gradient = loss.loss.gradient
            dy = part(loss, "the loss", lambda: gradient(targets, Z, shares, memory))
            dy = dy.view(np.ndarray)
            memory.give_back()
        by_work = {id(work): layer for layer, work in objective.passes.steps}
        for backward, work, wanted in objective.passes._backward:
            name = f'"{by_work[id(work)].name}"'
            if id(work) in self._as_is:
                act = _Backward(backward, work, wanted)
                dy = part(work, name, lambda: _called(recorder, act, dy))  # noqa: B023
                leaves = by_work[id(work)]._leaves()
                written = [g for _, leaf in leaves for g in leaf.gradients.values()]
                act.results += [(g, g.copy()) for g in written]
            else:
                own, memory = layers[id(work)], works[id(work)]
                dy = traced(dy)
                dy = part(
                    work,
                    name,
                    lambda: own.backward(dy, memory, input_gradient=wanted),  # noqa: B023
                )
                memory.give_back()
                dy = dy.view(np.ndarray) if isinstance(dy, np.ndarray) else dy
        self._record_penalties(recorder, works[id(objective.work)], weights, part)
        whole = traced(self._gradient)
        made.squares = np.dot(whole, whole).array  # type: ignore[attr-defined]  # a Number
        place = len(recorder.notes) - 1
        made.parts.append(("the gradient", None, place, self._gradient, self._gradient))
        return made

    def _record_penalties(
        self, recorder: Recorder, memory: Any, weights: Array | None, part: Any
    ) -> None:
        objective, loss = self._objective, self._objective.loss.loss
        varies = loss.masks or (weights is not None and "weight" in loss.reduction)
        for regularizer, W, dW in objective.penalized:
            if id(regularizer) in self._as_is or varies or not _is_plain(regularizer):
                _called(recorder, _Penalty(objective, regularizer), W, dW)
                continue
            share = regularizer.share(objective.loss.denominator)
            arrays = recorder.traced(W), recorder.traced(dW)
            add = regularizer.add_gradient
            part(regularizer, repr(regularizer), lambda: add(*arrays, memory, share))  # noqa: B023
        memory.give_back()

    def _record_commits(self) -> None:
        """Commit, and note what that is."""
        passes = self._objective.passes
        by_work = {id(work): layer for layer, work in passes.steps}
        recorder, key = Recorder(), self._key
        arrays = [a for layer, _ in passes.steps for _, leaf in layer._leaves()
                  for a in leaf._values().values()]
        kept = [(array, array.copy()) for array in arrays]
        try:
            for commit, work in passes._commits:
                if id(work) in self._as_is:
                    recorder.notes.append(Call(commit, (work,), {}, None))
                    continue
                memory = RecordingWorkspace(work, recorder)
                _shadow(by_work[id(work)], recorder).commit(memory)
        except Exception:
            noted = False
        else:
            made = Recording()
            made.notes, made.made = recorder.notes, recorder.kept
            made.described = made.structure(())
            before = self._commit_notes.get(key)
            self._commit_notes[key] = made
            differs = before and _first_difference(before.described, made.described) is not None
            noted = not differs
            if noted and before:
                self._commits[key] = Program(recorder.notes, ())
        for array, value in kept:
            np.copyto(array, value)
        passes.commit()
        if not noted:
            self._as_is.update(id(work) for _, work in passes._commits)
            self._forget_programs()

    # -- trust -----------------------------------------------------------------------------------

    def _agrees(self, program: Program, made: Recording, inputs: Any) -> bool:
        """Whether the program computes what the notes did; the step is then as it was made."""
        gradient, loss = self._gradient, self._objective.loss
        arrays = [gradient, made.Z, made.loss, made.squares]
        arrays += [b for w in (*self._works, loss.work) for b in w._buffers.values()]
        kept = [(array, array.copy()) for array in arrays]
        right, Z, value, _ = (before for _, before in kept[:4])
        self._spoil(made)
        ran = _rerun(program, inputs)
        near, far = _CLOSE[gradient.dtype.char]
        scale = far * float(np.abs(right).max(initial=0.0))
        good = ran and _near(made.loss, value, near, 0.0) and _near(made.Z, Z, near, 0.0)
        good = good and all(
            _near(gradient[where], right[where], near, scale) for where in self._stretches()
        )
        wrong = None if good else self._first_wrong(made, inputs, near, scale)
        for array, before in kept:
            np.copyto(array, before)
        if wrong is not None:
            self._turn_off(wrong)
        return good

    def _stretches(self) -> Iterator[slice]:
        """The parameters' places in the gradient."""
        start = self._gradient.__array_interface__["data"][0]
        for layer, _ in self._objective.passes.steps:
            for _, leaf in layer._leaves():
                for array in leaf.gradients.values():
                    at = (array.__array_interface__["data"][0] - start) // array.itemsize
                    if 0 <= at < self._gradient.size:
                        yield slice(at, at + array.size)

    def _spoil(self, made: Recording) -> None:
        """Overwrite what the program is to write, so that what it does not write is noticed."""
        steps = self._objective.passes.steps
        for layer, work in steps:
            if id(work) not in self._as_is:
                work.fill(np.nan)
                for array in layer.gradients.values():
                    array.fill(np.nan)
        if id(self._objective.loss) not in self._as_is:
            self._objective.loss.work.fill(np.nan)
            made.loss.fill(np.nan)

    def _first_wrong(self, made: Recording, inputs: Any, near: float, far: float) -> str:
        """The name of the first part whose program gives something else."""
        begins = [begin for _, _, begin, _, _ in made.parts]
        program = Program(made.notes, inputs, begins)
        self._spoil(made)
        ends = dict(zip(begins[1:], made.parts, strict=False))
        for begin, step in zip(program.begins, program.steps, strict=True):
            if begin in ends and not _right(*ends[begin][3:], near, far):
                return ends[begin][0]
            if not _rerun(program, inputs, [step]):
                break
        return "the gradient"

    def _turn_off(self, part: str) -> None:
        self._off = True
        self._forget_programs()
        warnings.warn(
            f"{self._where}: expected the compiled step to compute what {part} does, got other "
            "numbers. Training goes on without compilation; please report this.",
            stacklevel=2,
        )

    def _check_memory(self) -> None:
        """Forget the programs if a buffer has become larger: they know the former one."""
        now = [(work, dict(work._buffers)) for work in self._works]
        for (_, before), (_, after) in zip(self._memory, now, strict=False):
            if any(after.get(name) is not buffer for name, buffer in before.items()):
                self._forget_programs()
                break
        self._memory = now


# -- parts as they stand ---------------------------------------------------------------------------


class _AsIs:
    """A call of a part, and what it gave and wrote in the recording."""

    results: list[tuple[Array, Array]]


class _Forward(_AsIs):
    def __init__(self, layer: Layer, work: Workspace) -> None:
        self._layer, self._work = layer, work

    def __call__(self, x: Any) -> Any:
        return self._layer.forward(x, self._work, training=True)


class _Backward(_AsIs):
    def __init__(self, backward: Any, work: Workspace, wanted: bool) -> None:
        self._backward, self._work, self._wanted = backward, work, wanted

    def __call__(self, dy: Any) -> Any:
        dx = self._backward(dy, self._work, input_gradient=self._wanted)
        return dx if self._wanted else None


class _Value(_AsIs):
    def __init__(self, loss: Any) -> None:
        self._loss = loss

    def __call__(self, Z: Array, Y: Array, weights: Array | None) -> float:
        value: float = self._loss.value(Z, Y, weights)
        return value


class _Slope(_Value):
    def __call__(self, Z: Array, Y: Array, weights: Array | None) -> Any:
        return self._loss.gradient()


class _Penalty(_AsIs):
    def __init__(self, objective: Objective, regularizer: Regularizer) -> None:
        self._objective, self._regularizer = objective, regularizer

    def __call__(self, W: Array, dW: Array) -> None:
        objective, regularizer = self._objective, self._regularizer
        share = regularizer.share(objective.loss.denominator)
        regularizer.add_gradient(W, dW, objective.work, share)


def _called(recorder: Recorder, function: Any, *arguments: Any) -> Any:
    """Make a call as it stands, and note it."""
    result = function(*arguments)
    if result is not None and not isinstance(result, np.ndarray):
        raise TypeError(f"expected an array, got {type(result).__name__}")
    if result is not None:
        recorder.kept.append(result)
    function.results = [] if result is None else [(result, result.copy())]
    recorder.notes.append(Call(function, arguments, {}, result))
    return result


def _rerun(program: Program, inputs: Any, steps: Any = None) -> bool:
    """Run a program with what its calls have given, without making them again."""
    program.place(inputs)
    for piece, call in program.steps if steps is None else steps:
        if piece is not None:
            if piece(program._address):
                return False
            continue
        function = call.function
        if isinstance(function, Draw):
            np.copyto(call.keywords["out"], function.drawn)
        elif isinstance(function, _AsIs) and not isinstance(function, _Penalty):
            for array, given in function.results:
                np.copyto(array, given)
        else:
            make(call, inputs)
    return True


# -- what can be recorded --------------------------------------------------------------------------


def _can_record(layer: Layer) -> bool:
    return not layer._held and not isinstance(layer, ActivityPenalty) and _is_plain(layer)


def _is_plain(part: Any) -> bool:
    """Whether a part does what annlib's own code says, with no function of the user's in it."""
    if not is_own(type(part)):
        return False
    for value in part._arguments().values():
        if isinstance(value, Activation | Loss):
            if not _is_plain(value):
                return False
        elif not isinstance(value, Configurable) and _has_function(value):
            return False
    return True


def _has_function(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_function, value))
    return callable(value)


def _shadow(layer: Layer, recorder: Recorder) -> Layer:
    """A layer with the same parameters, which note what is done with them."""
    shadow = layer._shared_copy()
    shadow.__dict__["arrays"] = {k: recorder.traced(v) for k, v in layer.arrays.items()}
    shadow.__dict__["gradients"] = {k: recorder.traced(v) for k, v in layer.gradients.items()}
    shadow.__dict__.update(shadow.arrays)
    return shadow


# -- comparisons -----------------------------------------------------------------------------------


def _key(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return array.shape, array.strides, array.dtype.char
    return None if array is None else (type(array), array.shape)


def _described(note: Note, places: Any) -> Any:
    """A note without what may differ from step to step: where the inputs lie, and what is made."""
    return type(note), *(_kind(value, places) for value in note)


class _Place(NamedTuple):
    """Where an array lies; an array of one number may be another with that number, too."""

    kind: Any
    address: Any
    value: Any


def _kind(value: Any, places: Any) -> Any:
    if isinstance(value, np.ndarray):
        (start, _), kind = interval(value), (value.shape, value.strides, value.dtype.char)
        for (begin, end), name in reversed(places):
            if begin <= start < end:
                return _Place(kind, (name, start - begin), None)
        return _Place(kind, start, value.tobytes() if value.size == 1 else None)
    if isinstance(value, tuple | list):
        return tuple(_kind(v, places) for v in value)
    if isinstance(value, dict):
        return tuple((name, _kind(v, places)) for name, v in value.items())
    if isinstance(value, int | float | str | type(None)):
        return repr(value)
    return type(value)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, _Place):
        alike = one.value is not None and one.value == other.value
        return bool(one.kind == other.kind and (one.address == other.address or alike))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _first_difference(one: list[Any], other: list[Any]) -> int | None:
    """The first note that differs, if any does."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if not _same(a, b):
            return place
    return None if len(one) == len(other) else min(len(one), len(other))


def _near(found: Any, right: Any, near: float, far: float) -> bool:
    largest = float(np.abs(right).max(initial=0.0))
    if not np.isfinite(largest):
        return True  # what follows from it is told by the checks of a step
    return bool((np.abs(found - right) <= near * largest + far).all())


def _right(array: Array, right: Array, near: float, far: float) -> bool:
    return array.dtype.char not in "fd" or _near(array, right, near, far)
