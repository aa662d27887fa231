"""The formula of an optimizer: its rule, with what the policy of every optimizer does around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annlib.core.formula import Formula, number

SHAPES = "{θ}, {g} and the state: [P × 1], all P parameters in one vector; element by element"
FIRST_MOMENT = r"m \leftarrow \beta_1 m + (1 - \beta_1) g"
SECOND_MOMENT = r"v \leftarrow \beta_2 v + (1 - \beta_2) g^2"


def update_formula(
    f: Any,
    *lines: str,
    section: str = "",
    source: str = "",
    note: str = "",
    decay: str = "weight_decay",
    **letters: float,
) -> Formula:
    """The formula of an update, with what the policy of every optimizer does around it.

    ``letters`` are the symbols of the rule and the arguments that they stand for; ``decay`` is the
    argument that is the weight decay.
    """
    before, policy = _policy(f, decay)
    values = [(_LETTERS[key], f"{value:.12g}{_by(f, key)}") for key, value in letters.items()]
    exact = [(_LETTERS[key], float(value)) for key, value in letters.items()]
    exact.append((_decay_letter(f), float(getattr(f, decay) or 0.0)))
    if f.learning_rate_factors:
        before.insert(0, r"\eta = \kappa_1 \eta_0")
        policy.append((r"\kappa_1", _factors(f.learning_rate_factors)))
    if not f.full_batch:
        rate = r"\eta_0" if f.learning_rate_factors else r"\eta"
        values.insert(0, (rate, f"{_rate(f)}, the learning rate"))
    steps = getattr(f, "gradient_accumulation_steps", None)
    if steps:
        values.append(("g", f"the mean of {steps} gradients"))
    else:
        values.append(("g", "the gradient of the loss by θ"))
    if any("beta_1^t" in line or r"\mu_t" in line for line in lines):
        values.append(("t", "the number of the update, from 1"))
    if f.use_ema:
        every = f.ema_overwrite_frequency
        when = f"after every {every} updates and " if every else ""
        note = f"{note} θ takes the value of its average {when}at the end of fit.".strip()
    return Formula(
        f._names[0],
        "optimizer",
        (*before, *lines, *average_lines(f)),
        shapes=SHAPES,
        section=section,
        source=source,
        symbols=(*values, *policy),
        note=note,
        values=tuple(exact),
    )


_LETTERS = {
    "momentum": r"\mu",
    "beta_1": r"\beta_1",
    "beta_2": r"\beta_2",
    "rho": r"\rho",
    "epsilon": r"\varepsilon",
    "l1": r"\lambda_1",
    "l2": r"\lambda_2",
    "shrinkage": r"\lambda_s",
    "power": "p",
    "beta": r"\beta",
    "start": "n_0",
}


def _rate(f: Any) -> str:
    rate = f._arguments()["learning_rate"]
    return _name(rate) if callable(rate) else f"{rate:.12g}"


def _name(schedule: Any) -> str:
    return str(
        getattr(schedule, "__name__", type(schedule).__name__)
    )  # of a plain function its own


def limit_lines(f: Any) -> list[str]:
    """The lines of the limits of the gradient, which come first."""
    if f.clipvalue is not None:
        c = number(f.clipvalue)
        return [rf"g \leftarrow \max(-{c}, \min(g, {c}))"]
    limit = f.clipnorm or f.global_clipnorm
    if limit is None:
        return []
    return [rf"g \leftarrow g \min(1, \frac{{{number(limit)}}}{{\lVert g \rVert}})"]


#: The line by which parameters decay.
DECAY = r"\theta \leftarrow (1 - \eta \lambda) \theta"


def _decay_letter(f: Any) -> str:
    return r"\lambda_0" if f.weight_decay_factors else r"\lambda"


def _policy(f: Any, argument: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The lines of clipping and weight decay that come before the rule, and their symbols."""
    lines, values = limit_lines(f), []
    for limit, what in (
        (f.clipnorm, "of each parameter"),
        (f.global_clipnorm, "of the whole gradient"),
    ):
        if limit is not None:
            values.append((r"\lVert g \rVert", f"the norm {what}"))
    value = getattr(f, argument)
    if value or argument in f._schedules:
        decay = _decay_letter(f)
        if f.weight_decay_factors:
            lines.append(r"\lambda = \kappa_2 \lambda_0")
            values.append((r"\kappa_2", _factors(f.weight_decay_factors)))
        lines.append(DECAY)
        values.append((decay, f"{value:.12g}, the weight decay{_by(f, argument)}"))
    return lines, values


def _by(f: Any, argument: str) -> str:
    """Which schedule sets an argument, if one does."""
    return f", now, by {_name(f._schedules[argument][0])}" if argument in f._schedules else ""


def _factors(factors: Mapping[str, float]) -> str:
    """What the factor of a parameter is."""
    every = [f"{factor:.12g}, of {pattern}" for pattern, factor in factors.items()]
    return f"{'; '.join(every)}; of others 1, of several their product"


def average_lines(f: Any) -> tuple[str, ...]:
    """The line of the averages, which comes last."""
    if not f.use_ema:
        return ()
    m, rest = number(f.ema_momentum), number(1 - f.ema_momentum)
    return (rf"\bar{{\theta}} \leftarrow {m} \bar{{\theta}} + {rest} \theta",)
