"""An estimator's parameters as JSON can hold them, and back.

Numbers, texts, None and lists stand for themselves; of everything else there is an object with the
one key that says what it is: ``{"tuple": [...]}``, ``{"object": {"family": "optimizer", ...}}``.
Classes are found in the registry of their family; nothing is imported or run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annlib.callbacks import Callback
from annlib.core.arrays import DTYPES, Array
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, ModelFormatError, show
from annlib.core.registry import FAMILIES, Registry
from annlib.optimizers import Optimizer
from annlib.saving.serializable import check_part

#: The types of arrays, by their names.
_ARRAYS = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))
_ARRAYS += ("float16", *DTYPES, "str", "object")
_PLAIN = bool | int | float | str


class LeftOut:
    """In the place of a parameter that a file could not hold: what it was, in words."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<left out of the file: {self.text}>"


def encode(value: Any, where: str) -> Any:
    """``value`` as JSON can hold it.

    Raises
    ------
    ConfigurationError
        For a function and other objects that a file cannot hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, list):
        return [encode(item, where) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, where) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key, where), encode(item, where)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        return {"array": encode_array(value, where)}
    return _encode_object(value, where)


def _encode_object(value: Any, where: str) -> Any:
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return {"dtype": np.dtype(value).name}
    if isinstance(value, np.random.RandomState):
        kind, words, *rest = value.get_state()
        return {"random_state": [kind, np.asarray(words).tolist(), *rest]}
    if isinstance(value, type) and issubclass(value, Configurable):
        family = _family_of(value, where)
        if not value._registered:
            raise ConfigurationError(f"{where}: expected a registered class, got {value!r}.")
        return {"type": {"family": family.family, "class_name": value.__name__}}
    if not isinstance(value, Configurable):
        raise ConfigurationError(f"{where}: expected what a file can hold, got {value!r}.")
    if isinstance(value, Callback) and value.writes_files:
        raise ConfigurationError(f"{where}: expected no callback that writes files, got {value!r}.")
    if isinstance(value, Optimizer) and value.policy.excluded:
        raise ConfigurationError(
            f"{where}: expected an optimizer of arguments alone, got one with excluded parameters."
        )
    family = _family_of(type(value), where)
    check_part(value, where)
    config = value.get_config()
    return {
        "object": {
            "family": family.family,
            "class_name": type(value).__name__,
            "config": config,
        }
    }


def decode(code: Any) -> Any:
    """What ``encode`` had.

    Raises
    ------
    AnnlibError, ValueError, TypeError
        For what it does not make.
    """
    if isinstance(code, list):
        return [decode(item) for item in code]
    if not isinstance(code, dict):
        return code
    if len(code) != 1:
        raise ModelFormatError(f"file: expected an object of one key, got {show(code)}.")
    ((kind, content),) = code.items()
    if kind == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    if kind == "tuple":
        return tuple(decode(_a_list(content)))
    if kind == "dict":
        return {decode(key): decode(value) for key, value in _a_list(content)}
    if kind == "array":
        return decode_array(content)
    if kind == "dtype" and content in DTYPES:
        return np.dtype(content)
    if kind == "random_state":
        return _random_state(*_a_list(content))
    if kind == "type":
        return FAMILIES[content["family"]].find(content["class_name"], "file")
    if kind == "object" and content.keys() == {"family", "class_name", "config"}:
        return _object(**content)
    raise ModelFormatError(f"file: expected a known kind of value, got {show(code)}.")


def encode_array(array: Array, where: str) -> dict[str, Any]:
    """An array of numbers, booleans or texts.

    Raises
    ------
    ConfigurationError
        For one of anything else.
    """
    name = "str" if array.dtype.kind == "U" else array.dtype.name
    flat = array.reshape(-1).tolist()
    if name not in _ARRAYS or not all(isinstance(item, _PLAIN) for item in flat):
        raise ConfigurationError(
            f"{where}: expected numbers, texts or booleans, which a file can hold, got "
            f"{show(array)}."
        )
    values = [encode(item, where) for item in flat]
    return {"type": name, "shape": list(array.shape), "values": values}


def decode_array(code: Any) -> Array:
    """The array that ``encode_array`` had; raises for what it does not make."""
    name, shape, values = code["type"], code["shape"], _a_list(code["values"])
    if name not in _ARRAYS or len(code) != 3 or not all(type(n) is int for n in _a_list(shape)):
        raise ModelFormatError(f"file: expected a type and a shape of an array, got {show(code)}.")
    items = [decode(value) if isinstance(value, dict) else value for value in values]
    wanted: Any = str if name == "str" else _PLAIN
    if not all(isinstance(item, wanted) for item in items):
        raise ModelFormatError(f"file: expected values of type {name}, got {show(values)}.")
    if name == "str" and len(items) * max(map(len, items), default=0) > 2**20 + sum(
        map(len, items)
    ):
        raise ModelFormatError("file: expected texts of about one length, got a few that are long.")
    array = np.empty(len(items), object)
    array[:] = items
    made = array.astype(name)
    if name != "object" and not all(
        _same(*pair) for pair in zip(made.tolist(), items, strict=True)
    ):
        raise ModelFormatError(f"file: expected values of type {name}, got {show(values)}.")
    return made.reshape(shape)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or other != other)  # noqa: PLR0124  # of NaN


def _a_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ModelFormatError(f"file: expected a list, got {show(value)}.")
    return value


def _random_state(kind: Any, words: Any, *rest: Any) -> Any:
    if kind != "MT19937" or len(_a_list(words)) != 624 or not 0 <= rest[0] <= 624:
        raise ModelFormatError("file: expected the state of a RandomState, got another.")
    state = np.random.RandomState(0)
    state.set_state((kind, np.array(words, np.uint32), *rest))
    return state


def _family_of(cls: type, where: str) -> Registry[Any]:
    for family in FAMILIES.values():
        if issubclass(cls, family.base):
            return family
    raise ConfigurationError(f"{where}: expected a class of a known kind, got {cls!r}.")


def _object(family: str, class_name: str, config: Any) -> Any:
    code = {"class_name": class_name, "config": config}
    made = FAMILIES[family].get(code, "file")
    if isinstance(made, Callback) and made.writes_files:
        raise ModelFormatError(f"file: expected no callback that writes files, got {class_name}.")
    return made
