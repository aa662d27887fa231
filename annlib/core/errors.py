"""The errors that annlib raises: one base class, and below it what went wrong.

Each also inherits the built-in that users expect, so ``except ValueError`` keeps working. A
message has one grammar: ``<where>: expected <what>, got <what>. <likely cause, what to try>``.
"""

from collections.abc import Callable
from reprlib import Repr
from typing import Any

_SHORT = Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 12
_SHORT.maxstring = _SHORT.maxother = 160


def show(value: Any) -> str:
    """``repr(value)`` for a message: of any object, in one line, escaped and never long.

    >>> show("relu"), show([1.5, None])
    ("'relu'", '[1.5, None]')
    >>> len(show("text" * 1000)) < 200
    True
    """
    try:
        lines = _SHORT.repr(value).split("\n")
    except ValueError:  # an integer of many digits has none
        return f"an object of class {type(value).__name__}"
    text = " ".join(line.strip() for line in lines)
    return text if text.isprintable() else ascii(text)[1:-1]


def quote(name: Any) -> str:
    """A name in double quotes, as messages have names; anything else as ``show`` has it.

    >>> print(quote("he_norml"), quote(3))
    "he_norml" 3
    """
    return f'"{show(str(name))[1:-1]}"' if isinstance(name, str) else show(name)


class AnnlibError(Exception):
    """Base class of every error that annlib raises on purpose.

    A message may have names of the user's or of a file in it: control characters, which play tricks
    on a terminal, are shown as what Python writes for them.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    r"""The text with what is no letter, sign or end of a line as an escape.

    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode()
        for one in text
    )


class ConfigurationError(AnnlibError, ValueError):
    """An invalid argument of a constructor or of compile."""


class ArgumentError(ConfigurationError, TypeError):
    """Arguments that a constructor or a method does not have, or some that it lacks."""


class MissingAttributeError(AnnlibError, AttributeError):
    """An attribute that an object of annlib's does not have; the message says what is near."""

    def __init__(self, said: str | Callable[[], str]) -> None:
        super().__init__(said, name=None)  # without it Python adds a suggestion of its own
        self._said = said

    def __str__(self) -> str:
        # Written when it is read: hasattr asks for many that are not there.
        return printable(self._said if isinstance(self._said, str) else self._said())

    def __reduce__(self) -> Any:
        return type(self), (str(self),)


class UnknownNameError(ConfigurationError):
    """A name that no registered class has; the message lists similar names."""


class ReadOnlyError(ConfigurationError, AttributeError):
    """An attribute was set that follows from the constructor, or is a view of other memory."""


class ShapeError(AnnlibError, ValueError):
    """Arrays whose shapes do not fit together."""


class DataError(AnnlibError, ValueError):
    """Data that cannot be trained on: empty, not finite, labels out of range."""


class NotBuiltError(AnnlibError, RuntimeError, ValueError, AttributeError):
    """A model whose weights do not exist yet; to ``hasattr`` what follows from them is missing."""


class NotCompiledError(AnnlibError, RuntimeError, ValueError):
    """``fit`` or ``evaluate`` before ``compile``."""


class OwnershipError(AnnlibError, RuntimeError):
    """A layer that belongs to another model's parameter vector, or stands twice in one model; or a
    model that is trained at this moment.
    """


class DivergenceError(AnnlibError, FloatingPointError):
    """The loss or a gradient became NaN or infinite while training.

    The weights and statistics are those after the last good step.
    """


class ModelFormatError(AnnlibError, ValueError):
    """A file that is not a complete, undamaged annlib file of a version that this one reads."""
