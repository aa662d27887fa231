"""Values that hardly any argument can mean, one or two of each kind that programs pass by mistake.

Each is made anew for each call: some can be used once.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import math
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from annlib import Sequential, layers, losses, metrics, optimizers


def _raising(name: str) -> Any:
    """An object that raises when it is asked for what this method gives."""

    def refuse(self: Any, *arguments: Any) -> Any:
        raise RuntimeError(f"{name} was asked")

    return type("Raising", (), {name: refuse, **({"__hash__": None} if name == "__eq__" else {})})()


class _Whole(enum.IntEnum):
    THREE = 3


class _Word(enum.StrEnum):
    MSE = "mse"


class _Text(str):
    """Text of a class of one's own."""


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


#: By what each is called in a test's name: what makes it.
NONSENSE: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "numpy True": lambda: np.True_,
    "zero": lambda: 0,
    "one": lambda: 1,
    "minus one": lambda: -1,
    "2 ** 70": lambda: 2**70,
    "minus 2 ** 70": lambda: -(2**70),
    "an integer of 5000 digits": lambda: 10**5000,
    "int8": lambda: np.int8(3),
    "uint64": lambda: np.uint64(2**64 - 1),
    "int64": lambda: np.int64(-3),
    "IntEnum": lambda: _Whole.THREE,
    "a half": lambda: 0.5,
    "-0.0": lambda: -0.0,
    "2.0": lambda: 2.0,
    "NaN": lambda: math.nan,
    "infinity": lambda: math.inf,
    "minus infinity": lambda: -math.inf,
    "1e308": lambda: 1e308,
    "float16": lambda: np.float16(0.5),
    "float32 NaN": lambda: np.float32("nan"),
    "timedelta64": lambda: np.timedelta64(3, "s"),
    "NaT": lambda: np.timedelta64("NaT", "s"),
    "datetime64": lambda: np.datetime64("2026-01-01"),
    "date": lambda: dt.date(2026, 1, 1),
    "timedelta": lambda: dt.timedelta(1),
    "complex": lambda: 1j,
    "complex128": lambda: np.complex128(1),
    "Fraction": lambda: fractions.Fraction(1, 2),
    "Decimal": lambda: decimal.Decimal("0.5"),
    "Decimal sNaN": lambda: decimal.Decimal("sNaN"),
    "no bytes": lambda: b"",
    "bytes": lambda: b"mse",
    "bytearray": lambda: bytearray(b"abc"),
    "memoryview": lambda: memoryview(b"abc"),
    "no text": lambda: "",
    "text": lambda: "no such name",
    "digits": lambda: "1",
    "a long text": lambda: "long" * 25_000,
    "control characters": lambda: "\x1b[31m\n",
    "a surrogate": lambda: "\ud800",
    "a null character": lambda: "a\0b",
    "numpy text": lambda: np.str_("mse"),
    "StrEnum": lambda: _Word.MSE,
    "a subclass of str": lambda: _Text("auto"),
    "an empty list": list,
    "an empty tuple": lambda: (),
    "an empty dict": dict,
    "an empty set": lambda: set(),
    "a list of None": lambda: [None],
    "a list of numbers": lambda: [1.5, 2],
    "a list of text": lambda: ["a", "b"],
    "a tuple of booleans": lambda: (True, False),
    "a tuple of durations": lambda: (np.timedelta64(1, "s"), np.timedelta64(2, "s")),
    "a list of nothing like": lambda: [{}, {1}, "a"],
    "a list that holds itself": _circle,
    "a set": lambda: {1, 2},
    "frozenset": lambda: frozenset([3]),
    "a dict": lambda: {"a": 1},
    "a dict of None": lambda: {None: None},
    "OrderedDict": lambda: OrderedDict([(1, 2)]),
    "range": lambda: range(3),
    "slice": lambda: slice(1, 2),
    "a generator": lambda: (i for i in range(3)),
    "an iterator": lambda: iter([1, 2]),
    "0-d": lambda: np.array(3),
    "0-d boolean": lambda: np.array(True),
    "0-d object": lambda: np.array(None),
    "0-d text": lambda: np.array("mse"),
    "an empty array": lambda: np.zeros(0),
    "an array of one": lambda: np.ones(1),
    "a vector": lambda: np.zeros(3),
    "a matrix": lambda: np.arange(6.0).reshape(2, 3),
    "booleans": lambda: np.array([True, False]),
    "an object array": lambda: np.array([None, "a", {}], object),
    "a text array": lambda: np.array(["a", "b"]),
    "a structured array": lambda: np.zeros(2, [("a", int), ("b", float)]),
    "a masked array": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    "masked": lambda: np.ma.masked,
    "Series": lambda: pd.Series([1.0, None]),
    "DataFrame": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "pandas NA": lambda: pd.NA,
    "pandas NaT": lambda: pd.NaT,
    "sparse": lambda: scipy.sparse.csr_array(np.eye(3)),
    "an object": object,
    "a class": lambda: int,
    "a class of annlib": lambda: layers.Dense,
    "a function": lambda: lambda: None,
    "a function of anything": lambda: lambda *a, **k: None,
    "a built-in": lambda: len,
    "a module": lambda: math,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "an error": lambda: ValueError("no"),
    "a dtype": lambda: np.dtype("float32"),
    "a random generator": lambda: np.random.default_rng(0),
    "a path": lambda: os.path,
    "a layer": lambda: layers.Dense(2),
    "a loss": lambda: losses.MeanSquaredError(),
    "a metric": lambda: metrics.BinaryAccuracy(),
    "an optimizer": lambda: optimizers.Adam(),
    "a model": lambda: Sequential([layers.Dense(2)]),
    "__eq__ raises": lambda: _raising("__eq__"),
    "__bool__ raises": lambda: _raising("__bool__"),
    "__len__ raises": lambda: _raising("__len__"),
    "__repr__ raises": lambda: _raising("__repr__"),
    "__hash__ raises": lambda: _raising("__hash__"),
    "__iter__ raises": lambda: _raising("__iter__"),
    "__float__ raises": lambda: _raising("__float__"),
    "__index__ raises": lambda: _raising("__index__"),
}
