"""Checks of an estimator's parameters, in ``fit``, with the messages that scikit-learn gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from annlib.core.checks import is_number, is_whole, items_of
from annlib.core.errors import ConfigurationError, show

#: How a hint begins.
_MEANT = "Did you mean "


class InvalidParameterError(ConfigurationError, TypeError):
    """A parameter that cannot be meant; as scikit-learn's, it is both kinds of error."""


class Rule(NamedTuple):
    """What a parameter must be: in words, and as a test."""

    text: str
    holds: Callable[[Any], bool]

    def __or__(self, other: Rule) -> Rule:
        """What one of two rules allows."""
        return Rule(f"{self.text} or {other.text}", lambda v: self.holds(v) or other.holds(v))


def check_parameters(estimator: Any, rules: Mapping[str, Rule]) -> None:
    """Raise for the first parameter of an estimator that breaks its rule.

    >>> class Ridge:
    ...     alpha = -1.0
    >>> check_parameters(Ridge(), {"alpha": number("[0, inf)")})
    Traceback (most recent call last):
        ...
    annlib.estimators.rules.InvalidParameterError: The 'alpha' parameter of Ridge must be a \
float in the range [0.0, inf). Got -1.0 instead.
    """
    for name, rule in rules.items():
        value = getattr(estimator, name)
        if not rule.holds(value):
            raise invalid(estimator, name, rule.text, value)


def invalid(
    estimator: Any, name: str, expected: str, value: Any, cause: Exception | None = None
) -> InvalidParameterError:
    """The error for a parameter that is not as expected, with the hint that its cause has."""
    said = str(cause)
    hint = said[said.index(_MEANT) :] if cause is not None and _MEANT in said else ""
    return InvalidParameterError(
        f"The {name!r} parameter of {type(estimator).__name__} must be {expected}. "
        f"Got {show(value)} instead. {hint}".rstrip()
    )


def count(least: int) -> Rule:
    """A whole number."""
    return Rule(
        f"an int in the range [{least}, inf)",
        lambda v: is_whole(v) and bool(v >= least),
    )


def number(interval: str) -> Rule:
    """A real number in an interval written as in mathematics."""
    low, high = (float(end) for end in interval[1:-1].split(","))

    def holds(value: Any) -> bool:
        if not is_number(value):
            return False
        above = low <= value if interval[0] == "[" else low < value
        return bool(above and (value <= high if interval[-1] == "]" else value < high))

    return Rule(f"a float in the range {interval[0]}{low}, {high}{interval[-1]}", holds)


def one_of(*values: Any) -> Rule:
    """One of a few values."""
    shown = ", ".join(map(repr, values))
    return Rule(
        f"one of {{{shown}}}" if len(values) > 1 else shown,
        lambda v: any(type(v) is type(value) and v == value for value in values),
    )


def str_among(*names: str) -> Rule:
    """One of a few names."""
    shown = ", ".join(map(repr, names))
    return Rule(f"a str among {{{shown}}}", lambda v: isinstance(v, str) and v in names)


def list_of(rule: Rule, *types: type, text: str = "a list of these") -> Rule:
    """A list, a tuple or an object of more types, whose items all follow a rule."""

    def holds(value: Any) -> bool:
        items = items_of(value) if isinstance(value, (list, tuple, *types)) else None
        return items is not None and all(rule.holds(item) for item in items)

    return Rule(text, holds)


def instance_of(*types: type, text: str) -> Rule:
    """An object of one of some classes."""
    return Rule(text, lambda value: isinstance(value, types))


WHOLE = Rule("an int", is_whole)
FLAG = instance_of(bool, np.bool_, text="an instance of 'bool'")
NONE = Rule("None", lambda value: value is None)
#: Metrics as ``compile`` takes them.
METRICS = NONE | instance_of(list, tuple, str, text="a list of metrics or the name of one")


def _is_scorer(value: Any) -> bool:
    return isinstance(value, str) or callable(value)


def _are_scorers(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = [item if isinstance(name, str) else None for name, item in value.items()]
        return len(value) > 0 and all(map(_is_scorer, value))
    names = isinstance(value, list | tuple) and len(value) > 0
    return _is_scorer(value) or (names and all(isinstance(name, str) for name in value))


#: One scorer, or one or several.
SCORER = NONE | Rule("'loss', the name of a scorer or a callable", _is_scorer)
SCORING = NONE | Rule(
    "'loss', the name of a scorer, a callable, a list of names or a dict of scorers", _are_scorers
)
RANDOM_STATE = Rule(
    "an int in the range [0, 4294967295], an instance of 'numpy.random.RandomState' or None",
    lambda v: (
        v is None or isinstance(v, np.random.RandomState) or (is_whole(v) and 0 <= int(v) < 2**32)
    ),
)
