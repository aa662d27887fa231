"""Warnings that point to the line of the user's that called ``fit``."""

from __future__ import annotations

import sys
import warnings

_INSIDE = ("annlib.", "sklearn.callback.")


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the nearest line that is neither annlib's nor of a decorator of scikit-learn's."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
