"""The curves of what is a function of one number, from the object itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace

_POINTS = 241


class Curve(NamedTuple):
    """Values over x, one line for each name, and what is shown of them."""

    xlabel: str
    x: Array
    lines: dict[str, Array]
    low: float
    high: float


def curve_of(obj: Any, kind: str) -> Curve | None:
    """The curve of an object of this family, if it has one."""
    if kind == "layer":
        activation = getattr(obj, "activation", None)
        return None if activation is None else activation_curve(activation)
    draw = {
        "activation": activation_curve,
        "loss": loss_curve,
        "schedule": schedule_curve,
        "regularizer": penalty_curve,
    }.get(kind)
    return None if draw is None else draw(obj)


def _curve(xlabel: str, x: Array, lines: dict[str, Array], limit: float = np.inf) -> Curve:
    """A curve whose first line is seen whole, and the others within ``limit`` times its height."""
    first, *others = lines.values()
    low, high = min(0.0, float(first.min())), max(0.0, float(first.max()))
    height = limit * (high - low) if limit < np.inf else np.inf
    for other in others:
        low = min(low, max(float(other.min()), -height))
        high = max(high, min(float(other.max()), height))
    return Curve(xlabel, x, lines, low, high)


def activation_curve(activation: Any) -> Curve | None:
    """A and da/dz from -5 to 5; of a function of rows the first output of (z, 0, 0), and of one
    with other outputs than inputs none.
    """
    z = np.linspace(-5.0, 5.0, _POINTS)
    rowwise = not activation.elementwise
    if activation.axis != -1:
        activation = activation._replace(axis=-1)  # along another axis it is the same function
    if activation.output_shape((1, 2)) != (1, 2):
        return None
    Z = np.zeros((_POINTS, 3 if rowwise else 1))
    Z[:, 0] = z
    work, A, dA = Workspace("float64"), np.empty_like(Z), np.zeros_like(Z)
    activation.forward(Z, A, work)
    dA[:, 0] = 1.0
    values = A[:, 0].copy()
    activation.backward(dA, Z, A, work)
    index = "₁" if rowwise else ""
    lines = {f"a{index}": values, f"∂a{index}/∂z{index}": dA[:, 0].copy()}
    return _curve("z₁, with z₂ = z₃ = 0" if rowwise else "z", z, lines)


def loss_curve(loss: Any) -> Curve | None:
    """E and its derivative over the prediction, for one target."""
    if loss.drawn is None:
        return None
    first, last, target = loss.drawn
    if loss.from_logits:
        first, last = -5.0, 5.0
    a = np.linspace(first, last, _POINTS)
    A: Array = a.reshape(-1, 1)
    Y: Array = np.full((_POINTS, 1), target)
    letter, label = ("z" if loss.from_logits else "a"), f"y = {target:g}"
    if loss.task == "classes":
        rest = np.zeros_like(a) if loss.from_logits or loss.margin else 1 - a
        A = np.column_stack([a, rest])
        Y = np.tile([1.0, 0.0], (_POINTS, 1))
        letter, label = f"{letter}₁", "y = (1, 0)"
        if loss.target_kind == "labels":
            Y, label = np.zeros(_POINTS, np.intp), "y = 0, the first class"
    work, E, dA = Workspace("float64"), np.empty(_POINTS), np.empty_like(A)
    loss.forward(Y, A, E, work)
    values = E.copy()
    loss.backward(Y, A, dA, work)
    lines = {"E": values, f"∂E/∂{letter}": dA[:, 0].copy()}
    return _curve(f"{letter}, where {label}", a, lines, limit=1.0)


def schedule_curve(schedule: Any) -> Curve:
    """The rate by steps, to beyond the last of which the arguments speak."""
    factors = {"first_decay_steps": 7.0, "total_steps": 1.1, "warmup_steps": 4.0}
    lengths = [
        factors.get(name, 1.5) * np.max(value)
        for name, value in schedule._arguments().items()
        if (name.endswith("steps") or name == "boundaries") and np.size(value)
    ]
    steps = np.linspace(0, max([10.0, *lengths]), _POINTS).round().astype(int)
    rates = np.array([float(schedule(int(step))) for step in steps])
    return _curve("step", steps, {"learning rate": rates})


def penalty_curve(regularizer: Any) -> Curve | None:
    """R and its derivative for one weight."""
    if not regularizer.elementwise:
        return None
    w = np.linspace(-2.0, 2.0, _POINTS)
    slope = np.zeros((_POINTS, 1))
    regularizer.add_gradient(w.reshape(-1, 1), slope, Workspace("float64"))
    values = np.array([regularizer(weight.reshape(1, 1)) for weight in w])
    return _curve("w", w, {"R": values, "∂R/∂w": slope[:, 0]})
