"""The formulas of the optimizers: how a gradient becomes a step (paper 5.2)."""

from __future__ import annotations

from typing import Any

from annlib.core.formula import number
from annlib.formulas.formula import Formula, built_in

SHAPES = "{θ}, {g} and the state: [P × 1], all P parameters in one vector; element by element"
FIRST_MOMENT = r"m \leftarrow \beta_1 m + (1 - \beta_1) g"
SECOND_MOMENT = r"v \leftarrow \beta_2 v + (1 - \beta_2) g^2"


def optimizer(
    f: Any, *lines: str, section: str = "", source: str = "", note: str = "", **letters: float
) -> Formula:
    """The formula of an update, with what the policy of every optimizer does around it.

    ``letters`` are the symbols of the rule and the arguments that they stand for.
    """
    before, policy = _policy(f)
    values = [(_LETTERS[key], f"{value:.12g}") for key, value in letters.items()]
    if not f.full_batch:
        values.insert(0, (r"\eta", f"{_rate(f)}, the learning rate"))
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
    lines = (*before, *lines, *_averages(f))
    return Formula(
        f.names[0], "optimizer", lines, (), SHAPES, (), section, source, (*values, *policy), note
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
    rate = f.get_config()["learning_rate"]
    return rate["class_name"] if isinstance(rate, dict) else f"{rate:.12g}"


def _policy(f: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """The lines of clipping and weight decay that come before the rule, and their symbols."""
    lines, values = [], []
    if f.clipvalue is not None:
        c = number(f.clipvalue)
        lines.append(rf"g \leftarrow \max(-{c}, \min(g, {c}))")
    for limit, what in (
        (f.clipnorm, "of each parameter"),
        (f.global_clipnorm, "of the whole gradient"),
    ):
        if limit is not None:
            lines.append(rf"g \leftarrow g \min(1, \frac{{{number(limit)}}}{{\lVert g \rVert}})")
            values.append((r"\lVert g \rVert", f"the norm {what}"))
    if f.weight_decay:
        lines.append(r"\theta \leftarrow (1 - \eta \lambda) \theta")
        values.append((r"\lambda", f"{f.weight_decay:.12g}, the weight decay"))
    return lines, values


def _averages(f: Any) -> tuple[str, ...]:
    if not f.use_ema:
        return ()
    m, rest = number(f.ema_momentum), number(1 - f.ema_momentum)
    return (rf"\bar{{\theta}} \leftarrow {m} \bar{{\theta}} + {rest} \theta",)


@built_in("optimizer", "sgd")
def sgd(f: Any) -> Formula:
    if not f.momentum:
        return optimizer(f, r"\theta \leftarrow \theta - \eta g", section="5.2")
    velocity = r"v \leftarrow \mu v - \eta g"
    if f.nesterov:
        step = r"\theta \leftarrow \theta + \mu v - \eta g"
        source = "Nesterov (1983), in Keras' form"
    else:
        step, source = r"\theta \leftarrow \theta + v", "Polyak (1964)"
    return optimizer(f, velocity, step, section="5.2", source=source, momentum=f.momentum)


@built_in("optimizer", "adam", "adamw")
def adam(f: Any) -> Formula:
    v = "u" if f.amsgrad else "v"
    largest = (r"u \leftarrow \max(u, v)",) if f.amsgrad else ()
    source = "Kingma & Ba (2015), with Keras' epsilon"
    if f.names[0] == "adamw":
        source = "Loshchilov & Hutter (2019)"
    return optimizer(
        f,
        FIRST_MOMENT,
        SECOND_MOMENT,
        *largest,
        r"\alpha = \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}",
        rf"\theta \leftarrow \theta - \alpha \frac{{m}}{{\sqrt{{{v}}} + \varepsilon}}",
        source=source + ("; Reddi et al. (2018)" if f.amsgrad else ""),
        beta_1=f.beta_1,
        beta_2=f.beta_2,
        epsilon=f.epsilon,
    )


@built_in("optimizer", "adamax")
def adamax(f: Any) -> Formula:
    return optimizer(
        f,
        FIRST_MOMENT,
        r"u \leftarrow \max(\beta_2 u, \lvert g \rvert)",
        r"\theta \leftarrow \theta - \frac{\eta}{1 - \beta_1^t} \frac{m}{u + \varepsilon}",
        source="Kingma & Ba (2015), section 7.1",
        beta_1=f.beta_1,
        beta_2=f.beta_2,
        epsilon=f.epsilon,
    )


@built_in("optimizer", "nadam")
def nadam(f: Any) -> Formula:
    return optimizer(
        f,
        FIRST_MOMENT,
        SECOND_MOMENT,
        r"\mu_t = \beta_1 (1 - \frac{1}{2} 0.96^t)",
        r"\hat{m} = \frac{\mu_{t+1} m}{1 - \prod_{s=1}^{t+1} \mu_s}"
        r" + \frac{(1 - \mu_t) g}{1 - \prod_{s=1}^t \mu_s}",
        r"\hat{v} = \frac{v}{1 - \beta_2^t}",
        r"\theta \leftarrow \theta - \eta \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}",
        source="Dozat (2016)",
        beta_1=f.beta_1,
        beta_2=f.beta_2,
        epsilon=f.epsilon,
    )


@built_in("optimizer", "lamb")
def lamb(f: Any) -> Formula:
    return optimizer(
        f,
        FIRST_MOMENT,
        SECOND_MOMENT,
        r"\hat{m} = \frac{m}{1 - \beta_1^t}",
        r"\hat{v} = \frac{v}{1 - \beta_2^t}",
        r"d = \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}",
        r"\theta \leftarrow \theta - \eta \frac{\lVert \theta \rVert}{\lVert d \rVert} d",
        source="You et al. (2020)",
        note="The norms are those of each kernel and bias; their ratio is 1 where one is 0.",
        beta_1=f.beta_1,
        beta_2=f.beta_2,
        epsilon=f.epsilon,
    )


@built_in("optimizer", "rmsprop")
def rmsprop(f: Any) -> Formula:
    lines = [r"v \leftarrow \rho v + (1 - \rho) g^2"]
    square = "v"
    if f.centered:
        lines.append(r"m \leftarrow \rho m + (1 - \rho) g")
        square = "v - m^2"
    step = rf"\eta \frac{{g}}{{\sqrt{{{square} + \varepsilon}}}}"
    letters = {"rho": f.rho, "epsilon": f.epsilon}
    if f.momentum:
        lines += [rf"u \leftarrow \mu u + {step}", r"\theta \leftarrow \theta - u"]
        letters["momentum"] = f.momentum
    else:
        lines.append(rf"\theta \leftarrow \theta - {step}")
    return optimizer(f, *lines, source="Tieleman & Hinton (2012)", **letters)


@built_in("optimizer", "adagrad")
def adagrad(f: Any) -> Formula:
    return optimizer(
        f,
        r"v \leftarrow v + g^2",
        r"\theta \leftarrow \theta - \eta \frac{g}{\sqrt{v + \varepsilon}}",
        source="Duchi et al. (2011)",
        note=f"v begins at {f.initial_accumulator_value:g}.",
        epsilon=f.epsilon,
    )


@built_in("optimizer", "adadelta")
def adadelta(f: Any) -> Formula:
    return optimizer(
        f,
        r"v \leftarrow \rho v + (1 - \rho) g^2",
        r"d = \frac{\sqrt{s + \varepsilon}}{\sqrt{v + \varepsilon}} g",
        r"s \leftarrow \rho s + (1 - \rho) d^2",
        r"\theta \leftarrow \theta - \eta d",
        source="Zeiler (2012)",
        rho=f.rho,
        epsilon=f.epsilon,
    )


@built_in("optimizer", "lion")
def lion(f: Any) -> Formula:
    return optimizer(
        f,
        r"d = \operatorname{sign}(\beta_1 m + (1 - \beta_1) g)",
        r"m \leftarrow \beta_2 m + (1 - \beta_2) g",
        r"\theta \leftarrow \theta - \eta d",
        source="Chen et al. (2023)",
        beta_1=f.beta_1,
        beta_2=f.beta_2,
    )


@built_in("optimizer", "ftrl")
def ftrl(f: Any) -> Formula:
    shrinkage = f.l2_shrinkage_regularization_strength
    letters = {"power": -f.learning_rate_power, "beta": f.beta}
    letters |= {"l1": f.l1_regularization_strength, "l2": f.l2_regularization_strength}
    shrunk = ""
    if shrinkage:
        shrunk, letters["shrinkage"] = r" + 2 \lambda_s \theta", shrinkage
    return optimizer(
        f,
        rf"z \leftarrow z + g{shrunk} - \frac{{(v + g^2)^p - v^p}}{{\eta}} \theta",
        r"v \leftarrow v + g^2",
        r"\theta \leftarrow \frac{\max(-\lambda_1, \min(z, \lambda_1)) - z}"
        r"{(v^p + \beta) / \eta + 2 \lambda_2}",
        source="McMahan et al. (2013)",
        note=f"v begins at {f.initial_accumulator_value:g}, z at 0.",
        **letters,
    )


@built_in("optimizer", "lbfgs")
def lbfgs(f: Any) -> Formula:
    formula = optimizer(
        f,
        r"\theta \leftarrow \theta - \alpha H g",
        source="Liu & Nocedal (1989), by SciPy",
    )
    own = (
        ("H", f"the inverse of the Hessian, as the last {f.maxcor} steps show it"),
        (r"\alpha", "found by a line search"),
    )
    return Formula(
        formula.name,
        "optimizer",
        formula.equations,
        shapes="{θ}, {g}: [P × 1], [H]: [P × P], never formed",
        source=formula.source,
        symbols=(*own, *formula.symbols),
    )
