"""The formulas of the losses: E of one row, and dE/da (paper 6.3, 7.1, 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annlib.formulas.activations import cases, number
from annlib.formulas.formula import Formula, built_in

SLOPE = r"\frac{\partial E}{\partial a_i}"
LOGIT_SLOPE = r"\frac{\partial E}{\partial z_i}"
SIGMOID = r"a_i = \frac{1}{1 + e^{-z_i}}"
SOFTMAX = r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}"
MEAN = r"\frac{1}{N} \sum_i"

_REDUCTIONS = {
    "sum_over_batch_size": r"L = \frac{1}{n} \sum_r w_r E_r",
    "mean": r"L = \frac{1}{n} \sum_r w_r E_r",
    "sum": r"L = \sum_r w_r E_r",
    "mean_with_sample_weight": r"L = \frac{\sum_r w_r E_r}{\sum_r w_r}",
    "none": "L_r = w_r E_r",
}
NORMALIZED = "{A} is to add up to 1: annlib divides it by its sum first, as Keras does."
WEIGHTS = ("w_r", "the sample weight of row r, or 1")


def loss(f: Any, *equations: str, slope: str, section: str = "", **more: Any) -> Formula:
    """The formula of a loss of probabilities or values a, or of logits z."""
    logits = getattr(f, "from_logits", False)
    left = LOGIT_SLOPE if logits else SLOPE
    columns = "{Z}, {A}" if logits else "{A}"
    columns += ": [N × 1], y: 0..N-1" if f.target_kind == "labels" else ", {Y}: [N × 1]"
    return Formula(
        f.names[0],
        "loss",
        equations,
        (f"{left} = {slope}",),
        f"{columns}; E: a number; a batch: (n, N), E and w: (n,)",
        (_REDUCTIONS[f.reduction],),
        section,
        symbols=(*more.pop("symbols", ()), WEIGHTS),
        **more,
    )


def _simple(
    name: str, *equations: str, slope: str, section: str = "", source: str = "", note: str = ""
) -> Callable[[Any], Formula]:
    """Register a formula that has no arguments but the reduction."""
    return built_in("loss", name)(
        lambda f: loss(f, *equations, slope=slope, section=section, source=source, note=note)
    )


_simple(
    "half_sum_squared_error",
    r"E = \frac{1}{2} \sum_i (a_i - y_i)^2",
    slope="a_i - y_i",
    section="9.1",
)
_simple(
    "mean_squared_error",
    rf"E = {MEAN} (a_i - y_i)^2",
    slope=r"\frac{2}{N} (a_i - y_i)",
)
_simple(
    "mean_squared_logarithmic_error",
    r"d_i = \log(1 + a_i) - \log(1 + y_i)",
    rf"E = {MEAN} d_i^2",
    slope=r"\frac{2}{N} \frac{d_i}{1 + a_i}",
)
_simple(
    "mean_absolute_error",
    rf"E = {MEAN} \lvert a_i - y_i \rvert",
    slope=r"\frac{1}{N} \operatorname{sign}(a_i - y_i)",
)
_simple(
    "mean_absolute_percentage_error",
    r"E = \frac{100}{N} \sum_i \frac{\lvert a_i - y_i \rvert}{\lvert y_i \rvert}",
    slope=r"\frac{100}{N} \frac{\operatorname{sign}(a_i - y_i)}{\lvert y_i \rvert}",
)
_simple(
    "log_cosh",
    rf"E = {MEAN} \log(\cosh(a_i - y_i))",
    slope=r"\frac{1}{N} \tanh(a_i - y_i)",
)
_simple(
    "kl_divergence",
    r"E = \sum_i y_i \log(\frac{y_i}{a_i})",
    slope=r"-\frac{y_i}{a_i}",
    source="Kullback & Leibler (1951)",
)
_simple(
    "poisson",
    rf"E = {MEAN} (a_i - y_i \log(a_i))",
    slope=r"\frac{1}{N} (1 - \frac{y_i}{a_i})",
)
_simple(
    "cosine_similarity",
    r"u_i = \frac{y_i}{\sqrt{\sum_j y_j^2}}",
    r"v_i = \frac{a_i}{\sqrt{\sum_j a_j^2}}",
    r"E = -\sum_i u_i v_i",
    slope=r"-\frac{u_i + E v_i}{\sqrt{\sum_j a_j^2}}",
)
_simple(
    "hinge",
    rf"E = {MEAN} \max(1 - y_i a_i, 0)",
    slope=cases((r"-\frac{y_i}{N}", "y_i a_i < 1"), ("0", "")),
    note="Targets are -1 and 1; 0 counts as -1.",
)
_simple(
    "squared_hinge",
    rf"E = {MEAN} \max(1 - y_i a_i, 0)^2",
    slope=r"-\frac{2}{N} y_i \max(1 - y_i a_i, 0)",
    note="Targets are -1 and 1; 0 counts as -1.",
)
_simple(
    "categorical_hinge",
    r"m = \max_i((1 - y_i) a_i)",
    r"E = \max(1 + m - \sum_i y_i a_i, 0)",
    slope=cases(
        ("-y_i", r"E > 0, y_i = 1"),
        ("1", "E > 0, a_i = m"),
        ("0", ""),
    ),
)


@built_in("loss", "huber_loss")
def huber(f: Any) -> Formula:
    square = (r"\frac{1}{2} d_i^2", r"\lvert d_i \rvert \le \delta")
    line = (r"\delta (\lvert d_i \rvert - \frac{1}{2} \delta)", "")
    return loss(
        f,
        "d_i = a_i - y_i",
        "h_i = " + cases(square, line),
        rf"E = {MEAN} h_i",
        slope=r"\frac{1}{N} \max(-\delta, \min(d_i, \delta))",
        source="Huber (1964)",
        symbols=((r"\delta", f"{f.delta:g}"),),
    )


def smoothing(f: Any, classes: str) -> tuple[str, ...]:
    """The line that softens the targets, if they are."""
    if not f.label_smoothing:
        return ()
    s = number(f.label_smoothing)
    return (rf"y_i \leftarrow (1 - {s}) y_i + \frac{{{s}}}{{{classes}}}",)


@built_in("loss", "binary_crossentropy", "sum_binary_crossentropy")
def binary_crossentropy(f: Any) -> Formula:
    of_sum = f.names[0].startswith("sum")
    mean, share = (r"\sum_i", "") if of_sum else (MEAN, r"\frac{1}{N} ")
    slope = rf"{share}\frac{{a_i - y_i}}{{a_i (1 - a_i)}}"
    logit_slope = rf"{share}(a_i - y_i)" if share else "a_i - y_i"
    return loss(
        f,
        *smoothing(f, "2"),
        *((SIGMOID,) if f.from_logits else ()),
        rf"E = -{mean} (y_i \log(a_i) + (1 - y_i) \log(1 - a_i))",
        slope=logit_slope if f.from_logits else slope,
        section="9.2",
        note="The paper prints the first term only (errata 4).",
    )


@built_in("loss", "categorical_crossentropy")
def categorical_crossentropy(f: Any) -> Formula:
    return loss(
        f,
        *smoothing(f, "N"),
        *((SOFTMAX,) if f.from_logits else ()),
        r"E = -\sum_i y_i \log(a_i)",
        slope=r"a_i \sum_j y_j - y_i" if f.from_logits else r"-\frac{y_i}{a_i}",
        section="9.2",
        note=NORMALIZED,
    )


@built_in("loss", "sparse_categorical_crossentropy")
def sparse_categorical_crossentropy(f: Any) -> Formula:
    return loss(
        f,
        *((SOFTMAX,) if f.from_logits else ()),
        r"E = -\log(a_y)",
        slope=r"a_i - \delta_{iy}" if f.from_logits else r"-\frac{\delta_{iy}}{a_y}",
        section="9.2",
        note=NORMALIZED,
    )


@built_in("loss", "binary_focal_crossentropy")
def binary_focal_crossentropy(f: Any) -> Formula:
    balance: tuple[str, ...] = ()
    b = ""
    if f.apply_class_balancing:
        balance, b = (r"b_i = y_i \alpha + (1 - y_i) (1 - \alpha)",), "b_i "
    steep = r"\frac{a_i - y_i}{a_i (1 - a_i)}"
    rest = r"\gamma (1 - 2 y_i) q_i^{\gamma - 1} \ell_i"
    if f.from_logits:
        steep, rest = "(a_i - y_i)", rest + " a_i (1 - a_i)"
    return loss(
        f,
        *smoothing(f, "2"),
        *((SIGMOID,) if f.from_logits else ()),
        *balance,
        "q_i = y_i (1 - a_i) + (1 - y_i) a_i",
        r"\ell_i = -(y_i \log(a_i) + (1 - y_i) \log(1 - a_i))",
        rf"E = {MEAN} {b}q_i^\gamma \ell_i",
        slope=rf"\frac{{1}}{{N}} {b}(q_i^\gamma {steep} + {rest})",
        source="Lin et al. (2017)",
        symbols=((r"\alpha", f"{f.alpha:g}"), (r"\gamma", f"{f.gamma:g}")),
    )


@built_in("loss", "categorical_focal_crossentropy")
def categorical_focal_crossentropy(f: Any) -> Formula:
    factor = r"\alpha y_i (1 - a_i)^\gamma"
    lines = [*smoothing(f, "N"), *((SOFTMAX,) if f.from_logits else ())]
    lines.append(r"E = -\alpha \sum_i (1 - a_i)^\gamma y_i \log(a_i)")
    slope = rf"{factor} (\gamma \frac{{\log(a_i)}}{{1 - a_i}} - \frac{{1}}{{a_i}})"
    if f.from_logits:
        lines.append(rf"g_i = {factor} (\gamma a_i \frac{{\log(a_i)}}{{1 - a_i}} - 1)")
        slope = r"g_i - a_i \sum_j g_j"
    return loss(
        f,
        *lines,
        slope=slope,
        source="Lin et al. (2017)",
        note=NORMALIZED,
        symbols=((r"\alpha", f"{f.alpha:g}"), (r"\gamma", f"{f.gamma:g}")),
    )


@built_in("loss", "half_poisson_deviance")
def half_poisson_deviance(f: Any) -> Formula:
    return loss(
        f,
        *(("a_i = e^{z_i}",) if f.from_logits else ()),
        r"E = \sum_i (y_i \log(\frac{y_i}{a_i}) - y_i + a_i)",
        slope="a_i - y_i" if f.from_logits else r"1 - \frac{y_i}{a_i}",
    )


@built_in("loss", "loss_function_wrapper")
def custom(f: Any) -> Formula:
    """A function of one's own: what it computes only its author knows."""
    called = rf"\operatorname{{{f.name if f.name.isalpha() and f.name.isascii() else 'f'}}}"
    return loss(
        f,
        rf"E = {called}(\{{Y\}}, \{{A\}})",
        slope=r"\operatorname{gradient}(\{Y\}, \{A\})_i",
    )
