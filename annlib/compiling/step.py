"""The loss of a batch and its gradient by machine code, made of what the parts of a model do.

The first steps are made as ever, and what they ask of NumPy is noted. The notes become a program,
which computes the same step again; from then on, where both agree, it makes the steps alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from annlib.compiling.commits import Commits
from annlib.compiling.comparison import CLOSE, first_difference, key_of, near, right
from annlib.compiling.objective import PartCannotRecordError, Recording, StepRecorder
from annlib.compiling.parts import (
    attributes_of,
    can_record,
    is_plain,
    kind_of,
    may_break_off,
    rerun,
    restore,
    states_of,
    unchanged,
)
from annlib.compiling.program import Program
from annlib.compiling.recording import CannotRecordError
from annlib.core.arrays import Array
from annlib.core.config import changes
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.training.objective import Objective

#: Steps from one to the next below which attributes are set in haste; after so many such times in
#: a row, as many steps are made as ever before notes are taken again.
_SETTLED, _HASTY = 8, 32
#: Batches of other shapes of which the programs are kept.
_MOST = 16
#: Notes of a step that differ from those of the one before, until that counts as a mistake.
_ATTEMPTS = 100


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
        #: With the memory of the layers that draw, if the program may break off after that.
        self._programs: dict[Any, tuple[Program, Recording, list[Workspace]]] = {}
        #: A program that counts once the layers have taken over what its step computed.
        self._pending: tuple[Program, Recording, list[Workspace]] | None = None
        self._commits = Commits(objective.passes, self._as_is)
        self._machine_ran = self._noted = False
        #: What the last step's arrays are, the attributes that were set so far, for how many steps
        #: none was, and how often in haste.
        self._key: Any = None
        self._last: Any = None, None, None
        self._seen, self._waits, self._settled, self._hasty = changes.count, 0, _SETTLED, 0
        self._attributes = self._now()
        self._attempts = 0
        self._memory: list[tuple[Workspace, dict[str, Array]]] = []
        works = [(layer, work) for layer, work in objective.passes.steps]
        self._works: list[Workspace] = [*(w for _, w in works), objective.loss.work, objective.work]
        for layer, work in works:
            if not can_record(layer):
                self._as_is.add(id(work))
        if not is_plain(objective.loss.loss):
            self._as_is.add(id(objective.loss))

    # -- a step ----------------------------------------------------------------------------------

    def value_and_gradient(self, X: Any, Y: Array, weights: Array | None) -> float:
        """The loss of a batch without the penalties on weights; its gradient is in the vector."""
        self.squares, self._machine_ran, self._noted = None, False, False
        if self._seen != changes.count:
            self._look_again()
        self._settled += 1
        if self._off or self._waits:
            self._waits = max(0, self._waits - 1)
            return self._as_ever(X, Y, weights)
        if X is not self._last[0] or Y is not self._last[1] or weights is not self._last[2]:
            self._key = key_of(X), key_of(Y), key_of(weights)
            self._last = X, Y, weights
        found = self._programs.get(self._key)
        if found is None:
            return self._first_steps(self._key, X, Y, weights)
        program, recording, drawing = found
        objective = self._objective
        objective.loss._batch = recording.Z, Y, weights  # of which penalties take the size
        states = states_of(drawing) if drawing else ()
        if not program.run(X, Y, weights):
            restore(states)
            return self._as_ever(X, Y, weights)
        self._machine_ran = True
        self.squares = recording.squares.item()
        loss: float = recording.loss.item() + 0.0
        passes = objective.passes
        return loss + passes.penalty() if passes._penalties else loss

    def _look_again(self) -> None:
        """Forget the programs if an attribute of one of the parts was set."""
        self._seen, before, self._attributes = changes.count, self._attributes, self._now()
        if not unchanged(before, self._attributes):
            self._forget_programs()
            self._hasty = self._hasty + 1 if self._settled < _SETTLED else 0
            self._waits = _SETTLED if self._hasty > _HASTY else 0
            self._settled = 0

    def _now(self) -> list[Any]:
        objective = self._objective
        parts = [*(layer for layer, _ in objective.passes.steps), objective.loss.loss]
        return attributes_of([*parts, *(part for part, *_ in objective.penalized)])

    def _as_ever(self, X: Any, Y: Array, weights: Array | None) -> float:
        loss = self._objective.value(X, Y, weights, training=True)
        self._objective.backward()
        self._check_memory()
        return loss

    def where_not_finite(self, X: Any) -> None:
        """All rows are here, to look for it."""

    def commit(self) -> None:
        """Let the layers take over the statistics of the last step."""
        passes = self._objective.passes
        if not passes._commits:
            return
        if self._machine_ran:
            self._commits.run(self._key)
        elif self._noted:
            if not self._commits.record(self._key, at_once=self._pending is not None):
                self._forget_programs()
            elif self._pending is not None and self._commits.knows(self._key):
                self._use(self._pending)
        else:
            passes.commit()

    def clear(self) -> None:
        """Drop references to the user's data."""
        self._last = None, None, None
        for program, *_ in self._programs.values():
            program.forget()

    def _use(self, made: tuple[Program, Recording, list[Workspace]]) -> None:
        made[1].described = []
        self._programs[self._key] = made

    def _forget_programs(self) -> None:
        self._pending = None
        self._programs.clear()
        self._recordings.clear()
        self._commits.forget()

    # -- the first steps -------------------------------------------------------------------------

    def _first_steps(self, key: Any, X: Any, Y: Array, weights: Array | None) -> float:
        """A step that is noted; the second one of its kind becomes a program, and the first one
        of a model whose like did the same in two steps.
        """
        # Where they are the same memory, the notes could not tell one from the other.
        Y, weights = _apart(X, Y), _apart(X, _apart(Y, weights))
        recording = self._recorded(X, Y, weights)
        if recording is None:
            return self._as_ever(X, Y, weights)
        self._noted, self._pending = True, None
        self._check_memory()
        before, inputs = self._recordings.get(key), (X, Y, weights)
        if before is None and len(self._recordings) >= _MOST:
            self._forget_programs()
        recording.described = recording.structure(inputs)
        self._recordings[key] = recording
        # From the first step on the numbers are those of the program: a run that is continued,
        # or a copy of a model, goes on as if it had not been interrupted.
        program = Program(recording.notes, inputs)
        agrees = self._agrees(program, recording, inputs)
        kinds = None if self._as_is else self._kinds()
        place = None
        if before is not None:
            place = first_difference(before.described, recording.described)
        if before is not None and place is not None:
            self._take_apart(recording, place, again=before.again)
        elif agrees and (before is not None or kinds in program.confirmed):
            ends = any(map(may_break_off, recording.notes))
            drawing = [work for work in self._works if ends and states_of([work])]
            made = program, recording, drawing
            if self._objective.passes._commits:
                self._pending = made
            else:
                self._use(made)
            if kinds is not None:
                program.confirmed.add(kinds)
        recording.forget()
        return float(recording.loss) + 0.0 + self._objective.passes.penalty()

    def _kinds(self) -> Any:
        """What the parts are: equal for those that do the same with other weights."""
        objective = self._objective
        parts = [*(layer for layer, _ in objective.passes.steps), objective.loss.loss]
        return tuple(map(kind_of, [*parts, *(part for part, *_ in objective.penalized)]))

    def _take_apart(self, recording: Recording, place: int, *, again: bool) -> None:
        """Call a part as it stands that does something else than in the step before."""
        name, part = recording.part_at(place)
        self._attempts += 1
        if part is None or self._attempts > _ATTEMPTS:
            self._turn_off(name)
        elif again:  # it makes an array, or a number, that is another in each step
            self._as_is.add(id(part))
            self.why.append("its notes are others in each step")
            self._forget_programs()
        recording.again = True

    def _recorded(self, X: Any, Y: Array, weights: Array | None) -> Recording | None:
        """The notes of a step, which is made; or None, where there can be none."""
        states = states_of(self._works)
        while not self._off:
            recorder = StepRecorder(self._objective, self._gradient, self._works, self._as_is)
            try:
                return recorder.record(X, Y, weights)
            except PartCannotRecordError as error:
                self._as_is.add(id(error.part))
                self.why.append(str(error))
            except CannotRecordError as error:  # of a part that is called as it stands
                self._off = True
                self.why.append(str(error))
            restore(states)
        return None

    # -- trust -----------------------------------------------------------------------------------

    def _agrees(self, program: Program, made: Recording, inputs: Any) -> bool:
        """Whether the program computes what the notes did; then the step is what it computed."""
        gradient, loss = self._gradient, self._objective.loss
        if not np.isfinite((made.loss, made.squares)).all():
            return False  # nothing can be told of such a step
        arrays = [gradient, made.Z, made.loss, made.squares]
        arrays += [b for w in (*self._works, loss.work) for b in w._buffers.values()]
        kept = [(array, array.copy()) for array in arrays]
        correct, Z, value, _ = (before for _, before in kept[:4])
        self._spoil(made)
        ran = rerun(program, inputs)
        close, far = CLOSE[gradient.dtype.char]
        # A gradient may be 0 but for the rounding of what comes down to it, which begins with the
        # loss', and which a layer may have made larger.
        down = (10 * slope for *_, slope in made.parts[len(self._objective.passes.steps) :])
        scale = far * max(float(np.abs(x).max(initial=0.0)) for x in (correct, *down))
        good = ran and near(made.loss, value, close, 0.0) and near(made.Z, Z, close, 0.0)
        good = good and all(
            near(gradient[where], correct[where], close, scale) for where in self._stretches()
        )
        if not good:
            wrong = self._first_wrong(made, inputs, close, scale)
            for array, before in kept:
                np.copyto(array, before)
            self._turn_off(wrong)
        return good

    def _stretches(self, *layers: Layer) -> Iterator[slice]:
        """The places in the gradient of some layers' parameters, or of all."""
        start = self._gradient.__array_interface__["data"][0]
        for layer in layers or [layer for layer, _ in self._objective.passes.steps]:
            for _, leaf in layer._leaves():
                for array in leaf.gradients.values():
                    at = (array.__array_interface__["data"][0] - start) // array.itemsize
                    if 0 <= at < self._gradient.size:
                        yield slice(at, at + array.size)

    def _spoil(self, made: Recording) -> None:
        """Overwrite what the program is to write, so that what it does not write is noticed."""
        for layer, work in self._objective.passes.steps:
            if id(work) not in self._as_is:
                work.fill(np.nan)
                for where in self._stretches(layer):
                    self._gradient[where] = np.nan
        if id(self._objective.loss) not in self._as_is:
            self._objective.loss.work.fill(np.nan)
            made.loss.fill(np.nan)

    def _first_wrong(self, made: Recording, inputs: Any, close: float, far: float) -> str:
        """The name of the first part whose program gives something else."""
        begins = [begin for _, _, begin, _, _ in made.parts]
        program = Program(made.notes, inputs, begins)
        self._spoil(made)
        ends = dict(zip(begins[1:], made.parts, strict=False))
        for begin, step in zip(program.begins, program.steps, strict=True):
            if begin in ends and not right(*ends[begin][3:], close, far):
                return ends[begin][0]
            if not rerun(program, inputs, [step]):
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


def _apart(one: Any, other: Any) -> Any:
    """The other array, or a copy of it where it shares memory with the one."""
    both = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    return other.copy() if both and np.may_share_memory(one, other) else other


def compiled_objective(objective: Objective, gradient: Array, where: str) -> CompiledStep:
    """What computes an objective by machine code."""
    return CompiledStep(objective, gradient, where)
