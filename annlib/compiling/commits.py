"""What layers take over of a step after its update, as machine code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from annlib.compiling.comparison import CLOSE, first_difference, near
from annlib.compiling.notes import Call
from annlib.compiling.objective import Recording
from annlib.compiling.parts import Commit, attempt, rerun, shadow
from annlib.compiling.program import Program
from annlib.compiling.recording import CannotRecordError, Recorder
from annlib.compiling.workspace import RecordingWorkspace
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.layers.passes import Pass


class Commits:
    """The ``commit`` of all layers, noted in the steps that are noted.

    Parameters
    ----------
    passes : Pass
    as_is : set of int
        As of ``StepRecorder``; layers of which it cannot be recorded become some of these.
    """

    def __init__(self, passes: Pass, as_is: set[int]) -> None:
        self._passes, self._as_is = passes, as_is
        self._layers = {id(work): layer for layer, work in passes.steps}
        self._programs: dict[Any, Program] = {}
        self._recordings: dict[Any, Recording] = {}

    def forget(self) -> None:
        """Forget the programs."""
        self._programs.clear()
        self._recordings.clear()

    def knows(self, key: Any) -> bool:
        """Whether there is a program for this key."""
        return key in self._programs

    def run(self, key: Any) -> None:
        """Commit by the program of this key."""
        self._programs[key].run()

    def record(self, key: Any, *, at_once: bool = False) -> bool:
        """Commit, and note what that is; whether all layers still are what they were taken for.

        The second time it becomes a program, or at once.
        """
        recorder, made = Recorder(), Recording()
        made.notes, made.made = recorder.notes, recorder.kept
        before = [(array, array.copy()) for array in self._arrays()]
        known = set(self._as_is)
        for _, work in self._passes._commits:
            self._record(recorder, work)
        made.described = made.structure(())
        if known != self._as_is:
            return False
        if (last := self._recordings.get(key)) is None and not at_once:
            made.forget()
            self._recordings[key] = made
            return True  # number by number the program computes the same bits
        program = Program(made.notes, ())
        after = [array.copy() for array, _ in before]
        for array, value in before:
            np.copyto(array, value)
        same = last is None or first_difference(last.described, made.described) is None
        good = same and rerun(program, ())
        for (array, _), right in zip(before, after, strict=True):
            good = good and near(array, right, *CLOSE[array.dtype.char])
            np.copyto(array, right)
        if good:
            self._programs[key] = program
        else:
            self._as_is.update(id(work) for _, work in self._passes._commits)
        return good

    def _record(self, recorder: Recorder, work: Workspace) -> None:
        layer = self._layers[id(work)]
        own = [array for _, leaf in layer._leaves() for array in leaf._values().values()]
        if id(work) not in self._as_is:
            before, begin = [array.copy() for array in own], len(recorder.notes)
            copy, memory = shadow(layer, recorder), RecordingWorkspace(work, recorder)
            try:
                attempt(lambda: copy.commit(memory))
            except CannotRecordError:
                for array, value in zip(own, before, strict=True):
                    np.copyto(array, value)
                del recorder.notes[begin:]
                self._as_is.add(id(work))
            else:
                return
        act = Commit(layer)
        act(work)
        act.results = [(array, array.copy()) for array in own]
        recorder.notes.append(Call(act, (work,), {}, None))

    def _arrays(self) -> Iterator[Array]:
        for layer, _ in self._passes.steps:
            for _, leaf in layer._leaves():
                yield from leaf._values().values()
