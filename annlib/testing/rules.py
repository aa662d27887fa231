"""What a check is made of: rules in plain words, each with the function that tries it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace

T = TypeVar("T")

#: The rules about cost and not about results, which ``may_allocate=True`` leaves out.
ALLOCATION = "a second batch allocates nothing that grows with it"
STEP_ALLOCATION = "a second step allocates nothing that grows with the parameters"

#: Bytes that a call may allocate where it should allocate nothing that grows with the batch:
#: NumPy's own buffers, of which a call may have three where types or strides differ, take 64 KB.
ALLOWANCE = 1 << 18


class Rules(Generic[T]):
    """The rules of one family of classes, in the order in which a check tries them.

    A rule is a function that raises where the rule is broken; it gets a trial, which is the thing
    that is checked and whatever it takes to use it, made for each rule.

    >>> rules = Rules()
    >>> @rules.add("is not negative")
    ... def sign(trial):
    ...     assert trial >= 0, f"it is {trial}"
    >>> rules.check("number", lambda: -1)
    Traceback (most recent call last):
        ...
    AssertionError: number breaks the rule "is not negative": it is -1
    """

    def __init__(self) -> None:
        self._rules: dict[str, Callable[[T], None]] = {}

    def add(self, text: str) -> Callable[[Callable[[T], None]], Callable[[T], None]]:
        """A decorator: the function tries the rule that the text says."""

        def decorate(function: Callable[[T], None]) -> Callable[[T], None]:
            self._rules[text] = function
            return function

        return decorate

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def check(self, subject: str, trial: Callable[[], T], may_allocate: bool = False) -> None:
        """Try every rule; the first that is broken raises ``AssertionError`` with its text."""
        for text, holds in self._rules.items():
            if may_allocate and text in (ALLOCATION, STEP_ALLOCATION):
                continue
            made = trial()
            try:
                holds(made)
            except Exception as error:
                said = isinstance(error, AssertionError) and str(error)
                what = said or f"it raised {type(error).__name__}: {error}"
                raise AssertionError(f'{subject} breaks the rule "{text}": {what}') from error


def same(found: Any, expected: Any, what: str, tolerance: float = 0.0) -> None:
    """Raise ``AssertionError`` unless shape, type and numbers agree; NaN agrees with nothing."""
    found, expected = np.asarray(found), np.asarray(expected)
    for kind in ("shape", "dtype"):
        one, other = getattr(expected, kind), getattr(found, kind)
        assert one == other, f"expected {what} of {kind} {one}, got {other}"
    apart = np.zeros(found.shape)
    if tolerance:
        np.subtract(found, expected, out=apart, casting="unsafe")
        wrong = ~(np.abs(apart) <= tolerance * (1 + np.abs(expected)))
    else:
        wrong = ~np.equal(found, expected)
    if wrong.any():
        where = tuple(map(int, np.argwhere(wrong)[0]))
        place = f"[{', '.join(map(str, where))}]" if where else ""
        raise AssertionError(
            f"expected {what}{place} = {expected[where]:.8g}, got {found[where]:.8g}"
        )


def all_same(found: list[Array], expected: list[Array], names: list[str], when: str) -> None:
    """``same`` for arrays in a row; rounding is no difference."""
    for one, other, name in zip(found, expected, names, strict=True):
        rounding = 4096 * np.finfo(other.dtype).eps if other.dtype.kind == "f" else 0.0
        same(one, other, f"{name} {when}", float(rounding))


def all_of_type(arrays: dict[str, Array], work: Workspace) -> None:
    """Raise ``AssertionError`` unless these arrays and all buffers are of the workspace's type."""
    buffers = {f'work.array("{name}")': buffer for name, buffer in work._buffers.items()}
    for name, array in (arrays | {n: b for n, b in buffers.items() if b.dtype.kind == "f"}).items():
        assert array.dtype == work.dtype, f"expected {name} of {work.dtype}, got {array.dtype}"


def expected_error(call: Callable[[], Any], errors: type[Exception], what: str) -> str:
    """The message of the error that ``call`` raises; ``AssertionError`` if it raises none."""
    try:
        call()
    except errors as error:
        return str(error)
    raise AssertionError(f"expected {errors.__name__} for {what}, got none")


def allocated(call: Callable[[], Any]) -> int:
    """How many bytes are newly allocated while ``call`` runs, at their peak."""
    import tracemalloc

    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()
