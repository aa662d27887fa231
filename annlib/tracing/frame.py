"""A trace as a table for pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annlib.core.packages import needed
from annlib.tracing.equation import Equation


def frame(steps: Sequence[Equation]) -> Any:
    """A step a row: where it stands, its equation, shapes, value and code."""
    with needed("Trace.to_frame", "pandas", "pandas"):
        import pandas as pd
    return pd.DataFrame(
        {
            "layer": [step.layer for step in steps],
            "phase": [step.phase for step in steps],
            "section": [step.section for step in steps],
            "symbol": [step.symbol for step in steps],
            "equation": [step.text for step in steps],
            "shapes": [step.shape_equation for step in steps],
            "value": [step.value for step in steps],
            "code": [step.code for step in steps],
            "rebuilt": [step.derived for step in steps],
        }
    )
