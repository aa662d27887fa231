"""One rise and one long fall of the learning rate (Smith & Topin, 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from annlib.core.checks import check_choice, check_count, check_flag, check_number
from annlib.core.formula import Formula
from annlib.schedules.base import LearningRateSchedule, check_rate, cosine_formula, register
from annlib.schedules.cosine import half_cosine


@register("one_cycle")
class OneCycle(LearningRateSchedule):
    """Up from max / div_factor to max, then down to max / div_factor / final_div_factor.

    The rates of PyTorch's ``OneCycleLR``. After ``total_steps`` the last rate is kept. An
    optimizer's momentum, which the paper moves the other way, stays as it is.

    Parameters
    ----------
    max_learning_rate : float, at least 0
        The rate at the top.
    total_steps : int, at least 1
        The updates of the whole training: epochs * batches of an epoch.
    pct_start : float, in [0, 1]
        The share of the steps in which the rate rises; with ``three_phase`` in [0, 0.5].
    div_factor : float, above 0
        The top over the first rate.
    final_div_factor : float, above 0
        The first rate over the last one.
    anneal_strategy : {"cos", "linear"}
        Whether the rate moves along half a cosine or a straight line.
    three_phase : bool
        Fall to the first rate in as many steps as the rise took, and then to the last: the paper's
        form.

    Raises
    ------
    ConfigurationError
        If a number is out of its range, or the strategy none of the two.

    References
    ----------
    Smith & Topin (2019), "Super-convergence: very fast training of neural networks using large
    learning rates".

    Examples
    --------
    >>> schedule = OneCycle(0.5, total_steps=100)
    >>> schedule(0), schedule(29)
    (0.02, 0.5)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"max_learning_rate": 0.1, "total_steps": 1000}

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        three_phase: bool = False,
    ) -> None:
        where = type(self).__name__
        self.max_learning_rate = top = check_rate(max_learning_rate, where, "max_learning_rate")
        self.total_steps = check_count(total_steps, where, "total_steps")
        self.three_phase = check_flag(three_phase, where, "three_phase")
        interval = "[0, 0.5]" if three_phase else "[0, 1]"
        self.pct_start = float(check_number(pct_start, where, "pct_start", interval))
        self.div_factor = float(check_number(div_factor, where, "div_factor", "(0, inf)"))
        self.final_div_factor = float(
            check_number(final_div_factor, where, "final_div_factor", "(0, inf)")
        )
        self.anneal_strategy = check_choice(
            anneal_strategy, where, "anneal_strategy", ("cos", "linear")
        )
        first = top / self.div_factor
        final = first / self.final_div_factor
        last, peak = self.total_steps - 1, self.pct_start * self.total_steps - 1
        # Each phase: its first and last step, and the rates there. PyTorch's: not whole numbers.
        self._phases = [(0.0, peak, first, top)]
        if three_phase:
            self._phases += [(peak, 2 * peak, top, first), (2 * peak, last, first, final)]
        else:
            self._phases += [(peak, last, top, final)]

    def __call__(self, step: int) -> float:
        step = min(step, self.total_steps - 1)
        for phase in self._phases:
            if step <= phase[1]:
                break
        begin, end, start, goal = phase
        fraction = (step - begin) / (end - begin) if begin < end else 1.0
        left = half_cosine(fraction) if self.anneal_strategy == "cos" else 1 - fraction
        return start * left + goal * (1 - left)

    def formula(self) -> Formula:
        top, first = self.max_learning_rate, self.max_learning_rate / self.div_factor
        last = first / self.final_div_factor
        share = cosine_formula("s") if self.anneal_strategy == "cos" else "(1 - s)"
        rates = [first, top, *([first] if self.three_phase else []), last]
        rise = f"{self.pct_start:.3g} of the {self.total_steps} steps"
        return self._formula(
            rf"\eta = b + (a - b) {share}",
            source="Smith & Topin (2019), as PyTorch",
            symbols=(
                ("a, b", "the rates of a phase: " + " → ".join(f"{rate:.3g}" for rate in rates)),
                ("s", f"the share of the phase that is over; the rise takes {rise}"),
            ),
        )
