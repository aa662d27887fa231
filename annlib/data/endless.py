"""Iterators that cannot end: what would be read for ever where nobody counts."""

from __future__ import annotations

import itertools
from operator import length_hint
from types import CodeType, GeneratorType
from typing import Any

#: Of Python's own, those that end when one of the iterators that they are made from does.
_MADE_FROM = (enumerate, filter, map, zip)


def is_endless(items: Any) -> bool:
    """Whether it is certain that an iterator has no end; of most nobody can know.

    Certain it is of a generator whose function has no way to return, and of ``itertools.count``,
    ``cycle`` and ``repeat`` and what is made from them.

    >>> def forever(batch):
    ...     while True:
    ...         yield batch
    >>> is_endless(forever(1)), is_endless(map(str, itertools.count()))
    (True, True)
    >>> is_endless(n for n in itertools.count()), is_endless(n for n in [1, 2])
    (True, False)
    """
    if isinstance(items, GeneratorType):
        if items.gi_frame is None:  # it has ended
            return False
        source = items.gi_frame.f_locals.get(".0")  # what a generator expression is made from
        return is_endless(source) or not _returns(items.gi_code)
    if isinstance(items, itertools.repeat):
        return length_hint(items, -1) < 0
    if isinstance(items, _MADE_FROM):
        sources = [part for part in items.__reduce__()[1] if hasattr(part, "__next__")]
        return all(map(is_endless, sources))
    return isinstance(items, itertools.count | itertools.cycle)


def _returns(code: CodeType) -> bool:
    """Whether a generator's function has a way to its end; the compiler leaves out what no way
    leads to.
    """
    import dis

    names = {instruction.opname for instruction in dis.get_instructions(code)}
    return not names.isdisjoint(("RETURN_VALUE", "RETURN_CONST"))
