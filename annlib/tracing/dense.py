"""The fully connected layer's equations (6.1, 7.3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.core.arrays import Array
from annlib.layers import Dense
from annlib.tracing.equation import Equation, Operand, Token
from annlib.tracing.recording import LayerRecord
from annlib.tracing.sections import rows_of

#: The most numbers of all rows' gradients together.
_LIMIT = 2_000_000


def forward(record: LayerRecord, W: Array, b: Array | None, Z: Array) -> Equation:
    """{Z} <- [W^T]{X} + {B}."""
    tokens: list[Token] = [Operand(r"\{Z\}", Z), "←", Operand("[W^T]", W.T, by_row=False)]
    tokens.append(Operand(r"\{X\}", rows_of(record.x)))
    if b is not None:
        tokens += ["⊕", Operand(r"\{B\}", b, by_row=False)]
    return Equation(
        record.name,
        "forward",
        "the fully connected layer",
        "6.1, eq. (5)",
        tuple(tokens),
        "Z = X @ W + b" if b is not None else "Z = X @ W",
        lambda Wt, x, b=0.0: Wt @ x + b,
        note=_positions(record.x),
    )


def backward(record: LayerRecord, W: Array, D_EZ: Array, learns: bool) -> Iterator[Equation]:
    """[D_E,W^T] and {D_E,B} of each row and accumulated, and {D_E,X}."""
    name, layer = record.name, record.layer
    assert isinstance(layer, Dense), "the caller sees to that"
    X, D = rows_of(record.x), Operand(r"\{D_{E,Z}\}", D_EZ)
    n, (M, N) = len(X), W.shape
    if learns:
        fits = n * M * N <= _LIMIT
        total = Operand("[D_{E,W^T}]", record.gradients["kernel"].T, by_row=False)
        if fits:
            copies = np.broadcast_to(X[:, np.newaxis, :], (n, N, M))
            row = Operand("[D_{E,W^T}]_r", D_EZ[:, :, np.newaxis] * copies)
            yield Equation(
                name,
                "backward",
                "the gradient of the weights, row by row",
                "7.3",
                (row, "←", D, "⊛", Operand("[D_{Z,W^T}]", copies)),
                "",
                lambda d, copies: d * copies,
                derived=True,
                note="[D_Z,Wᵀ] is [Xᵀ], N times one below the other.",
            )
        yield Equation(
            name,
            "backward",
            "the accumulated gradient of the weights",
            "5.2",
            (total, "←", r"\sum_r", row) if fits else (total, "←", r"\sum_r [D_{E,W^T}]_r"),
            "dW = X.T @ dZ",
            (lambda rows: rows.sum(axis=0)) if fits else None,
            sums=True,
        )
        if layer.use_bias:
            bias = Operand(r"\{D_{E,B}\}", record.gradients["bias"], by_row=False)
            yield Equation(
                name,
                "backward",
                "the accumulated gradient of the biases",
                "7.3, 5.2",
                (bias, "←", r"\sum_r", D),
                "db = dZ.sum(axis=0)",
                lambda rows: rows.sum(axis=0),
                sums=True,
            )
    formed = record.dx is not None
    D_EX = rows_of(record.dx) if record.dx is not None else D_EZ @ W.T
    yield Equation(
        name,
        "backward",
        "the gradient of the input",
        "7.3",
        (Operand(r"\{D_{E,X}\}", D_EX), "←", Operand("[W]", W, by_row=False), D),
        "dX = dZ @ W.T" if formed else "not computed: nothing below learns",
        lambda W, d: W @ d,
        derived=not formed,
    )


def _positions(x: Array) -> str:
    if x.ndim < 3:
        return ""
    return f"Each of the {x[0].size // x.shape[-1]} positions of a row is a row of its own here."
