"""Warnings of what a user likely did not mean, at the user's own line."""

from __future__ import annotations

import sys
import warnings

#: Modules whose lines are not a user's.
_INSIDE = ("annlib.", "sklearn.callback.")


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the caller's line: the nearest outside annlib and scikit-learn's decorators."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
