"""A constant rate between given steps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from annlib.core.checks import check_name, items_of
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import Formula, cases, number
from annlib.schedules.base import LearningRateSchedule, check_rate, check_steps, register


@register("piecewise_constant_decay")
class PiecewiseConstantDecay(LearningRateSchedule):
    """rate(step) = values[k], k the number of boundaries below the step.

    The step that is a boundary still has the rate before it, as in Keras.

    Parameters
    ----------
    boundaries : sequence of float, at least 0, ascending
        Steps after which the rate changes.
    values : sequence of float, at least 0
        The rates: one more than there are boundaries.
    name : str
        As in Keras; nothing depends on it.

    Raises
    ------
    ConfigurationError
        If the boundaries do not ascend, their number does not fit that of the values, or one of
        them is no number of at least 0.

    Examples
    --------
    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.05, 0.01])
    >>> schedule(100), schedule(101), schedule(10000)
    (0.1, 0.05, 0.01)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {
        "boundaries": [500, 800],
        "values": [0.1, 0.05, 0.01],
    }

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        where = type(self).__name__
        self.boundaries = [
            check_steps(boundary, where, "boundaries", "[0, inf)")
            for boundary in _listed(boundaries, where, "boundaries")
        ]
        self.values = [
            check_rate(value, where, "values") for value in _listed(values, where, "values")
        ]
        self.name = check_name(name, where)
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ConfigurationError(
                f"{where}: expected boundaries in ascending order, got {show(boundaries)}."
            )
        if len(self.values) != len(self.boundaries) + 1:
            raise ConfigurationError(
                f"{where}: expected one more of values than of boundaries, got "
                f"{len(self.values)} values for {len(self.boundaries)} boundaries."
            )

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]

    def formula(self) -> Formula:
        rows = [
            (number(value), rf"t \le {number(last)}")
            for last, value in zip(self.boundaries, self.values, strict=False)
        ]
        return self._formula(r"\eta = " + cases(*rows, (number(self.values[-1]), "")))


def _listed(numbers: Any, where: str, name: str) -> list[Any]:
    items = items_of(numbers)
    if items is None:
        raise ConfigurationError(f"{where}: expected {name} as a list, got {show(numbers)}.")
    return items
