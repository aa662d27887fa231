"""The memory of an optimizer: the arrays of its state, and how they lie beside a model's vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from annlib.core.alignment import aligned
from annlib.core.arrays import Array, Shape
from annlib.core.errors import ConfigurationError, show
from annlib.core.parameters import ParameterVector
from annlib.optimizers.policy import stretches
from annlib.optimizers.rule import Rule
from annlib.optimizers.state import State

# Vectors longer than this are updated in parts, which stay in a cache of a few MB while Adam's rule
# passes over them ten times (measured: 6 million parameters in 6.5 ms instead of 9.3).
_PART = 1 << 16


class Place(NamedTuple):
    """A stretch of the vector that a rule gets in one call."""

    where: slice
    shape: Shape
    path: str  # of the parameter, if it is one; else ""
    factor: float  # of the rate
    start: int  # in the memory

    def of(self, vector: Array) -> Array:
        """View this part of a vector."""
        return vector[self.where].reshape(self.shape)

    def of_memory(self, vector: Array) -> Array:
        """View this part of a vector of the memory."""
        length = self.where.stop - self.where.start
        return vector[self.start : self.start + length].reshape(self.shape)


class Memory:
    """The state of a rule for one layout of parameters, all of it 0.

    Parameters
    ----------
    rule : Rule
    vector : ParameterVector
    further : tuple of str
        Names of vectors that are not the rule's, and that it does not get.

    Attributes
    ----------
    vectors : array, (names, n)
    """

    def __init__(self, rule: Rule, vector: ParameterVector, further: tuple[str, ...] = ()) -> None:
        self._layout = _layout(rule, vector, further)
        self._divides = rule.whole, rule.per_parameter
        self._count, self._names = len(rule.state_names), (*rule.state_names, *further)
        dtype = vector.values.dtype
        self.vectors = aligned(len(self._names), vector.n_trainable, dtype=dtype)
        self._shaped: dict[str, dict[str, Array]] = {}  # by the paths of places, and by names
        for place in self.places(vector):
            if shapes := rule.state_shapes(place.shape, place.path):
                if not any(self._divides) or not {*rule.state_names}.isdisjoint(shapes):
                    raise ConfigurationError(
                        f"{type(rule).__name__}.state_shapes: expected none of a rule element by "
                        f"element, and no name of state_names, got {show(shapes)}. Say whole = "
                        "True or per_parameter = True."
                    )
                self._shaped[place.path] = {n: np.zeros(s, dtype) for n, s in shapes.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # What joblib maps from a file, or into the memory of several processes, is read-only.
        self.__dict__.update(state)
        self.vectors = _writable(self.vectors)
        for arrays in self._shaped.values():
            arrays.update({name: _writable(array) for name, array in arrays.items()})

    def matches(self, rule: Rule, vector: ParameterVector, further: tuple[str, ...]) -> bool:
        """Whether new memory for these would be laid out like this one."""
        return self._layout == _layout(rule, vector, further)

    def places(
        self, vector: ParameterVector, factor: Callable[[str], float] | None = None
    ) -> list[Place]:
        """List the parts of the trainable parameters, in their order; each has one factor.

        Parameters
        ----------
        vector : ParameterVector
        factor : callable, optional
            Of the rate of a parameter, from its path.
        """
        whole, per_parameter = self._divides
        filled = [e for e in vector.entries if e.trainable and e.where.start < e.where.stop]
        factors = [1.0 if factor is None else factor(e.path) for e in filled]
        parts: list[tuple[slice, Shape, str, float]] = []
        if per_parameter:
            for e, f in zip(filled, factors, strict=True):
                parts.append((e.where, e.parameter.shape, e.path, f))
        else:
            length = max(vector.n_trainable, 1) if whole else _PART
            for part, f in stretches(zip((e.where for e in filled), factors, strict=True)):
                for i in range(part.start, part.stop, length):
                    where = slice(i, min(i + length, part.stop))
                    parts.append((where, (where.stop - where.start,), "", f))
        places, start = [], 0
        for part, shape, path, f in parts:
            places.append(Place(part, shape, path, f, start))
            start += part.stop - part.start
        return places

    def at(self, place: Place) -> State:
        """Return the rule's state of a part."""
        named = zip(self._names[: self._count], self.vectors, strict=False)
        own = {name: place.of_memory(vector) for name, vector in named}
        return State(own | self.shaped(place.path), place.path)

    def shaped(self, path: str) -> dict[str, Array]:
        """Return the further state of the parameter with this path."""
        return self._shaped.get(path, {})

    def parts(self, vector: ParameterVector) -> list[tuple[Array, State]]:
        """Return parameters and state of each part."""
        return [(place.of(vector.values), self.at(place)) for place in self.places(vector)]

    def arrays(self) -> dict[str, Array]:
        """Return all arrays by name, in the order in which files hold them."""
        shaped = {
            f"{path}/{name}".lstrip("/"): array
            for path, arrays in self._shaped.items()
            for name, array in arrays.items()
        }
        return dict(zip(self._names, self.vectors, strict=True)) | shaped


def _writable(array: Array) -> Array:
    return array if array.flags.writeable else array.copy()


def _layout(rule: Rule, vector: ParameterVector, further: tuple[str, ...]) -> tuple[Any, ...]:
    trainable = ((e.path, e.parameter.shape) for e in vector.entries if e.trainable)
    return (vector.values.dtype.str, rule.state_names, further, *trainable)
