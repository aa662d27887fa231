"""The activation's equations: {A} from {Z} (6.2), and {D_E,Z} from {D_E,A} (7.2)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.activations import Activation, Linear
from annlib.core.arrays import Array
from annlib.tracing.equation import Equation, Operand, Token
from annlib.tracing.jacobian import LIMIT, jacobian, slopes
from annlib.tracing.sections import definition


def activation_name(activation: Activation) -> str:
    """Its name in TeX, as a function."""
    name = "".join(c if c.isascii() and c.isalnum() else r"\_" for c in activation._names[0])
    return rf"\operatorname{{{name}}}"


def forward(layer: str, activation: Activation, Z: Array, A: Array) -> Equation:
    """{A} <- f({Z})."""
    formula = definition(activation, "activation")
    tokens: tuple[Token, ...]
    if isinstance(activation, Linear):
        tokens = (Operand(r"\{A\}", A), "←", Operand(r"\{Z\}", Z))
    else:
        function = activation_name(activation) + "("
        tokens = (Operand(r"\{A\}", A), "←", function, Operand(r"\{Z\}", Z), ")")
    return Equation(
        layer,
        "forward",
        "the activation",
        _sections("6.2", formula.section if formula else ""),
        tokens,
        "A = Z" if isinstance(activation, Linear) else "A = f(Z)",
        lambda z: activation(z.T).T,
        definition=formula.equations if formula else (),
    )


def backward(
    layer: str,
    activation: Activation,
    Z: Array,
    D_EA: Array,
    D_EZ: Array,
    code: str = "",
    note: str = "",
) -> Iterator[Equation]:
    """[D_A,Z] or its diagonal, derived, and {D_E,Z}, as the engine has it."""
    result, before = Operand(r"\{D_{E,Z}\}", D_EZ), Operand(r"\{D_{E,A}\}", D_EA)
    if isinstance(activation, Linear):
        yield Equation(
            layer,
            "backward",
            "back through the identity",
            "7.2, 8.5",
            (result, "←", before),
            "dZ = dA",
            lambda d: d,
            note=note,
        )
        return
    formula = definition(activation, "activation")
    section = formula.section if formula else ""
    slope = formula.derivatives if formula else ()
    if activation.elementwise:
        D_AZ = Operand(r"\{D_{A,Z}\}", slopes(activation, Z))
        yield Equation(
            layer,
            "backward",
            "the slope of the activation",
            _sections("7.2", section),
            (D_AZ, "←", r"\{\frac{\partial a_i}{\partial z_i}\}"),
            "f'(Z)",
            definition=slope,
            derived=True,
        )
        yield Equation(
            layer,
            "backward",
            "back through the activation",
            "7.2, case 1",
            (result, "←", before, "⊛", D_AZ),
            code or "dZ = dA * f'(Z)",
            lambda d, s: d * s,
            note=note,
        )
        return
    code = code or activation.backward_code
    if Z.size * Z.shape[1] > LIMIT:
        note = f"{note} The Jacobian is too large to be shown.".strip()
        tokens = (result, "←", "[D_{A,Z}]^T", before)
        yield Equation(
            layer,
            "backward",
            "back through the activation",
            "7.2, eq. (6)",
            tokens,
            code,
            note=note,
        )
        return
    J = np.stack([jacobian(activation, z) for z in Z])
    yield Equation(
        layer,
        "backward",
        "the Jacobian of the activation",
        activation.jacobian_section or _sections("7.2, case 2", section),
        (Operand("[D_{A,Z}]", J), "←", r"[\frac{\partial a_i}{\partial z_j}]"),
        "never formed",
        definition=slope,
        derived=True,
    )
    yield Equation(
        layer,
        "backward",
        "back through the activation",
        "7.2, eq. (6)",
        (result, "←", Operand("[D_{A,Z}]^T", J.transpose(0, 2, 1)), before),
        code,
        lambda Jt, d: Jt @ d,
        note=note,
    )


def _sections(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
