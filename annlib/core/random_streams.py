"""Random streams: one integer seeds a model, and each use draws from a stream of its own.

The initial values of the second Dense's kernel, the shuffle and the first Dropout are streams by
name; inserting a layer of another kind changes none of them. Nothing here touches NumPy's global
generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.checks import SEED_BITS, is_whole
from annlib.core.errors import ConfigurationError, ModelFormatError, show
from annlib.core.tracebacks import with_short_tracebacks

if TYPE_CHECKING:  # numpy.random is loaded when it is first used, not with annlib
    from numpy.random import Generator

#: Longer than any name that a model makes: a stream's name is part of its generator's seed.
_LONGEST = 1000


# After ``set_random_seed``: its seed, and the number of models that took their seed from it.
_process: list[int] = []


@with_short_tracebacks
def set_random_seed(seed: int) -> None:
    """Derive the seeds of models that are made without one from this seed, in their order.

    A script that sets it gives the same numbers every time. Keras also sets the generators of
    NumPy and Python; annlib does not use them and leaves them alone.

    Parameters
    ----------
    seed : int, at least 0

    Raises
    ------
    ConfigurationError
        If it is none.

    Examples
    --------
    >>> from annlib import Sequential, utils
    >>> utils.set_random_seed(7)
    >>> one, two = Sequential(), Sequential()
    >>> utils.set_random_seed(7)
    >>> Sequential().seed == one.seed, one.seed == two.seed
    (True, False)
    """
    _process[:] = [RandomStreams(seed).seed, 0]


# The same within ``seeds_from``, for what runs in it alone.
_here: ContextVar[list[int] | None] = ContextVar("seeds", default=None)


@contextmanager
def seeds_from(seed: int) -> Iterator[None]:
    """A context in which models that are made without a seed take theirs from this one.

    >>> with seeds_from(7):
    ...     one, two = RandomStreams(), RandomStreams()
    >>> with seeds_from(7):
    ...     again = RandomStreams()
    >>> one.seed == again.seed, one.seed == two.seed, one.seed_was_drawn
    (True, False, True)
    """
    token = _here.set([seed, 0])
    try:
        yield
    finally:
        _here.reset(token)


def _new_seed() -> int:
    sequence = np.random.SeedSequence()
    for given in (_process, _here.get()):  # the inner one counts, and the outer one goes on
        if given:
            sequence = np.random.SeedSequence(given[0], spawn_key=(given[1],))
            given[1] += 1
    return int(sequence.generate_state(1, np.uint64)[0]) >> 1


class RandomStreams:
    """The random generators of one model.

    Parameters
    ----------
    seed : int or None
        Without one, a seed is drawn from the system and kept, so that every run can be repeated.

    Examples
    --------
    >>> RandomStreams(7).new("dense/0/kernel").integers(100) == RandomStreams(7).new(
    ...     "dense/0/kernel").integers(100)
    np.True_
    """

    def __init__(self, seed: int | None = None) -> None:
        self._persistent: dict[str, Generator]
        self.restart(seed)

    def reseed(self, seed: int | None) -> None:
        """Use another seed for the streams that start from now on."""
        #: Whether the seed was drawn rather than given.
        self.seed_was_drawn = seed is None
        if seed is None:
            seed = _new_seed()
        elif not is_whole(seed, SEED_BITS) or seed < 0:
            raise ConfigurationError(
                f"seed: expected an integer of at least 0 or None, got {show(seed)}."
            )
        self.seed = int(seed)

    def restart(self, seed: int | None) -> None:
        """Begin again with another seed, also for the streams that have started."""
        self.reseed(seed)
        self._persistent = {}

    def new(self, name: str, seed: int | None = None) -> Generator:
        """A new generator at the start of stream ``name``: the same name, the same numbers."""
        # The name's bytes are the key: no two names share a stream, and no hash is needed.
        sequence = np.random.SeedSequence(
            self.seed if seed is None else seed, spawn_key=tuple(name.encode())
        )
        return np.random.Generator(np.random.PCG64(sequence))

    def persistent(self, name: str, seed: int | None = None) -> Generator:
        """The generator of the stream ``name``, which continues from its last use."""
        if name not in self._persistent:
            self._persistent[name] = self.new(name, seed)
        return self._persistent[name]

    def state(self) -> dict[str, Any]:
        """The position of each persistent stream, as values that JSON can hold."""
        return {name: rng.bit_generator.state for name, rng in sorted(self._persistent.items())}

    def check(self, seed: Any, state: Any) -> None:
        """Raise unless these are a seed and positions of the streams, as ``state`` gives them."""
        RandomStreams(seed)
        if seed is None or not isinstance(state, dict):
            raise ModelFormatError(
                f"random streams: expected a seed and their places, got {show((seed, state))}."
            )
        for name, position in state.items():
            check_position(name, position)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set the persistent streams to the positions in ``state``.

        Raises
        ------
        ModelFormatError
            If ``state`` is not valid; then nothing is changed.
        """
        for name, position in state.items():
            check_position(name, position)
        for name in self._persistent.keys() - state.keys():
            del self._persistent[name]
        # In place: passes hold these generators and continue from here, too.
        for name, position in state.items():
            self.persistent(name).bit_generator.state = position


def check_position(name: str, position: Any) -> None:
    """Raise unless ``position`` is a valid state of NumPy's PCG64, which is not strict itself."""
    bits = {"has_uint32": 1, "uinteger": 32}
    fine = len(name) <= _LONGEST and isinstance(position, dict)
    fine = fine and position.keys() == {"bit_generator", "state", *bits}
    fine = fine and position["bit_generator"] == "PCG64" and isinstance(position["state"], dict)
    fine = fine and position["state"].keys() == {"state", "inc"}
    numbers = [(position["state"][key], 128) for key in ("state", "inc")] if fine else []
    numbers += [(position[key], most) for key, most in bits.items()] if fine else []
    fine = fine and all(type(n) is int and 0 <= n < 2**most for n, most in numbers)
    if not fine or position["state"]["inc"] % 2 == 0:
        raise ModelFormatError(
            f"random streams: expected where a PCG64 stands, got {show(position)} for {show(name)}."
        )
