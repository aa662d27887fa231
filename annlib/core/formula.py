"""A formula as a part of annlib writes its own, in LaTeX; ``annlib.formulas`` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Of the loss by a layer's input and output.
DX = r"\frac{\partial E}{\partial x_i}"
DY = r"\frac{\partial E}{\partial y_i}"


@dataclass(frozen=True)
class Formula:
    """The equations of one activation, loss, optimizer, layer, regularizer or schedule.

    All are LaTeX; text and MathML are made from it.

    Parameters
    ----------
    name : str
        The registered name.
    kind : str
        The family: ``"activation"``, ``"loss"``, ...
    equations : tuple of str
        What it computes, line by line.
    derivatives : tuple of str
        What goes back through it; empty for optimizers and schedules.
    shapes : str
        The law of the shapes, N outputs from M inputs, n rows.
    batch : tuple of str
        The same for a whole batch, as annlib computes it, where that is written otherwise.
    section : str
        Of the paper; empty if it is not in there.
    source : str
        Who wrote of it first, or where the form is from.
    symbols : tuple of (str, str)
        Letters in LaTeX, and what they are or their value in this object.
    note : str
        What else one should know.
    values : tuple of (str, float)
        Letters in LaTeX and the numbers that they stand for in this object, in full.
    """

    name: str
    kind: str
    equations: tuple[str, ...]
    derivatives: tuple[str, ...] = ()
    shapes: str = ""
    batch: tuple[str, ...] = ()
    section: str = ""
    source: str = ""
    symbols: tuple[tuple[str, str], ...] = ()
    note: str = ""
    values: tuple[tuple[str, float], ...] = ()


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


def word(name: str, otherwise: str = "f") -> str:
    """The name of a function in LaTeX, if it is a word."""
    return rf"\operatorname{{{name if name.isalpha() and name.isascii() else otherwise}}}"


def described(part: Any, family: type[Any]) -> Formula:
    """The formula of a part: its own, or of a class that changes what a base class computes what
    can be said of the whole family.
    """
    of = type(part) if part._holds("formula") else family
    formula: Formula = of.formula(part)
    return formula
