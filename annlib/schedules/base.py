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
from annlib.core.tracebacks import with_short_tracebacks

STEP = ("t", "the steps done")


class LearningRateSchedule(Configurable):
    """A callable from the number of updates done, 0 at the first, to the rate of the next one.

    Weight decay, momentum and betas of optimizers and the rate of a ``Dropout`` can have one, too.
    A class of your own writes ``__call__``; registered, a model's file can hold it.

    Examples
    --------
    >>> class Halving(LearningRateSchedule):
    ...     def __init__(self, initial, every):
    ...         self.initial, self.every = initial, every
    ...
    ...     def __call__(self, step):
    ...         return self.initial * 0.5 ** (step // self.every)
    >>> schedule = Halving(0.1, every=100)
    >>> schedule(99), schedule(100)
    (0.1, 0.05)
    >>> from annlib import optimizers
    >>> optimizers.SGD(schedule).learning_rate
    0.1
    """

    def __call__(self, step: int) -> float:
        """The rate of the next update.

        Parameters
        ----------
        step : int, at least 0
            The number of updates done.

        Returns
        -------
        float, at least 0
        """
        raise NotImplementedError

    def formula(self) -> Formula:
        r"""The formula that ``explain`` shows; of a class without one, that it is a function.

        Returns
        -------
        Formula

        Examples
        --------
        >>> from annlib import schedules
        >>> decay = schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
        >>> print(decay.formula().equations[0])
        \eta = 0.1 \cdot 0.5^{t / 100}
        """
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


@with_short_tracebacks
def get(identifier: Any, where: str = "schedules.get") -> LearningRateSchedule:
    """The schedule that a configuration describes, or the object itself.

    Parameters
    ----------
    identifier : dict or LearningRateSchedule
        ``{"class_name": "CosineDecay", "config": {...}}``.
    where : str
        What error messages begin with.

    Returns
    -------
    LearningRateSchedule

    Raises
    ------
    UnknownNameError
        If no schedule has this name; the message names the nearest.
    ConfigurationError
        If it is none of these, a name alone, or arguments that the schedule refuses.

    Examples
    --------
    >>> from annlib import schedules
    >>> cosine = schedules.CosineDecay(0.1, decay_steps=100)
    >>> schedules.get({"class_name": "CosineDecay", "config": cosine.get_config()}) == cosine
    True
    """
    return registry.get(identifier, where)
