"""The formulas of the activations: a = f(z), and da/dz (paper 6.2, 7.2, 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annlib.formulas.formula import Formula, built_in

LE = r"\le"
SLOPE = r"\frac{\partial a_i}{\partial z_i}"
JACOBIAN = r"\frac{\partial a_i}{\partial z_j}"
ELEMENTWISE = "{Z}, {A}, {D_A,Z}: [N × 1], element by element; a batch: (n, N)"
FULL = "{Z}, {A}: [N × 1], [D_A,Z]: [N × N]; a batch: (n, N), row by row"


def elementwise(
    name: str, *equations: str, slope: str, section: str = "", source: str = "", **more: Any
) -> Formula:
    """The formula of a function of each number by itself (the paper's case 1)."""
    derivatives = (f"{SLOPE} = {slope}",)
    return Formula(
        name, "activation", equations, derivatives, ELEMENTWISE, (), section, source, **more
    )


def cases(*rows: tuple[str, str]) -> str:
    r"""\\begin{cases} of values and their conditions; without a condition, "otherwise"."""
    lines = (
        rf"{value} & \text{{for~}} {condition}" if condition else rf"{value} & \text{{otherwise}}"
        for value, condition in rows
    )
    return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}"


def number(value: float) -> str:
    r"""A number in LaTeX: 1e-07 as 1 \\cdot 10^{-7}."""
    digits, _, power = f"{value:.12g}".partition("e")
    if not power:
        return digits
    ten = f"10^{{{int(power)}}}"
    return ten if digits == "1" else rf"{digits} \cdot {ten}"


def _simple(
    name: str, *equations: str, slope: str, section: str = "", source: str = ""
) -> Callable[[Any], Formula]:
    """Register a formula that has no arguments."""
    formula = elementwise(name, *equations, slope=slope, section=section, source=source)
    return built_in("activation", name)(lambda f: formula)


_simple("linear", "a_i = z_i", slope="1", section="8.5")
_simple(
    "sigmoid", r"a_i = \frac{1}{1 + e^{-z_i}}", slope="a_i (1 - a_i)", section="8.2"
)  # fmt: skip
_simple("tanh", r"a_i = \tanh(z_i)", slope="1 - a_i^2", section="8.3")
_simple("exponential", "a_i = e^{z_i}", slope="a_i")
_simple(
    "softsign",
    r"a_i = \frac{z_i}{1 + \lvert z_i \rvert}",
    slope=r"(1 - \lvert a_i \rvert)^2",
    source="Bergstra et al. (2009)",
)
_simple(
    "softplus",
    r"a_i = \log(1 + e^{z_i})",
    slope="1 - e^{-a_i}",
    source="Dugas et al. (2001)",
)
_simple("log_sigmoid", r"a_i = -\log(1 + e^{-z_i})", slope="1 - e^{a_i}")
_simple(
    "silu",
    r"s_i = \frac{1}{1 + e^{-z_i}}",
    "a_i = z_i s_i",
    slope="s_i (1 + z_i (1 - s_i))",
    source="Elfwing et al. (2018); as Swish, Ramachandran et al. (2017)",
)
_simple(
    "mish",
    r"t_i = \tanh(\log(1 + e^{z_i}))",
    "a_i = z_i t_i",
    slope=r"t_i + \frac{z_i (1 - t_i^2)}{1 + e^{-z_i}}",
    source="Misra (2020)",
)
_simple(
    "hard_tanh",
    r"a_i = \max(-1, \min(z_i, 1))",
    slope=cases(("1", "-1 < z_i < 1"), ("0", "")),
    source="Collobert (2004)",
)
_simple(
    "hard_sigmoid",
    r"a_i = \max(0, \min(\frac{z_i + 3}{6}, 1))",
    slope=cases((r"\frac{1}{6}", "-3 < z_i < 3"), ("0", "")),
    source="Courbariaux et al. (2015), with the slope of Keras 3",
)
_simple(
    "hard_silu",
    r"h_i = \max(0, \min(\frac{z_i + 3}{6}, 1))",
    "a_i = z_i h_i",
    slope=cases((r"h_i + \frac{z_i}{6}", "-3 < z_i < 3"), ("h_i", "")),
    source="Howard et al. (2019)",
)
_simple(
    "relu6",
    r"a_i = \min(\max(z_i, 0), 6)",
    slope=cases(("1", "0 < z_i < 6"), ("0", "")),
    source="Krizhevsky (2010)",
)


@built_in("activation", "relu")
def relu(f: Any) -> Formula:
    """max(z, 0), or with arguments a line up to the threshold, and a top."""
    threshold, low = number(f.threshold), number(f.negative_slope)
    top = None if f.max_value is None else number(f.max_value)
    rise = "z_i" if top is None else rf"\min(z_i, {top})"
    if not (f.negative_slope or f.threshold):
        equation = rf"a_i = \max({rise}, 0)"
    else:
        place = "z_i" if not f.threshold else f"(z_i - {threshold})"
        below = f"{low} {place}" if f.negative_slope else "0"
        equation = "a_i = " + cases((rise, f"z_i > {threshold}"), (below, ""))
    steep = f"z_i > {threshold}" if top is None else f"{threshold} < z_i < {top}"
    slopes = [("1", steep)]
    if f.slope_at_zero:
        slopes.append((_at(f), f"z_i = {threshold}"))
    if top is not None and f.negative_slope:
        slopes += [(low, rf"z_i {'<' if f.slope_at_zero else LE} {threshold}"), ("0", "")]
    else:
        slopes.append((low, ""))
    return elementwise("relu", equation, slope=cases(*slopes), section="8.1")


def _at(f: Any) -> str:
    """The slope at the threshold: from the one below to the one above."""
    return number(f.negative_slope + (1 - f.negative_slope) * f.slope_at_zero)


@built_in("activation", "leaky_relu")
def leaky_relu(f: Any) -> Formula:
    s = number(f.negative_slope)
    return elementwise(
        "leaky_relu",
        "a_i = "
        + cases(("z_i", "z_i > 0"), (f"{s} z_i" if f.negative_slope else "0", r"z_i \le 0")),
        slope=cases(("1", "z_i > 0"), (s, r"z_i \le 0")),
        source="Maas et al. (2013)",
    )


@built_in("activation", "elu")
def elu(f: Any) -> Formula:
    return elementwise(
        "elu",
        "a_i = " + cases(("z_i", "z_i > 0"), (r"\alpha (e^{z_i} - 1)", r"z_i \le 0")),
        slope=cases(("1", "z_i > 0"), (r"a_i + \alpha", r"z_i \le 0")),
        source="Clevert et al. (2016)",
        symbols=((r"\alpha", f"{f.alpha:g}"),),
    )


@built_in("activation", "celu")
def celu(f: Any) -> Formula:
    return elementwise(
        "celu",
        "a_i = " + cases(("z_i", "z_i > 0"), (r"\alpha (e^{z_i / \alpha} - 1)", r"z_i \le 0")),
        slope=cases(("1", "z_i > 0"), (r"e^{z_i / \alpha}", r"z_i \le 0")),
        source="Barron (2017)",
        symbols=((r"\alpha", f"{f.alpha:g}"),),
    )


@built_in("activation", "selu")
def selu(f: Any) -> Formula:
    return elementwise(
        "selu",
        "a_i = "
        + cases((r"\lambda z_i", "z_i > 0"), (r"\lambda \alpha (e^{z_i} - 1)", r"z_i \le 0")),
        slope=cases((r"\lambda", "z_i > 0"), (r"a_i + \lambda \alpha", r"z_i \le 0")),
        source="Klambauer et al. (2017)",
        symbols=((r"\lambda", f"{f.slope:.12g}"), (r"\alpha", f"{f.depth / f.slope:.12g}")),
    )


@built_in("activation", "gelu")
def gelu(f: Any) -> Formula:
    source = "Hendrycks & Gimpel (2016)"
    if f.approximate:
        return elementwise(
            "gelu",
            r"t_i = \tanh(\sqrt{\frac{2}{\pi}} (z_i + 0.044715 z_i^3))",
            r"a_i = \frac{1}{2} z_i (1 + t_i)",
            slope=r"\frac{1}{2} (1 + t_i) + "
            r"\frac{1}{2} z_i (1 - t_i^2) \sqrt{\frac{2}{\pi}} (1 + 0.134145 z_i^2)",
            source=source,
        )
    return elementwise(
        "gelu",
        r"a_i = z_i \Phi(z_i)",
        slope=r"\Phi(z_i) + z_i \phi(z_i)",
        source=source,
        symbols=(
            (r"\Phi", "the distribution function of the standard normal"),
            (r"\phi", "its density"),
        ),
    )


@built_in("activation", "softmax")
def softmax(_: Any) -> Formula:
    return Formula(
        "softmax",
        "activation",
        (r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",),
        (rf"{JACOBIAN} = a_i (\delta_{{ij}} - a_j)",),
        FULL,
        (r"D_Z = A \odot (D_A - \operatorname{rowsum}(D_A \odot A))",),
        "8.4",
    )


@built_in("activation", "log_softmax")
def log_softmax(_: Any) -> Formula:
    return Formula(
        "log_softmax",
        "activation",
        (r"a_i = z_i - \log(\sum_j e^{z_j})",),
        (rf"{JACOBIAN} = \delta_{{ij}} - e^{{a_j}}",),
        FULL,
        (r"D_Z = D_A - e^A \odot \operatorname{rowsum}(D_A)",),
    )


@built_in("activation", "elementwise")
def custom(f: Any) -> Formula:
    """A function of one's own: what it computes only its author knows."""
    name = f.name or getattr(f.function, "__name__", "f")
    called = rf"\operatorname{{{name if name.isalpha() and name.isascii() else 'f'}}}"
    return elementwise(name, f"a_i = {called}(z_i)", slope=f"{called}'(z_i)")
