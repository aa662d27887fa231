"""The formulas of the layers: forward and backward (paper 6, 7)."""

from __future__ import annotations

from typing import Any

from annlib.core.errors import UnknownNameError
from annlib.formulas.activations import cases, elementwise, number
from annlib.formulas.formula import Formula, built_in, write

DX = r"\frac{\partial E}{\partial x_i}"
DY = r"\frac{\partial E}{\partial y_i}"
F = r"\operatorname{f}"
SAME = "{X}, {Y}: [N × 1]; a batch: (n, N)"
TRAINING = "Only while training; otherwise y = x."


def layer(
    f: Any, *equations: str, back: tuple[str, ...], shapes: str = SAME, **more: Any
) -> Formula:
    return Formula(f.names[0], "layer", equations, back, shapes, **more)


def function(activation: Any) -> Formula:
    """The formula of a layer's activation; of a class of one's own without one, its name."""
    try:
        return write(activation, "activation")
    except UnknownNameError:
        return elementwise(activation.names[0], rf"a_i = {F}(z_i)", slope=rf"{F}'(z_i)")


@built_in("layer", "dense")
def dense(f: Any) -> Formula:
    """The paper's fully connected layer and, if there is one, its activation."""
    N = str(f.units)
    M = str(f.built_shape[-1]) if f.built_shape is not None else "M"
    bias = r" + \{B\}" if f.use_bias else ""
    shapes = f"[{N} × {M}] [{M} × 1]" + (f" + [{N} × 1]" if f.use_bias else "") + f" = [{N} × 1]"
    forward = [r"\{Z\} = [W^T] \{X\}" + bias]
    batch = [r"Z = X W + b" if f.use_bias else "Z = X W"]
    backward: list[str] = []
    section = "5.1, 6.1, 7.3"
    if not f.activation.stands_for_none:
        act = function(f.activation)
        forward += act.equations
        backward += act.derivatives
        section += f", {act.section}" if act.section else ""
        jacobian = r"[D_{A,Z}]^T \{D_{E,A}\}"
        product = r"\{D_{E,A}\} \circledast \{D_{A,Z}\}"
        full = "partial z_j" in act.derivatives[0]
        backward.append(r"\{D_{E,Z}\} = " + (jacobian if full else product))
        batch += [r"A = \operatorname{f}(Z)"]
    backward += [r"[D_{E,W^T}] = \{D_{E,Z}\} [X^T]"]
    batch += ["D_W = X^T D_Z"]
    if f.use_bias:
        backward += [r"\{D_{E,B}\} = \{D_{E,Z}\}"]
        batch += [r"D_b = \sum_r (D_Z)_r"]
    return layer(
        f,
        *forward,
        back=(*backward, r"\{D_{E,X}\} = [W] \{D_{E,Z}\}"),
        shapes=f"{shapes}; a batch: (n, {M}) ({M}, {N}) = (n, {N})",
        batch=(*batch, "D_X = D_Z W^T"),
        section=section,
    )


@built_in("layer", "activation", "relu", "leaky_relu", "elu", "softmax")
def activation(f: Any) -> Formula:
    """The formula of the function, which a layer of its own applies."""
    act = function(f.activation)
    section = ", ".join(part for part in ("6.2, 7.2", act.section) if part)
    return Formula(
        f.names[0],
        "layer",
        act.equations,
        act.derivatives,
        act.shapes,
        act.batch,
        section,
        act.source,
        act.symbols,
    )


@built_in("layer", "identity", "input")
def identity(f: Any) -> Formula:
    return layer(f, "y_i = x_i", back=(f"{DX} = {DY}",))


@built_in("layer", "activity_regularization")
def activity_regularization(f: Any) -> Formula:
    l1, l2, slope = number(f.l1), number(f.l2), number(2 * f.l2)
    return layer(
        f,
        "y_i = x_i",
        rf"L \leftarrow L + \frac{{1}}{{n}} \sum_r \sum_i ({l1} \lvert x_i \rvert + {l2} x_i^2)",
        back=(rf"{DX} = {DY} + \frac{{1}}{{n}} ({l1} \operatorname{{sign}}(x_i) + {slope} x_i)",),
    )


@built_in("layer", "flatten", "reshape")
def reshape(f: Any) -> Formula:
    target = getattr(f, "target_shape", None)
    to = "(n, N)" if target is None else f"(n, {', '.join(map(str, target))})"
    return layer(
        f,
        r"y_k = x_{ij}",
        back=(r"\frac{\partial E}{\partial x_{ij}} = \frac{\partial E}{\partial y_k}",),
        shapes=f"(n, ...) to {to}: the same numbers in the same order",
    )


@built_in("layer", "rescaling")
def rescaling(f: Any) -> Formula:
    s, o = number(f.scale), number(abs(f.offset))
    shift = f" {'+' if f.offset > 0 else '-'} {o}" if f.offset else ""
    return layer(f, f"y_i = {s} x_i{shift}", back=(f"{DX} = {s} {DY}",))


@built_in("layer", "dropout")
def dropout(f: Any) -> Formula:
    p = number(f.rate)
    return layer(
        f,
        "y_i = m_i x_i",
        "m_i = " + cases(("0", rf"\text{{a~share~of~}} {p}"), (rf"\frac{{1}}{{1 - {p}}}", "")),
        back=(f"{DX} = m_i {DY}",),
        source="Srivastava et al. (2014)",
        note=TRAINING,
    )


@built_in("layer", "gaussian_dropout")
def gaussian_dropout(f: Any) -> Formula:
    p = number(f.rate)
    return layer(
        f,
        "y_i = m_i x_i",
        rf"m_i \sim \operatorname{{normal}}(1, \frac{{{p}}}{{1 - {p}}})",
        back=(f"{DX} = m_i {DY}",),
        source="Srivastava et al. (2014)",
        note=TRAINING,
        symbols=((r"\operatorname{normal}", "of this mean and variance"),),
    )


@built_in("layer", "gaussian_noise")
def gaussian_noise(f: Any) -> Formula:
    return layer(
        f,
        "y_i = x_i + m_i",
        rf"m_i \sim \operatorname{{normal}}(0, {number(f.stddev)}^2)",
        back=(f"{DX} = {DY}",),
        note=TRAINING,
        symbols=((r"\operatorname{normal}", "of this mean and variance"),),
    )


@built_in("layer", "alpha_dropout")
def alpha_dropout(f: Any) -> Formula:
    p = number(f.rate)
    return layer(
        f,
        "y_i = "
        + cases((r"\alpha s + \beta", rf"\text{{a~share~of~}} {p}"), (r"\alpha x_i + \beta", "")),
        back=(f"{DX} = " + cases(("0", r"\text{the~same}"), (rf"\alpha {DY}", "")),),
        source="Klambauer et al. (2017)",
        note=TRAINING,
        symbols=(
            ("s", "-1.7581, the limit of SELU"),
            (r"\alpha", f"{f.kept:.6g}, which keeps the variance 1"),
            (r"\beta", f"{f.kept * f.rate * 1.7580993408473766:.6g}, which keeps the mean 0"),
        ),
    )


def _affine(f: Any, gamma: str = r"\gamma_i", beta: str = r"\beta_i") -> str:
    shift = f" + {beta}" if getattr(f, "center", False) else ""
    return (f"y_i = {gamma} h_i" if getattr(f, "scale", True) else "y_i = h_i") + shift


@built_in("layer", "batch_normalization")
def batch_normalization(f: Any) -> Formula:
    of_what = "of the batch; at rest the moving average" if f.trainable else "the moving average"
    gradients = []
    if f.scale:
        gradients.append(
            r"\frac{\partial E}{\partial \gamma_i} = \sum_r h_i \frac{\partial E}{\partial y_i}"
        )
    if f.center:
        gradients.append(
            r"\frac{\partial E}{\partial \beta_i} = \sum_r \frac{\partial E}{\partial y_i}"
        )
    spread = r"\sqrt{\sigma_i^2 + \varepsilon}"
    slope = rf"\frac{{1}}{{{spread}}} (g_i - \frac{{1}}{{n}} \sum_r g_i - "
    slope += r"\frac{1}{n} h_i \sum_r g_i h_i)"
    frozen = rf"\frac{{g_i}}{{{spread}}}"
    return layer(
        f,
        rf"h_i = \frac{{x_i - \mu_i}}{{{spread}}}",
        _affine(f),
        back=(
            "g_i = " + (r"\gamma_i " if f.scale else "") + DY,
            f"{DX} = {slope if f.trainable else frozen}",
            *gradients,
        ),
        shapes="{X}, {Y}, {γ}, {β}, {μ}, {σ²}: [N × 1]; a batch: (n, N), by columns",
        source="Ioffe & Szegedy (2015)",
        symbols=(
            (r"\mu_i", f"the mean of feature i, {of_what}"),
            (r"\sigma_i^2", "its variance, likewise"),
            (r"\varepsilon", f"{f.epsilon:g}"),
            (r"\sum_r", "over the n rows of the batch"),
        ),
    )


@built_in("layer", "layer_normalization")
def layer_normalization(f: Any) -> Formula:
    slope = r"\frac{1}{s} (g_i - \frac{1}{N} \sum_j g_j - \frac{1}{N} h_i \sum_j g_j h_j)"
    return layer(
        f,
        r"\mu = \frac{1}{N} \sum_i x_i",
        r"s = \sqrt{\frac{1}{N} \sum_i (x_i - \mu)^2 + \varepsilon}",
        r"h_i = \frac{x_i - \mu}{s}",
        _affine(f),
        back=(
            "g_i = " + (r"\gamma_i " if f.scale else "") + DY,
            f"{DX} = {slope}",
        ),
        source="Ba et al. (2016)",
        symbols=((r"\varepsilon", f"{f.epsilon:g}"),),
    )


@built_in("layer", "rms_normalization")
def rms_normalization(f: Any) -> Formula:
    return layer(
        f,
        r"s = \sqrt{\frac{1}{N} \sum_i x_i^2 + \varepsilon}",
        r"h_i = \frac{x_i}{s}",
        r"y_i = \gamma_i h_i",
        back=(
            rf"g_i = \gamma_i {DY}",
            rf"{DX} = \frac{{1}}{{s}} (g_i - \frac{{1}}{{N}} h_i \sum_j g_j h_j)",
        ),
        source="Zhang & Sennrich (2019)",
        symbols=((r"\varepsilon", f"{f.epsilon:g}"),),
    )


@built_in("layer", "unit_normalization")
def unit_normalization(f: Any) -> Formula:
    return layer(
        f,
        r"s = \sqrt{\sum_i x_i^2}",
        r"y_i = \frac{x_i}{s}",
        back=(
            rf"{DX} = \frac{{1}}{{s}} ({DY} - y_i \sum_j y_j \frac{{\partial E}}{{\partial y_j}})",
        ),
    )


@built_in("layer", "normalization")
def normalization(f: Any) -> Formula:
    forward, back = r"y_i = \frac{x_i - \mu_i}{\sigma_i}", rf"{DX} = \frac{{1}}{{\sigma_i}} {DY}"
    if f.invert:
        forward, back = r"y_i = \sigma_i x_i + \mu_i", rf"{DX} = \sigma_i {DY}"
    return layer(
        f,
        forward,
        back=(back,),
        symbols=(
            (r"\mu_i", "the mean of feature i, given or found by adapt"),
            (r"\sigma_i", "its standard deviation"),
        ),
    )


@built_in("layer", "prelu")
def prelu(f: Any) -> Formula:
    return layer(
        f,
        "y_i = " + cases(("x_i", r"x_i \ge 0"), (r"\alpha_i x_i", "x_i < 0")),
        back=(
            f"{DX} = " + cases((DY, "x_i > 0"), (rf"\alpha_i {DY}", "x_i < 0")),
            r"\frac{\partial E}{\partial \alpha_i} = "
            + cases(("0", "x_i > 0"), (f"x_i {DY}", "x_i < 0")),
        ),
        shapes="{X}, {Y}, {α}: [N × 1]; a batch: (n, N)",
        source="He et al. (2015)",
        note="α is learned.",
    )


@built_in("layer", "embedding")
def embedding(f: Any) -> Formula:
    shape = (f.input_dim, f.output_dim)
    return layer(
        f,
        r"\{Y\} = [W^T] \{u_x\}",
        back=(r"[D_{E,W^T}] = \{D_{E,Y}\} [u_x^T]",),
        shapes=f"[W]: {shape[0]} codes of {shape[1]} numbers; a batch: (n, k) to "
        f"(n, k, {shape[1]}), W[x] without the product",
        symbols=(("u_x", "all 0, but 1 at the code x"),),
    )
