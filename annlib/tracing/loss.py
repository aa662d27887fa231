"""The loss layer's equations (6.3, 7.1): E of each row and of the batch, and {D_E,A}."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.losses import Loss
from annlib.losses.crossentropy import Categorical
from annlib.tracing.equation import Equation, Operand, Token
from annlib.tracing.recording import Recording
from annlib.tracing.sections import definition, rows_of


def targets(recording: Recording) -> Array:
    """{Y} of each row, of the output's shape, as the loss used it; a label as zeros and a one."""
    A = recording.prediction
    return recording.loss.target_rows(recording.y, A.shape[-1], Workspace(A.dtype))


def with_targets_as_given(loss: Loss) -> Loss:
    """A copy of the loss that takes its targets as they are: they are effective ones already."""
    loss = copy.copy(loss)
    loss.effective_targets = lambda Y, work: Y  # type: ignore[method-assign]  # of this copy alone
    return loss


def output_gradient(recording: Recording) -> Array:
    """{D_E,A} of every row, times the row's share in the batch: recorded, or else derived.

    The losses that take the activation over never form it. Derived it is what the equation says,
    without the clipping that a loss of probabilities needs.
    """
    if recording.fused is None:
        return rows_of(recording.head_gradient)
    A, Y = (part.astype(np.float64) for part in (recording.prediction, targets(recording)))
    loss = with_targets_as_given(recording.loss)
    if recording.rows > len(A):
        A, Y = rows_of(A), rows_of(Y)
    shares = recording.shares.astype(np.float64).reshape(-1, *[1] * (A.ndim - 1))
    _, weights, _ = recording.loss.counted(recording.y, recording.weights, Workspace("float64"))
    with np.errstate(all="ignore"):
        gradient = loss.unclipped_gradient(Y, A) * shares
        if weights is not None and recording.weighs_outputs:
            gradient = np.where(weights == 0, 0.0, gradient * weights)
        return rows_of(gradient)


def forward(recording: Recording) -> Iterator[Equation]:
    """E_r of each row, E of the batch, and E with the penalties."""
    formula = definition(recording.loss, "loss")
    section = f"6.3, {formula.section}" if formula and formula.section else "6.3"
    E, Er = recording.row_losses, Operand("E_r", recording.row_losses.reshape(-1, 1))
    A, Y = Operand(r"\{A\}", recording.prediction), Operand(r"\{Y\}", targets(recording))
    yield Equation(
        "loss",
        "loss",
        "the loss of a row",
        section,
        (Er, "←", r"\operatorname{L}(", A, ",", Y, ")"),
        recording.loss.name,
        definition=formula.equations if formula else (),
        note=" ".join(
            note
            for note, holds in (
                ("Computed from the logits {Z}: no overflow, no clipping.", recording.fused),
                ("Each output's term counts times its weight.", recording.weighs_outputs),
            )
            if holds
        ),
    )
    total = Operand("E", _number(recording.data_loss, E), by_row=False)
    shares = Operand("s_r", recording.shares.reshape(-1, 1))
    tokens: tuple[Token, ...] = (total, "←", r"\sum_r", shares, Er)
    share = float(recording.shares[0])
    if not recording.weighted:
        tokens = (total, "←", _factor(recording) + r"\sum_r", Er)
    yield Equation(
        "loss",
        "loss",
        "the loss of the batch",
        "5.2",
        tokens,
        {"sum": "E.sum()"}.get(recording.loss.reduction, "E.sum() / n")
        if not recording.weighted
        else "(E * s).sum()",
        (lambda e: share * e.sum(axis=0, keepdims=True))
        if not recording.weighted
        else (lambda s, e: (s * e).sum(axis=0, keepdims=True)),
        sums=True,
        note=reduction(recording),
    )
    penalties = [(f"the penalty on {c.path}", c.penalty) for c in recording.penalties]
    penalties += [
        ("the penalty on the activity", r.penalty) for r in recording.layers if r.regularizer
    ]
    if penalties:
        values = np.array([[value for _, value in penalties]], E.dtype).T
        yield Equation(
            "loss",
            "loss",
            "the loss with its penalties",
            "",
            (
                Operand("E", _number(recording.total_loss, E), by_row=False),
                "←",
                total,
                "⊕",
                r"\sum_k",
                Operand(r"\{P_k\}", values, by_row=False),
            ),
            "",
            lambda e, p: e + p.sum(),
            note="The penalties: " + ", ".join(what for what, _ in penalties) + ".",
        )


def _factor(recording: Recording) -> str:
    """What a row's loss counts in the batch's, in TeX."""
    if recording.weighted:
        return "s_r "
    n, share = recording.rows, float(recording.shares[0])
    return "" if share == 1 else rf"\frac{{1}}{{{n}}} "


def reduction(recording: Recording) -> str:
    """How the batch reduces, in words: the usual source of a wrong factor."""
    n, kind = recording.rows, recording.loss.reduction
    if recording.weighs_outputs:
        return (
            "All rows count s_r, the weights being those of outputs: every {D_E,·} below carries "
            "that factor."
        )
    if recording.weighted:
        return (
            f"Row r counts s_r, its weight{'' if kind == 'sum' else ' by the rows or weights'}: "
            "every {D_E,·} below carries that factor."
        )
    if kind == "sum" or n == 1:
        return (
            "The batch's loss is the sum over its rows: no factor."
            if kind == "sum"
            else "The batch's loss is the mean over its rows, here of one: the factor is 1."
        )
    return (
        f"The batch's loss is the mean over its {n} rows: every {{D_E,·}} below carries the "
        f"factor 1/{n}, so that the rows' gradients only need to be added."
    )


def backward(recording: Recording, D_EA: Array) -> Equation:
    """{D_E,A}."""
    formula = definition(recording.loss, "loss")
    section = f"7.1, {formula.section}" if formula and formula.section else "7.1"
    fused, slopes = recording.fused is not None, r"\{\frac{\partial E_r}{\partial a_i}\}"
    note = "The engine goes from the loss to {D_E,Z} at once." if fused else ""
    if isinstance(recording.loss, Categorical) and not (fused or recording.loss.from_logits):
        note = "The loss divides {A} by its sum first, as Keras does; this goes through that, too."
    if not np.isfinite(D_EA).all():
        note += " It overflows here, where {D_E,Z} does not."
    return Equation(
        "loss",
        "backward",
        "the gradient of the output",
        section,
        (Operand(r"\{D_{E,A}\}", D_EA), "←", _factor(recording) + slopes),
        "" if fused else "dA = loss.gradient(Y, A)",
        definition=formula.derivatives if formula else (),
        derived=fused,
        note=note.strip(),
    )


def fused_code(recording: Recording) -> str:
    """The line of code from the logits to {D_E,Z}."""
    if not recording.loss.canonical:
        return "dZ = loss.gradient(Y, Z)"
    by = ["N"] * recording.loss.averages_outputs
    if not recording.weighted and recording.loss.reduction != "sum" and recording.rows > 1:
        by.append("n")
    divisor = f" / ({' * '.join(by)})" if len(by) > 1 else f" / {by[0]}" if by else ""
    share = " * W" * recording.weighs_outputs + " * s" * recording.weighted
    return f"dZ = (A - Y){divisor}{share}" if divisor or share else "dZ = A - Y"


def _number(value: float, like: Array) -> Array:
    return np.full((1, 1), value, np.float64 if like.dtype == np.float64 else like.dtype)
