"""The memory of a pass whose arrays note what is done with them, and its random numbers."""

from __future__ import annotations

from typing import Any

from annlib.compiling.notes import Call
from annlib.compiling.recording import (
    CannotRecordError,
    Number,
    Recorder,
    Traced,
    plain,
    untraced,
)
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace


class RecordingWorkspace(Workspace):
    """A workspace with the buffers and the memory of another, whose arrays note what is done."""

    def __init__(self, work: Workspace, recorder: Recorder) -> None:
        super().__init__(work.dtype, None)
        self.update(work)
        self.constants = work.constants
        self._work, self._recorder = work, recorder
        self._rng = None if work.rng is None else RecordingRandom(work, recorder)  # type: ignore[assignment]  # what a layer draws with

    def array(self, name: str, *shape: int, dtype: Any = None) -> Array:
        return self._recorder.traced(self._work.array(name, *shape, dtype=dtype))

    def ones(self, n: int) -> Array:
        return self._recorder.traced(self._work.ones(n))

    def give_back(self) -> None:
        """Let the other remember what the part has, as plain arrays."""
        self._work.update({name: untraced(value) for name, value in self.items()})


class RecordingRandom:
    """The random stream of a layer: a draw into an array is a call that is made at each step."""

    def __init__(self, work: Workspace, recorder: Recorder) -> None:
        self._source, self._recorder = work, recorder

    def __getattr__(self, name: str) -> Any:
        def draw(*arguments: Any, **keywords: Any) -> Any:
            out = keywords.get("out")
            if out is None or any(isinstance(x, Traced | Number) for x in arguments):
                raise CannotRecordError("numbers are drawn into an array of their own")
            others = {key: plain(value) for key, value in keywords.items()}
            call = Draw(self._source, name)
            call(*arguments, **others)
            call.drawn = others["out"].copy()
            self._recorder.note(Call(call, arguments, others, None))
            return out

        return draw


class Draw:
    """A method of a pass' random stream, whichever that is at the time."""

    drawn: Array

    def __init__(self, work: Workspace, name: str) -> None:
        self._work, self._name = work, name

    def __call__(self, *arguments: Any, **keywords: Any) -> None:
        getattr(self._work.rng, self._name)(*arguments, **keywords)
