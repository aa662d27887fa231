"""The model's vectors as a step of an optimizer works on them: in parts, or by parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from annlib.core import threads
from annlib.core.alignment import aligned
from annlib.core.arrays import Array
from annlib.core.parameters import ParameterVector

#: Steps after which the state is settled: before it can decay below the type's normal numbers,
#: which are slow to divide by (measured: Adam by a fifth where nine of ten units are dead).
SETTLE_EVERY = 128
_SETTLED = {"f": 1e-30, "d": 1e-290}

# Parameters from which a second thread takes a half of them.
_WORTH_A_THREAD = 1 << 18

# Vectors longer than this are updated in parts, which stay in a cache of a few MB while Adam's rule
# passes over them ten times (measured: 6 million parameters in 6.5 ms instead of 9.3).
_PART = 1 << 16

#: Parameters, gradient, state and scratch of a stretch of the vector.
Part = tuple[Array, Array, tuple[Array, ...], Array]


class Views:
    """What a step reads and writes; it belongs to one vector and is never copied.

    Parameters
    ----------
    vector : ParameterVector
        With its gradients allocated.
    state : array, (slots, n)
        What the rule remembers of each of the n trainable numbers.
    averages : array, (n,), optional
    per_parameter : bool
        Whether the rule gets one parameter at a time.
    decays : callable
        Whether a parameter decays, by its path.
    at_once : bool
        Whether the rule takes one pass over memory, so that a second thread is worth less.
    """

    def __init__(
        self,
        vector: ParameterVector,
        state: Array,
        averages: Array | None,
        per_parameter: bool,
        decays: Callable[[str], bool],
        at_once: bool = False,
    ) -> None:
        n, trainable = vector.n_trainable, [e for e in vector.entries if e.trainable]
        theta, self.gradient = vector.values[:n], vector.gradients[:n]
        self.gradients = [self.gradient[entry.where] for entry in trainable]
        parts = [slice(i, min(i + _PART, n)) for i in range(0, n, _PART)]
        if per_parameter:
            parts = [entry.where for entry in trainable]
        longest = max((p.stop - p.start for p in parts), default=0)
        long = n >= (_WORTH_A_THREAD * 8 if at_once else _WORTH_A_THREAD)
        self._halved = long and not per_parameter and threads.several()
        scratches = [aligned(longest, dtype=theta.dtype) for _ in range(1 + self._halved)]
        scratch = scratches[0]
        #: Of each part: parameters, gradient, state and scratch.
        self.updates: list[Part] = [
            (theta[p], self.gradient[p], tuple(state[:, p]), own[: p.stop - p.start])
            for p, own in zip(parts, self._of_halves(scratches, len(parts)), strict=True)
        ]
        #: Of each part: parameters, their averages and scratch.
        self.averages = [
            (theta[p], averages[p], scratch[: p.stop - p.start])
            for p in parts
            if averages is not None
        ]
        self.decaying = [theta[p] for p in merged(e.where for e in trainable if decays(e.path))]
        self.constrained: list[tuple[Callable[[Array], Any], Array]] = [
            (entry.parameter.constraint, theta[entry.where].reshape(entry.parameter.shape))
            for entry in trainable
            if entry.parameter.constraint is not None
        ]

    @staticmethod
    def _of_halves(scratches: list[Array], parts: int) -> list[Array]:
        """The scratch of each part: the first in the first half of them, the last in the other."""
        middle = parts // 2
        return [scratches[0]] * middle + [scratches[-1]] * (parts - middle)

    def update(self, rule: Callable[..., None], rate: float) -> None:
        """The rule on each part: long vectors in two threads, of which each has its scratch."""

        def act(part: Part) -> None:
            theta, gradient, state, scratch = part
            rule(theta, gradient, rate, *state, scratch=scratch)

        if self._halved:
            threads.halves.run(act, self.updates)
            return
        for part in self.updates:
            act(part)

    def settle(self) -> None:
        """Let go of what is left in the state of gradients that have long been 0 (dead units)."""
        for _, _, state, scratch in self.updates:
            for slot in state:
                limit = _SETTLED[slot.dtype.char]
                kept = np.greater_equal(np.abs(slot, out=scratch), limit, out=scratch)
                np.multiply(slot, kept, out=slot)

    def overwrite(self) -> None:
        """Write the averages, if there are any, into the parameters."""
        for theta, average, _ in self.averages:
            np.copyto(theta, average)


def merged(slices: Iterable[slice]) -> list[slice]:
    """Neighbouring slices as one.

    >>> merged([slice(0, 3), slice(3, 5), slice(8, 9)])
    [slice(0, 5, None), slice(8, 9, None)]
    """
    result: list[slice] = []
    for where in slices:
        if result and result[-1].stop == where.start:
            result[-1] = slice(result[-1].start, where.stop)
        else:
            result.append(where)
    return result
