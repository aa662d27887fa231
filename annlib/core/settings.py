"""What holds for a whole process until it is set otherwise."""

from __future__ import annotations

from typing import Any

from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import with_short_tracebacks

_process: dict[str, bool | str] = {"jit_compile": "auto"}


@with_short_tracebacks
def jit_compile() -> bool | str:
    """What ``compile(jit_compile="auto")`` means in this process: True, False or "auto".

    Returns
    -------
    bool or "auto"

    Examples
    --------
    >>> from annlib import config
    >>> config.jit_compile()
    'auto'
    """
    return _process["jit_compile"]


@with_short_tracebacks
def set_jit_compile(value: bool | str) -> None:
    """Let ``compile(jit_compile="auto")``, the default, mean this from now on in this process.

    Models that are compiled already stay as they are.

    Parameters
    ----------
    value : bool or "auto"
        True compiles every training step that can be, with Numba; "auto" is as without this.

    Raises
    ------
    ConfigurationError
        For anything else.

    Examples
    --------
    >>> set_jit_compile(False)
    >>> jit_compile()
    False
    >>> set_jit_compile("auto")
    """
    _process["jit_compile"] = check_jit_compile(value, "config.set_jit_compile", "value")


def check_jit_compile(value: Any, where: str, name: str = "jit_compile") -> bool | str:
    """``value``, if it is True, False or "auto"."""
    if isinstance(value, bool) or (isinstance(value, str) and value == "auto"):
        return value
    raise ConfigurationError(f'{where}: expected {name} True, False or "auto", got {show(value)}.')
