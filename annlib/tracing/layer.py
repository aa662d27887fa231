"""The equations of a layer that the paper does not have: what went in and came out, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from annlib.core.arrays import Array
from annlib.layers.activation import ActivationLayer
from annlib.layers.noise import Noise
from annlib.tracing.equation import Equation, Operand, Token
from annlib.tracing.recording import LayerRecord
from annlib.tracing.sections import definition, gradient_symbol, renamed, symbol_of

Rule = Callable[..., Array] | None


def forward(record: LayerRecord) -> Equation:
    """{A} <- f({X}), with what f is as a definition."""
    layer = record.layer
    A, X = Operand(r"\{A\}", record.y), Operand(r"\{X\}", record.x)
    tokens: tuple[Token, ...] = (A, "←", _function(record), X, ")")
    rule: Rule = None
    note = ""
    if isinstance(layer, Noise):
        if record.mask is None:
            tokens, rule = (A, "←", X), lambda x: x
        elif _multiplies(record):
            M = Operand(r"\{M\}", _mask(record))
            tokens, rule = (A, "←", M, "⊛", X), lambda m, x: m * x
            note = "{M} was drawn from a copy of the layer's random stream: the next step's mask."
        else:
            tokens = (A, "←", _function(record), X, ",", Operand(r"\{M\}", _mask(record)), ")")
    formula = definition(layer, "layer")
    first = (type(layer).__doc__ or "").strip().split("\n")[0]
    return Equation(
        record.name,
        "forward",
        _words(record),
        formula.section if formula else "",
        tokens,
        "",
        rule,
        definition=renamed(*formula.equations) if formula else (),
        note=" ".join(part for part in (note, "" if formula else first) if part),
    )


def backward(record: LayerRecord, trainable: set[str]) -> Iterator[Equation]:
    """{D_E,X} from {D_E,A}, and the gradients of the parameters."""
    layer = record.layer
    assert record.dy is not None, "the caller sees to that"
    formula = definition(layer, "layer")
    for name, gradient in record.gradients.items():
        if f"{record.name}/{name}" in trainable and not record.inside:
            symbol = gradient_symbol(symbol_of(layer, name, gradient.shape))
            yield Equation(
                record.name,
                "backward",
                f"the accumulated gradient of {name}",
                "",
                (Operand(symbol, gradient, by_row=False), "←", rf"\sum_r {symbol}_r"),
            )
    before = Operand(r"\{D_{E,A}\}", record.dy)
    if record.dx is None:
        return
    D_EX = Operand(r"\{D_{E,X}\}", record.dx)
    tokens: tuple[Token, ...] = (D_EX, "←", r"\operatorname{back}(", before, ")")
    rule: Rule = None
    if isinstance(layer, Noise):
        if record.mask is not None and _multiplies(record):
            tokens = (D_EX, "←", Operand(r"\{M\}", _mask(record)), "⊛", before)
            rule = lambda m, d: m * d  # noqa: E731  # beside the equation that it is
        elif record.mask is None:
            tokens, rule = (D_EX, "←", before), lambda d: d
    yield Equation(
        record.name,
        "backward",
        f"back through {_words(record)}",
        formula.section if formula else "",
        tokens,
        "",
        rule,
        definition=renamed(*formula.derivatives) if formula else (),
    )


def penalty(record: LayerRecord, layer: str) -> tuple[Equation, Equation | None]:
    """The penalty on a layer's activity, and what it adds to dE/dA."""
    value = Operand("P", _number(record.penalty, record.x), by_row=False)
    formula = definition(record.regularizer, "regularizer")
    forward = Equation(
        layer,
        "forward",
        "the penalty on the activity",
        "",
        (value, "←", r"\frac{1}{n} R(", Operand("[A]", record.x, by_row=False), ")"),
        "R(A) / n",
        definition=formula.equations if formula else (),
    )
    if record.dx is None or record.dy is None:
        return forward, None
    added = Operand(r"\{D_{P,A}\}", record.dx - record.dy)
    before = Operand(r"\{D_{E,A}\}", record.dy)
    backward = Equation(
        layer,
        "backward",
        "the penalty on the activity",
        "",
        (Operand(r"\{D_{E,A}\}", record.dx), "←", before, "⊕", added),
        "dA += R'(A) / n",
        lambda d, p: d + p,
        definition=formula.derivatives if formula else (),
    )
    return forward, backward


def _mask(record: LayerRecord) -> Array:
    """The numbers that were drawn, one for each of the layer's input."""
    assert record.mask is not None, "the caller sees to that"
    return np.broadcast_to(record.mask, record.x.shape)


def _number(value: float, like: Array) -> Array:
    return np.full((1, 1), value, like.dtype)


def _function(record: LayerRecord) -> str:
    name = type(record.layer)._names[0]
    return rf"\operatorname{{{''.join(c if c.isascii() and c.isalnum() else '~' for c in name)}}}("


def _multiplies(record: LayerRecord) -> bool:
    layer = type(record.layer)
    return layer.perturb is Noise.perturb and layer.backward is Noise.backward  # type: ignore[attr-defined]  # it is a Noise


def _words(record: LayerRecord) -> str:
    if isinstance(record.layer, ActivationLayer):
        return "the activation"
    return type(record.layer)._names[0].replace("_", " ")
