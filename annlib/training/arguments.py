"""Checks of the arguments that ``fit``, ``evaluate`` and ``predict`` share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from annlib.core.checks import check_count
from annlib.core.errors import ConfigurationError


def optional_count(value: Any, where: str, name: str) -> int | None:
    """A count, or None."""
    return None if value is None else check_count(value, where, name)


def least(*counts: int | None) -> int | None:
    """The least of those that are known."""
    return min((count for count in counts if count is not None), default=None)


def frequency(value: Any, where: str) -> int | set[int]:
    """After every so many epochs, or after these."""
    if isinstance(value, Collection) and not isinstance(value, str):
        return {check_count(epoch, where, "each of validation_freq") for epoch in value}
    return check_count(value, where, "validation_freq")


def verbosity(verbose: Any, where: str) -> int:
    """0, 1 or 2."""
    if verbose not in ("auto", 0, 1, 2):
        raise ConfigurationError(f'{where}: expected verbose 0, 1, 2 or "auto", got {verbose!r}.')
    return 1 if verbose == "auto" else int(verbose)
