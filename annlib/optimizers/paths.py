"""Parameters by their paths: what is said of a layer, of one parameter, or of all of a kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Any

from annlib.core.checks import check_number
from annlib.core.errors import ConfigurationError, UnknownNameError, quote, show
from annlib.core.suggestion import suggest

#: What the keys of a dictionary by paths may be, for messages.
PATTERNS = 'a layer ("dense"), a parameter ("dense/bias") or a pattern of paths ("*/bias")'


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern is of this parameter: its path, the layer's, or one of these with * and ?.

    Keras' regular expressions are taken as far as they say ``.*``. Others are not: a file could
    hold one that takes for ever.

    >>> [matches(pattern, "dense/bias") for pattern in ("dense", "dense/bias", "*/bias", "den*")]
    [True, True, True, True]
    >>> [matches(pattern, "dense/bias") for pattern in ("dense/.*", "^dense/.*$", ".*bias")]
    [True, True, True]
    >>> matches("dense", "dense_1/bias")
    False
    """
    above = (path, *_layers(path))
    if pattern in above:
        return True
    expression = pattern.removeprefix("^").removesuffix("$").replace(".*", "*")
    return any(fnmatchcase(one, expression) for one in above)


def _layers(path: str) -> list[str]:
    """The layers that a parameter lies in, the outermost first."""
    return list(accumulate(path.split("/")[:-1], "{}/{}".format))


def check_patterns(patterns: Iterable[str], paths: Sequence[str], where: str) -> None:
    """Raise ``UnknownNameError`` if a pattern is of none of these parameters."""
    for pattern in patterns:
        if not any(matches(pattern, path) for path in paths):
            known = [name for path in paths for name in (*_layers(path), path)]
            raise UnknownNameError(
                f"{where}: expected {PATTERNS} of this model, got {quote(pattern)}. "
                f"{suggest(pattern, known)}"
            )


def check_keys(given: Any, where: str, values: str, example: str) -> Mapping[str, Any]:
    """A dictionary by patterns; raises ``ConfigurationError`` for anything else."""
    if not isinstance(given, Mapping) or not all(isinstance(k, str) and k for k in given):
        raise ConfigurationError(
            f"{where}: expected a dict of {values} by {PATTERNS}, got {show(given)}. "
            f"Write {example}."
        )
    return given


def check_factors(given: Any, where: str, name: str) -> dict[str, float] | None:
    """Factors by patterns, or None; raises ``ConfigurationError``."""
    if given is None:
        return None
    factors = check_keys(given, f"{where}.{name}", "numbers", f'{name}={{"*/bias": 0.1}}')
    return {
        pattern: float(check_number(factor, where, f"{name}[{quote(pattern)}]", "[0, inf)"))
        for pattern, factor in factors.items()
    }


def factor_of(factors: Mapping[str, float] | None, path: str) -> float:
    """The product of the factors of a parameter.

    >>> factor_of({"head": 2.0, "*/bias": 0.5}, "head/bias")
    1.0
    """
    own = (f for pattern, f in (factors or {}).items() if matches(pattern, path))
    return math.prod(own, start=1.0)
