"""A trace as a table for pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annlib.tracing.trace import Trace


def frame(trace: Trace) -> Any:
    """A step a row: where it stands, its equation, shapes, value and code."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError(
            "Trace.to_frame: expected pandas, which is not installed. Install it: pip install "
            "pandas."
        ) from None
    return pd.DataFrame(
        {
            "layer": [step.layer for step in trace],
            "phase": [step.phase for step in trace],
            "section": [step.section for step in trace],
            "symbol": [step.symbol for step in trace],
            "equation": [step.text for step in trace],
            "shapes": [step.law for step in trace],
            "value": [step.value for step in trace],
            "code": [step.code for step in trace],
            "rebuilt": [step.rebuilt for step in trace],
        }
    )
