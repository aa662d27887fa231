"""What a layer or an activation computes at rest, as an expression of its input.

A part writes it with NumPy, as a function that makes new arrays:

    def expression(self, x):
        return np.maximum(x, 0) * self.factor

Of an array it is what ``forward`` gives. Of a symbol, which notes what is done with it, it is the
graph that ``annlib.export`` writes for other programs.
"""

from __future__ import annotations

from typing import Any

from annlib.core.errors import ConfigurationError

#: A node of ONNX that computes the same: the name of its operator, and its attributes.
Operator = tuple[str, dict[str, Any]]

#: The methods that say what a part computes while it runs.
_RUNNING = ("forward", "rows_forward")


def express(part: Any, x: Any) -> Any:
    """The expression of a part for this input.

    Raises
    ------
    ConfigurationError
        If it has none, or a forward pass of its own that the expression of its base class does
        not know of.
    """
    for cls in type(part).__mro__:
        if "expression" in vars(cls):
            break
        if any(name in vars(cls) for name in _RUNNING):
            raise no_expression(part)
    y = part.expression(x)
    note = getattr(y, "_note_operator", None)
    operator = getattr(part, "onnx_operator", None)
    if note is not None and operator is not None:
        note(operator(), x)
    return y


def rows_of(table: Any, codes: Any) -> Any:
    """The rows of a table by codes, which may be a symbol."""
    note = getattr(codes, "_note_rows", None)
    return table[codes] if note is None else note(table)


def no_expression(part: Any) -> ConfigurationError:
    """The error of a part that does not say what it computes."""
    kind = type(part).__name__
    return ConfigurationError(
        f"expected a method that says what it computes, got {kind} without one for its forward. "
        f"Write expression(self, x) in {kind}: what forward computes at rest, with NumPy and "
        "without out= or writing into arrays, as annlib.layers.Layer.expression shows."
    )
