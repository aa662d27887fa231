"""The parts of a model's vector that a rule is called with, each with its state and scratch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core import threads
from annlib.core.alignment import aligned
from annlib.core.arrays import Array
from annlib.core.parameters import ParameterVector
from annlib.optimizers.memory import Memory, Place
from annlib.optimizers.state import State

#: Steps from one flush to the next: before state can decay below the type's normal numbers, which
#: are slow to divide by (measured: Adam by a fifth where nine of ten units are dead).
FLUSH_EVERY = 128
_SMALLEST_KEPT = {"f": 1e-30, "d": 1e-290}

# Parameters from which a second thread takes a half of them.
_WORTH_A_THREAD = 1 << 18


class Part(NamedTuple):
    """What a rule gets: a stretch of the vector, or one parameter in its own shape."""

    theta: Array
    gradient: Array
    state: State
    scratch: Array


#: A rule in two: what takes gradient and state, and writes a direction into scratch; and what takes
#: theta, the rate and scratch, and goes that way.
Twofold = tuple[Callable[[Array, State, Array], None], Callable[[Array, float, Array], None]]


class StepBuffers:
    """The parts of one model's vector, as a step works on them; never copied.

    Parameters
    ----------
    vector : ParameterVector
        With its gradients allocated.
    memory : Memory
        State for it.
    divisible : bool
        Whether two threads may work on different parts at a time.
    compiled : bool
        Whether the rule takes one pass over memory, so that a second thread is worth less.
    factor : callable, optional
        Of the rate of a parameter, from its path.
    """

    def __init__(
        self,
        vector: ParameterVector,
        memory: Memory,
        divisible: bool,
        compiled: bool,
        factor: Callable[[str], float] | None = None,
    ) -> None:
        places, values = memory.places(vector, factor), vector.values
        long = vector.n_trainable >= (_WORTH_A_THREAD * 8 if compiled else _WORTH_A_THREAD)
        self._halved = long and divisible and threads.multithreaded()
        longest = max((p.where.stop - p.where.start for p in places), default=0)
        # Each of two threads has its scratch.
        scratches = [aligned(longest, dtype=values.dtype) for _ in range(1 + self._halved)]
        middle = len(places) // 2
        self.parts: list[Part] = []
        for i, place in enumerate(places):
            own = scratches[0 if i < middle else -1][: place.where.stop - place.where.start]
            self.parts.append(
                Part(
                    place.of(values),
                    place.of(vector.gradients),
                    memory.at(place),
                    own.reshape(place.shape),
                )
            )
        self.constrained = list(constrained(vector))
        factors = [place.factor for place in places]
        self._factored = (
            list(zip(self.parts, factors, strict=True)) if set(factors) - {1.0} else None
        )
        #: Longer parts, of several factors, each with the pieces of it that have one.
        self.joint: list[tuple[Part, list[tuple[Array, Array, float]]]] = []
        if self._factored is not None and not self._halved:
            self.joint = [_joint(part, vector, memory, places) for part in memory.places(vector)]

    def update(
        self, rule: Callable[..., None], rate: float, twofold: Twofold | None = None
    ) -> None:
        """Call the rule with each part; with those of long vectors in two threads.

        With ``twofold``, the rule in two, its first half is called for several factors at once.
        """
        if twofold is not None and self.joint:
            direct, go = twofold
            for (_, gradient, state, scratch), pieces in self.joint:
                direct(gradient, state, scratch)
                for theta, own, factor in pieces:
                    go(theta, rate * factor, own)
            return
        if self._factored is not None:
            self._update_factored(self._factored, rule, rate)
            return
        if self._halved:
            threads.second_thread.run(lambda p: rule(p[0], p[1], rate, p[2], p[3]), self.parts)
            return
        for theta, gradient, state, scratch in self.parts:
            rule(theta, gradient, rate, state, scratch)

    def _update_factored(
        self, pairs: Sequence[tuple[Part, float]], rule: Callable[..., None], rate: float
    ) -> None:
        def update(pair: tuple[Part, float]) -> None:
            (theta, gradient, state, scratch), factor = pair
            rule(theta, gradient, rate * factor, state, scratch)

        if self._halved:
            threads.second_thread.run(update, pairs)
            return
        for pair in pairs:
            update(pair)

    def flush_denormals(self) -> None:
        """Flush state below 1e-30 (1e-290) to 0, before it becomes denormal (dead units)."""
        for _, _, state, scratch in self.parts:
            for array in vars(state).values():
                out = scratch if array.shape == scratch.shape else None
                limit = _SMALLEST_KEPT[array.dtype.char]
                kept = np.greater_equal(np.abs(array, out=out), limit, out=out)
                np.multiply(array, kept, out=array)


def _joint(
    whole: Place, vector: ParameterVector, memory: Memory, places: Sequence[Place]
) -> tuple[Part, list[tuple[Array, Array, float]]]:
    """A part, and of each piece of it that has one factor theta, its scratch and the factor."""
    start, stop = whole.where.start, whole.where.stop
    scratch = aligned(stop - start, dtype=vector.values.dtype)
    pieces = []
    for place in places:
        first, last = max(place.where.start, start), min(place.where.stop, stop)
        if first < last:
            own = scratch[first - start : last - start]
            pieces.append((vector.values[first:last], own, place.factor))
    theta, gradient = whole.of(vector.values), whole.of(vector.gradients)
    return Part(theta, gradient, memory.at(whole), scratch.reshape(whole.shape)), pieces


def constrained(vector: ParameterVector) -> Iterable[tuple[Callable[[Array], Any], Array]]:
    """Yield the constraints of a vector, each with its parameter."""
    for entry in vector.entries:
        if entry.trainable and entry.parameter.constraint is not None:
            shape = entry.parameter.shape
            yield entry.parameter.constraint, vector.values[entry.where].reshape(shape)


def apply_constraints(pairs: Iterable[tuple[Callable[[Array], Any], Array]]) -> None:
    """Bring each parameter to where its constraint allows."""
    for constraint, W in pairs:
        projected = constraint(W)
        if projected is not None and projected is not W:  # one of the user's, in Keras' manner
            np.copyto(W, projected)
