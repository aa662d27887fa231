"""What a user likely meant by a name that is not known: the end of an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def suggest(
    name: Any,
    known: Iterable[str],
    family: str = "",
    classes: Mapping[str, str] | None = None,
    most: int = 12,
) -> str:
    """The end of an error message about an unknown name: the nearest known one, or what is called
    so elsewhere in this family of parts, and all of them, or of many the ``most`` like it.

    Where classes are known, not names of parts, ``classes`` has them by these.

    >>> suggest("rleu", ["relu", "tanh"])
    'Did you mean "relu"? Known: relu, tanh.'
    """
    from difflib import SequenceMatcher

    name = name if isinstance(name, str) else ""

    def letters(name: str) -> str:
        return name[:100].replace("_", "").lower()  # a file may have a name of millions of letters

    def likeness(other: str) -> float:
        mine, theirs = letters(name), letters(other)
        swapped = sorted(mine) == sorted(theirs)  # "adma" is more like "adam" than like "adamax"
        return swapped + SequenceMatcher(None, mine, theirs).ratio()

    names = list(dict.fromkeys(known))
    ranked = sorted(names, key=likeness, reverse=True)
    from annlib.core.other_names import meant_by  # a table that only errors need

    meant = meant_by(family, name, [*names, *(classes or ())]) if family else ""
    if classes and meant.strip('"') in classes:
        meant = f'"{classes[meant.strip(chr(34))]}"'
    if not meant and names and likeness(ranked[0]) >= 0.6:
        meant = f'"{ranked[0]}"'
    hint = f"Did you mean {meant}? " if meant else ""
    if len(names) > 30:
        names = [*ranked[:most], f"and {len(names) - most} more"]
    return f"{hint}Known: {', '.join(names) or 'none'}."
