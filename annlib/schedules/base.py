"""What a schedule is: any callable from the step (an update, not an epoch) to a learning rate, or
to another number that optimizers and layers take a schedule for.

To add one: a class with ``__call__(step)``, ``@register()`` above it, and a row in the tests' table
of cases. It is called before every update: plain Python numbers, no NumPy.
"""

from __future__ import annotations

from typing import Any

from annlib.core.checks import check_number
from annlib.core.config import Configurable
from annlib.core.formula import Formula
from annlib.core.registry import Registry

STEP = ("t", "the steps done")


class LearningRateSchedule(Configurable):
    """A callable from the number of updates done, 0 at the first, to the rate of the next one.

    Weight decay, momentum and betas of optimizers and the rate of a ``Dropout`` can have one, too.
    """

    def __call__(self, step: int) -> float:
        raise NotImplementedError

    def formula(self) -> Formula:
        """The formula that ``explain`` shows; of a class without one, that it is a function."""
        return self._formula(r"\eta = \operatorname{r}(t)")

    def _formula(self, *lines: str, source: str = "", symbols: Any = (STEP,)) -> Formula:
        return Formula(
            self._names[0], "schedule", lines, shapes="a number", source=source, symbols=symbols
        )


def check_rate(value: Any, where: str, name: str) -> float:
    """``value`` as a learning rate, a float of at least 0; raises ``ConfigurationError``."""
    return float(check_number(value, where, name, "[0, inf)"))


def check_steps(value: Any, where: str, name: str, interval: str = "(0, inf)") -> float:
    """``value`` as a number of steps; raises ``ConfigurationError``.

    It need not be whole: ``epochs * n / batch_size`` will do, as in Keras.
    """
    steps = float(check_number(value, where, name, interval))
    return int(steps) if steps.is_integer() and steps < 2**63 else steps


def cosine_formula(part: str) -> str:
    """The falling half of a cosine, for a formula."""
    return rf"\frac{{1}}{{2}} (1 + \cos(\pi {part}))"


registry: Registry[LearningRateSchedule] = Registry("schedule", LearningRateSchedule)
register = registry.register


def get(identifier: Any, where: str = "schedules.get") -> LearningRateSchedule:
    """The schedule that a configuration describes, or the object itself."""
    return registry.get(identifier, where)
