"""The formulas of the regularizers: what is added to the loss, and to its gradient."""

from __future__ import annotations

from typing import Any

from annlib.formulas.activations import number
from annlib.formulas.formula import Formula, built_in

SLOPE = r"\frac{\partial R}{\partial w}"
SHAPES = "[W], [D_R,W]: of one shape; R: a number"


@built_in("regularizer", "l1_l2", "l1", "l2")
def l1_l2(f: Any) -> Formula:
    values, slopes = [], []
    if f.l1 or not f.l2:
        values.append(rf"{number(f.l1)} \sum \lvert w \rvert")
        slopes.append(rf"{number(f.l1)} \operatorname{{sign}}(w)")
    if f.l2:
        values.append(rf"{number(f.l2)} \sum w^2")
        slopes.append(f"{number(2 * f.l2)} w")
    return Formula(
        f.names[0],
        "regularizer",
        (f"R = {' + '.join(values)}",),
        (f"{SLOPE} = {' + '.join(slopes)}",),
        SHAPES,
    )


@built_in("regularizer", "ridge")
def ridge(f: Any) -> Formula:
    return Formula(
        "ridge",
        "regularizer",
        (rf"R = \frac{{{number(f.alpha)}}}{{2 n}} \sum w^2",),
        (rf"{SLOPE} = \frac{{{number(f.alpha)}}}{{n}} w",),
        SHAPES,
        symbols=(("n", "the rows of the batch, or what they weigh"),),
    )
