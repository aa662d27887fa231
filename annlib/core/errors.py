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

    Examples
    --------
    >>> from annlib import AnnlibError, layers
    >>> try:
    ...     layers.Dense(-1)
    ... except AnnlibError as error:
    ...     print(error)
    Dense: expected units as an integer >= 1, got -1.
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
    """An invalid argument of a constructor or a method; also a ``ValueError``.

    Examples
    --------
    >>> from annlib import layers
    >>> layers.Dropout(20)
    Traceback (most recent call last):
        ...
    annlib.core.errors.ConfigurationError: Dropout: expected rate as a number in [0, 1], got 20. ...
    """


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
    """A name that no registered class, layer or argument has; the message lists similar names.

    Examples
    --------
    >>> from annlib import optimizers
    >>> optimizers.get("adm")
    Traceback (most recent call last):
        ...
    annlib.core.errors.UnknownNameError: optimizers.get: expected a known optimizer, got "adm". Did
    you mean "adam"? ...
    """


class UnknownSymbolError(UnknownNameError, KeyError):
    """A symbol that no equation of a section has."""

    def __str__(self) -> str:
        return printable(str(self.args[0]))  # a KeyError would put it into quotes


class _PathError(AnnlibError, OSError):
    """Made of what the system says: its number, what to say, and the path."""

    def __str__(self) -> str:
        return printable(f"{self.filename}: {self.strerror}")


class MissingFileError(_PathError, FileNotFoundError):
    """No file where one was to be read, or no folder where one was to be written."""


class FolderError(_PathError, IsADirectoryError):
    """A folder in the place of a file."""


class ReadOnlyError(ConfigurationError, AttributeError):
    """An attribute was set that follows from the constructor, or is a view of other memory; also an
    ``AttributeError``.

    Examples
    --------
    >>> from annlib import layers
    >>> layers.Dense(3).units = 4
    Traceback (most recent call last):
        ...
    annlib.core.errors.ReadOnlyError: ...
    """


class ShapeError(AnnlibError, ValueError):
    """Arrays whose shapes do not fit together; also a ``ValueError``.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(1)])
    >>> model.predict([[1.0, 2.0]])
    Traceback (most recent call last):
        ...
    annlib.core.errors.ShapeError: Sequential.predict: expected x of shape (n, 3), which layer
    "dense" was built for, got (1, 2). ...
    """


class DataError(AnnlibError, ValueError):
    """Data that cannot be learned from: empty, not finite, labels out of range; also a
    ``ValueError``.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1)])
    >>> model.predict([[1.0, float("nan")]])
    Traceback (most recent call last):
        ...
    annlib.core.errors.DataError: Sequential.predict: expected finite numbers in x, got 1 NaN or
    infinite, first at row 0, column 1. ...
    """


class NotBuiltError(AnnlibError, RuntimeError, ValueError, AttributeError):
    """A model whose weights do not exist yet; to ``hasattr`` what follows from them is missing.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1)])
    >>> model.count_params()
    Traceback (most recent call last):
        ...
    annlib.core.errors.NotBuiltError: Sequential.count_params: expected a built model, ...
    >>> hasattr(model, "output_shape")
    False
    """


class NotCompiledError(AnnlibError, RuntimeError, ValueError):
    """``fit`` or ``evaluate`` before ``compile``.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> Sequential([layers.Dense(1)]).fit([[1.0]], [2.0])
    Traceback (most recent call last):
        ...
    annlib.core.errors.NotCompiledError: Sequential.fit: expected a compiled model, ...
    """


class OwnershipError(AnnlibError, RuntimeError):
    """A layer that belongs to another model's parameter vector, or stands twice in one model; or a
    model that is trained at this moment.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> layer = layers.Dense(3)
    >>> Sequential([layer, layer])
    Traceback (most recent call last):
        ...
    annlib.core.errors.OwnershipError: Sequential.add: expected a layer that is not in the model
    yet, ...
    """


class DivergenceError(AnnlibError, FloatingPointError):
    """The loss or a gradient became NaN or infinite while training.

    The weights and statistics are those after the last good step.

    Examples
    --------
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1)], seed=0)
    >>> model.compile(optimizers.SGD(1e30), "mse")
    >>> history = model.fit([[1.0]], [1.0], epochs=9, verbose=0)
    Traceback (most recent call last):
        ...
    annlib.core.errors.DivergenceError: Sequential.fit, epoch 2, batch 1: expected a finite loss ...
    """


class ModelFormatError(AnnlibError, ValueError):
    """A file that is not a complete, undamaged annlib file of a version that this one reads.

    Examples
    --------
    >>> import io
    >>> from annlib import load_model
    >>> load_model(io.BytesIO(b"no model"))
    Traceback (most recent call last):
        ...
    annlib.core.errors.ModelFormatError: ...
    """
