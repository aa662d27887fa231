"""The formulas of the schedules: the learning rate of step t."""

from __future__ import annotations

from typing import Any

from annlib.formulas.activations import cases, number
from annlib.formulas.formula import Formula, built_in

NEXT = r"\operatorname{r}"
STEP = ("t", "the steps done")


def schedule(f: Any, *lines: str, source: str = "") -> Formula:
    return Formula(f.names[0], "schedule", lines, shapes="a number", source=source, symbols=(STEP,))


def _part(f: Any) -> str:
    """How many of its periods have passed."""
    part = rf"\frac{{t}}{{{number(f.decay_steps)}}}"
    return rf"\lfloor {part} \rfloor" if f.staircase else part


@built_in("schedule", "exponential_decay")
def exponential_decay(f: Any) -> Formula:
    power = part if (part := _part(f)).startswith("\\l") else f"t / {number(f.decay_steps)}"
    start, rate = number(f.initial_learning_rate), number(f.decay_rate)
    return schedule(f, rf"\eta = {start} \cdot {rate}^{{{power}}}")


@built_in("schedule", "inverse_time_decay")
def inverse_time_decay(f: Any) -> Formula:
    start, rate = number(f.initial_learning_rate), number(f.decay_rate)
    return schedule(f, rf"\eta = \frac{{{start}}}{{1 + {rate} \cdot {_part(f)}}}")


@built_in("schedule", "polynomial_decay")
def polynomial_decay(f: Any) -> Formula:
    end, fall = f.end_learning_rate, f.initial_learning_rate - f.end_learning_rate
    last = number(f.decay_steps)
    lines = []
    if f.cycle:
        lines.append(rf"s = {last} \max(1, \lceil \frac{{t}}{{{last}}} \rceil)")
    part = r"\frac{t}{s}" if f.cycle else rf"\min(\frac{{t}}{{{last}}}, 1)"
    power = "" if f.power == 1 else f"^{{{number(f.power)}}}"
    return schedule(f, *lines, rf"\eta = {number(end)} + {number(fall)} (1 - {part}){power}")


def _half_cosine(part: str) -> str:
    return rf"\frac{{1}}{{2}} (1 + \cos(\pi {part}))"


@built_in("schedule", "cosine_decay")
def cosine_decay(f: Any) -> Formula:
    alpha, last = number(f.alpha), number(f.decay_steps)
    warm, start = f.warmup_target is not None, f.initial_learning_rate
    peak = f.warmup_target if warm else start
    step = "t" if not (warm and f.warmup_steps) else f"t - {number(f.warmup_steps)}"
    part = rf"\min(\frac{{{step}}}{{{last}}}, 1)"
    share = rf"{alpha} + {number(1 - f.alpha)} \cdot " if f.alpha else ""
    bend = _half_cosine(part)
    decay = rf"{number(peak)} ({share}{bend})" if share else rf"{number(peak)} \cdot {bend}"
    if warm and f.warmup_steps:
        rise = rf"{number(start)} + {number(peak - start)} \frac{{t}}{{{number(f.warmup_steps)}}}"
        decay = cases((rise, f"t < {number(f.warmup_steps)}"), (decay, ""))
    return schedule(f, rf"\eta = {decay}", source="Loshchilov & Hutter (2017)")


@built_in("schedule", "cosine_decay_restarts")
def cosine_decay_restarts(f: Any) -> Formula:
    peak, alpha = number(f.initial_learning_rate), number(f.alpha)
    height = "" if f.m_mul == 1 else rf"{number(f.m_mul)}^i "
    rest = rf"{number(1 - f.alpha)} \cdot " if f.alpha else ""
    bend = f"{height}{_half_cosine('s')}"
    inner = f"({alpha} + {rest}{bend})" if f.alpha else rf"\cdot {bend}"
    return Formula(
        f.names[0],
        "schedule",
        (rf"\eta = {peak} {inner}",),
        shapes="a number",
        source="Loshchilov & Hutter (2017)",
        symbols=(
            ("i", f"the period, of {f.first_decay_steps:g} · {f.t_mul:g}^i steps"),
            ("s", "the share of it that is over"),
        ),
    )


@built_in("schedule", "piecewise_constant_decay")
def piecewise_constant_decay(f: Any) -> Formula:
    rows = [
        (number(value), rf"t \le {number(last)}")
        for last, value in zip(f.boundaries, f.values, strict=False)
    ]
    return schedule(f, r"\eta = " + cases(*rows, (number(f.values[-1]), "")))


@built_in("schedule", "linear_warmup")
def linear_warmup(f: Any) -> Formula:
    start, steps = number(f.initial_learning_rate), number(f.warmup_steps)
    rate = number(f.schedule) if isinstance(f.schedule, float | int) else rf"{NEXT}(0)"
    then = rate if isinstance(f.schedule, float | int) else rf"{NEXT}(t - {steps})"
    rise = rf"{start} + ({rate} - {start}) \frac{{t}}{{{steps}}}"
    formula = cases((rise, f"t < {steps}"), (then, "")) if f.warmup_steps else then
    symbols = (STEP,) if rate == then else (STEP, (NEXT, "the schedule that follows"))
    return Formula(
        f.names[0],
        "schedule",
        (rf"\eta = {formula}",),
        shapes="a number",
        source="Goyal et al. (2017)",
        symbols=symbols,
    )


@built_in("schedule", "one_cycle")
def one_cycle(f: Any) -> Formula:
    top, first = f.max_learning_rate, f.max_learning_rate / f.div_factor
    last = first / f.final_div_factor
    share = _half_cosine("s") if f.anneal_strategy == "cos" else "(1 - s)"
    rates = [first, top, *([first] if f.three_phase else []), last]
    rise = f"{f.pct_start:.3g} of the {f.total_steps} steps"
    return Formula(
        f.names[0],
        "schedule",
        (rf"\eta = b + (a - b) {share}",),
        shapes="a number",
        source="Smith & Topin (2019), as PyTorch",
        symbols=(
            ("a, b", "the rates of a phase: " + " → ".join(f"{rate:.3g}" for rate in rates)),
            ("s", f"the share of the phase that is over; the rise takes {rise}"),
        ),
    )
