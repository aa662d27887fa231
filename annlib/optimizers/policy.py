"""What every optimizer does around its rule: clipping, weight decay, accumulation, averages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypedDict, TypeVar

import numpy as np

from annlib.core.alignment import aligned
from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_flag, check_number
from annlib.core.errors import ConfigurationError, show
from annlib.core.parameters import ParameterVector
from annlib.optimizers.averages import move_toward
from annlib.optimizers.paths import check_factors, check_patterns, factor_of

T = TypeVar("T")

# The averages are moved in parts of so many elements, which stay in the cache.
_PART = 1 << 16


class PolicyArguments(TypedDict, total=False):
    """The keyword arguments that every optimizer takes."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    name: str | None
    learning_rate_factors: Mapping[str, float] | None
    weight_decay_factors: Mapping[str, float] | None


class OptimizerArguments(PolicyArguments, total=False):
    """All of these and the weight decay, which ``AdamW`` has among its own arguments."""

    weight_decay: Any


class _Views(NamedTuple):
    """The arrays of one model that the policy reads and writes."""

    gradients: list[Array]  # of each parameter
    decaying: list[tuple[Array, float, float]]  # parameters, factors of their rate and decay
    gradient_sum: Array
    averages: list[tuple[Array, Array, Array]]  # parameters, averages and scratch of each part


class Policy:
    """What surrounds the rule of an optimizer, and the checks of its arguments.

    The arguments are those of ``Optimizer``; ``where`` is what error messages begin with.
    """

    #: What Keras calls the vectors that it remembers, where that is no part of the name.
    keras_state: ClassVar[Mapping[str, str]] = {"policy/gradient_sum": "gradient_accumulator"}
    #: What formulas call them.
    letters: ClassVar[Mapping[str, str]] = {
        "policy/gradient_sum": "G",
        "policy/average": r"\bar{\theta}",
    }

    def __init__(
        self,
        where: str,
        *,
        weight_decay: float | None,
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
        use_ema: bool,
        ema_momentum: float,
        ema_overwrite_frequency: int | None,
        gradient_accumulation_steps: int | None,
        learning_rate_factors: Mapping[str, float] | None,
        weight_decay_factors: Mapping[str, float] | None,
    ) -> None:
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.learning_rate_factors = check_factors(
            learning_rate_factors, where, "learning_rate_factors"
        )
        self.weight_decay_factors = check_factors(
            weight_decay_factors, where, "weight_decay_factors"
        )
        #: What does not decay: sets of paths, and expressions that are found in a path.
        self.excluded: tuple[frozenset[str] | re.Pattern[str], ...] = ()
        self._views: _Views | None = None
        self._check(where)

    def _check(self, where: str) -> None:
        limits = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if self._has(name)]
        if len(limits) > 1:
            raise ConfigurationError(
                f"{where}: expected at most one limit, got {' and '.join(limits)}. Leave out all "
                "but one: they would act one after the other."
            )
        for name in limits:
            check_number(getattr(self, name), where, name, "(0, inf)")
        check_flag(self.use_ema, where, "use_ema")
        check_number(self.ema_momentum, where, "ema_momentum", "[0, 1]")
        if (frequency := self.ema_overwrite_frequency) is not None:
            check_count(frequency, where, "ema_overwrite_frequency")
            if not self.use_ema:
                raise ConfigurationError(
                    f"{where}: expected use_ema=True with ema_overwrite_frequency={frequency}, got "
                    f"{show(self.use_ema)}."
                )
        if self.gradient_accumulation_steps is not None:
            check_count(self.gradient_accumulation_steps, where, "gradient_accumulation_steps", 2)

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None

    # -- weight decay ----------------------------------------------------------------------------

    def exclude(self, paths: Sequence[str], patterns: Sequence[str]) -> None:
        """Leave the parameters of these paths, and of these patterns, out of the weight decay."""
        named = (frozenset(paths),) if paths else ()
        self.excluded += (*named, *map(re.compile, patterns))

    def check_paths(self, paths: Sequence[str], where: str) -> None:
        """Raise ``ConfigurationError`` if something is said of a path that is none of these."""
        check_patterns(self.learning_rate_factors or (), paths, f"{where}.learning_rate_factors")
        check_patterns(self.weight_decay_factors or (), paths, f"{where}.weight_decay_factors")
        for part in self.excluded:
            if isinstance(part, frozenset):
                unknown = sorted(part.difference(paths))
            else:
                unknown = [] if any(map(part.search, paths)) else [part.pattern]
            if unknown:
                raise ConfigurationError(
                    f"{where}.exclude_from_weight_decay: expected what is found in the path of a "
                    f"parameter, got {unknown[0]!r}. There are {', '.join(paths)}."
                )

    def __repr__(self) -> str:
        return f"Policy({ {k: v for k, v in vars(self).items() if k != '_views'} })"

    def decays(self, path: str) -> bool:
        """Whether the weight decay takes the parameter of this path."""
        return not any(
            path in part if isinstance(part, frozenset) else part.search(path)
            for part in self.excluded
        )

    def rate_factor(self, path: str) -> float:
        """The factor of the learning rate of the parameter of this path."""
        return factor_of(self.learning_rate_factors, path)

    def decay_factor(self, path: str) -> float:
        """That of its weight decay; 0 if it is left out."""
        return factor_of(self.weight_decay_factors, path) if self.decays(path) else 0.0

    # -- memory ----------------------------------------------------------------------------------

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the vectors that it remembers; no rule can have such names."""
        sums = ("policy/gradient_sum",) if self.gradient_accumulation_steps else ()
        return (*sums, "policy/average") if self.use_ema else sums

    def attach(self, vector: ParameterVector, state: Array) -> None:
        """Act on this vector from now on, with a row of ``state`` for each of the state names."""
        n, trainable = vector.n_trainable, [e for e in vector.entries if e.trainable]
        theta, dtype = vector.values, vector.values.dtype
        factors = [(self.rate_factor(e.path), self.decay_factor(e.path)) for e in trainable]
        factored = stretches(zip((e.where for e in trainable), factors, strict=True))
        averages: list[tuple[Array, Array, Array]] = []
        if self.use_ema:
            scratch = aligned(min(n, _PART), dtype=dtype)
            parts = [slice(i, min(i + _PART, n)) for i in range(0, n, _PART)]
            averages = [(theta[p], state[-1, p], scratch[: p.stop - p.start]) for p in parts]
        self._views = _Views(
            [vector.gradients[entry.where] for entry in trainable],
            [(theta[p], *both) for p, both in factored if all(both)],
            state[0] if self.gradient_accumulation_steps else np.zeros(0, dtype),
            averages,
        )

    @property
    def _bound(self) -> _Views:
        assert self._views is not None, "attach comes first"
        return self._views

    def __getstate__(self) -> dict[str, Any]:
        # Views belong to one model: a copy is bound again.
        return {**self.__dict__, "_views": None}

    # -- a step ----------------------------------------------------------------------------------

    def accumulate(self, gradient: Array, steps: int) -> bool:
        """Whether it is time to update; if so, the gradient becomes the mean since the last one."""
        every, total = self.gradient_accumulation_steps or 1, self._bound.gradient_sum
        if (steps + 1) % every:
            np.add(total, gradient, out=total)
            return False
        np.add(gradient, total, out=gradient)
        np.divide(gradient, every, out=gradient)
        total.fill(0)
        return True

    def clip_and_decay(self, gradient: Array, rate: float) -> None:
        """Keep the gradient within the limit, and decay the parameters."""
        if (limit := self.clipvalue) is not None:
            np.clip(gradient, -limit, limit, out=gradient)
        elif (limit := self.global_clipnorm) is not None:
            _scale_down(gradient, limit)
        elif (limit := self.clipnorm) is not None:
            for part in self._bound.gradients:
                _scale_down(part, limit)
        if self.weight_decay:
            self.decay(rate)

    def decay(self, rate: float) -> None:
        """Decay the parameters, if there is a weight decay."""
        decay = self.weight_decay or 0.0
        for W, of_rate, of_decay in self._bound.decaying if decay else ():
            np.multiply(W, 1 - rate * of_rate * (decay * of_decay), out=W)

    def average(self, iterations: int) -> None:
        """Take the parameters into their averages; the first averages are the parameters."""
        momentum = self.ema_momentum if iterations else 0.0
        for theta, average, scratch in self._bound.averages:
            move_toward(average, theta, momentum, scratch)
        frequency = self.ema_overwrite_frequency
        if frequency is not None and (iterations + 1) % frequency == 0:
            self.overwrite()

    def overwrite(self) -> None:
        """Write the averages, if there are any, into the parameters."""
        for theta, average, _ in self._bound.averages:
            np.copyto(theta, average)


class OfPolicy:
    """An attribute of an optimizer that lies in its policy."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, optimizer: Any, owner: type) -> Any:
        return self if optimizer is None else getattr(optimizer.policy, self._name)

    def __set__(self, optimizer: Any, value: Any) -> None:
        setattr(optimizer.policy, self._name, value)


def _scale_down(vector: Array, limit: float) -> None:
    length = norm(vector)
    if length > limit:
        np.multiply(vector, limit / length, out=vector)


def norm(array: Array) -> float:
    """The Euclidean norm of all elements, also where their squares overflow."""
    vector = array.reshape(-1)
    with np.errstate(over="ignore"):  # the result tells
        length = float(np.sqrt(np.dot(vector, vector)))
    if math.isinf(length) and math.isfinite(largest := float(np.abs(vector).max())):
        length = largest * norm(vector / largest)
    return length


def stretches(pairs: Iterable[tuple[slice, T]]) -> list[tuple[slice, T]]:
    """Neighbouring slices with equal values as one.

    >>> stretches([(slice(0, 3), 1), (slice(3, 5), 1), (slice(5, 9), 2)])
    [(slice(0, 5, None), 1), (slice(5, 9, None), 2)]
    """
    result: list[tuple[slice, T]] = []
    for where, value in pairs:
        if result and result[-1][0].stop == where.start and result[-1][1] == value:
            result[-1] = slice(result[-1][0].start, where.stop), value
        else:
            result.append((where, value))
    return result
