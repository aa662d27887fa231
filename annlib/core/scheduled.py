"""Numbers that may follow a schedule, as a learning rate does: of optimizers and of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from annlib.core.checks import check_number, positional_arguments
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, ReadOnlyError, show
from annlib.core.registry import FAMILIES

_NONE: Mapping[str, tuple[Callable[[int], float], str]] = {}


class Scheduled(Configurable):
    """Base class of objects of which some arguments are a number or a schedule.

    The attribute is the present number, which ``_follow`` sets; the configuration has the schedule.

    >>> from annlib import layers, schedules
    >>> layer = layers.Dropout(schedules.CosineDecay(0.2, decay_steps=100))
    >>> layer.rate
    0.2
    >>> layer._follow(50)
    >>> round(layer.rate, 12)
    0.1
    """

    #: By the arguments that have one: the schedule, and the interval that its numbers are in.
    _schedules: Mapping[str, tuple[Callable[[int], float], str]] = _NONE

    def _number(self, value: Any, name: str, interval: str) -> Any:
        """The number of an argument, or the first of its schedule; raises ``ConfigurationError``.

        A schedule is any callable from the steps done to a number; files hold those of
        ``annlib.schedules`` and registered classes derived from theirs.
        """
        where = type(self).__name__
        if isinstance(value, dict):
            value = FAMILIES["schedule"].get(value, f"{where}.{name}")
        if not callable(value):
            return check_number(value, where, name, interval)
        least, most = positional_arguments(value)
        other = isinstance(value, Configurable) and not isinstance(value, FAMILIES["schedule"].base)
        if other or isinstance(value, type) or not least <= 1 <= most:
            raise ConfigurationError(
                f"{where}: expected {name} as a number in {interval} or a schedule, a callable of "
                f"the step, got {show(value)}. Write lambda step: ..."
            )
        self._schedules = {**self._schedules, name: (value, interval)}
        return self._scheduled(name, 0)

    def _scheduled(self, name: str, step: int) -> float:
        """What the schedule of an argument gives; raises ``ConfigurationError``."""
        schedule, interval = self._schedules[name]
        try:
            value = schedule(step)
        except Exception as error:
            raise ConfigurationError(
                f"{type(self).__name__}.{name}: expected a schedule that takes the step, got "
                f"{show(schedule)}, which raises {type(error).__name__} at step {step}: {error}"
            ) from error
        try:
            return float(check_number(value, "", name, interval))
        except ConfigurationError:
            raise ConfigurationError(
                f"{type(self).__name__}.{name}: expected {schedule!r} to return a number in "
                f"{interval}, got {show(value)} at step {step}."
            ) from None

    def _follow(self, step: int) -> None:
        """Set the numbers to what their schedules give after so many steps."""
        for name in self._schedules:
            object.__setattr__(self, name, self._scheduled(name, step))

    def _set_by(self, name: str) -> str:
        """What a formula says of a number that a schedule sets; nothing of others."""
        if name not in self._schedules:
            return ""
        schedule, _ = self._schedules[name]
        by = getattr(schedule, "__name__", type(schedule).__name__)
        return f" The {name} is the present one; {by} sets it."

    def _arguments(self) -> dict[str, Any]:
        schedules = {name: schedule for name, (schedule, _) in self._schedules.items()}
        return super()._arguments() | schedules

    def _checked(self, name: str, value: Any) -> Any:
        if name in self._schedules and value is not getattr(self, name):
            raise ReadOnlyError(
                f"{type(self).__name__}.{name}: expected no assignment, since a schedule "
                f"({self._schedules[name][0]!r}) sets it. {self._instead}"
            )
        return super()._checked(name, value)

    def _made_with(self, **changes: Any) -> Any:
        made = super()._made_with(**changes)
        for name in changes.keys() & getattr(made, "_schedules", _NONE).keys():
            self._refuse(name, f"got a schedule, {show(changes[name])}")
        return made
