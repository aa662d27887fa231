"""Lists of integers in the .npz files that Keras keeps, where NumPy has stored them as objects.

NumPy writes an array of objects as a pickle: a program, whose steps are bytes. Here it is read and
never run. Its beginning, where an array is made, must be the one that NumPy writes, letter by
letter; behind that only the steps are known by which lists and small integers are put into lists.
"""

from __future__ import annotations

import re
import zipfile
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DataError

#: Bytes of the largest array that is read; the published ones have some 20 million.
_MOST = 1 << 25
_INTEGER = rb"K.|M..|J...."
# Steps that keep a value for later, which is never asked for, or say how long the next steps are.
_KEEP = rb"(?:q.|r....|\x94)?"
_SKIP = rb"q.|r....|\x94|\x95.{8}"


def _text(*texts: str) -> bytes:
    """One of these texts, in each of the ways to write it; or one that was kept."""
    either = b"|".join(re.escape(text.encode()) for text in texts)
    return rb"(?:(?:X....|U.|C.|\x8c.)(?:" + either + rb")|h.|j....)" + _KEEP


def _name(module: str, name: str) -> bytes:
    """A name of a module: in two lines, or as two texts."""
    modules = (module, module.replace("_core", "core"))
    lines = b"|".join(re.escape(f"c{each}\n{name}\n".encode()) for each in dict.fromkeys(modules))
    return b"(?:" + lines + b"|" + _text(*modules) + _text(name) + rb"\x93)" + _KEEP


#: What NumPy writes in front of the elements of a vector of objects.
_BEGINNING = re.compile(
    rb"\x80[\x02-\x05](?:\x95.{8})?"
    + _name("numpy._core.multiarray", "_reconstruct")
    + _name("numpy", "ndarray")
    + rb"K\x00\x85"
    + _KEEP
    + b"(?:"
    + _name("_codecs", "encode")
    + _text("b")
    + _text("latin1")
    + rb"\x86"
    + _KEEP
    + b"R|"
    + _text("b")
    + b")"
    + _KEEP
    + rb"\x87"
    + _KEEP
    + b"R"
    + _KEEP
    + rb"\(K\x01(?:"
    + _INTEGER
    + rb")\x85"
    + _KEEP
    + _name("numpy", "dtype")
    + _text("O8", "O")
    + rb"(?:K.|\x88|\x89){2}\x87"
    + _KEEP
    + b"R"
    + _KEEP
    + rb"\(K\x03"
    + _text("|")
    + rb"NNNJ.{4}J.{4}K.t"
    + _KEEP
    + rb"b\x89",
    re.DOTALL,
)
_STEP = re.compile(
    rb"(?P<integers>(?:" + _INTEGER + rb")+)|(?P<list>\])|(?P<mark>\()|(?P<items>e)|(?P<item>a)"
    rb"|(?P<skip>" + _SKIP + rb")|(?P<end>t" + _KEEP + rb"b\.\Z)",
    re.DOTALL,
)
_ONE = re.compile(_INTEGER, re.DOTALL)


class _Values(dict[bytes, int]):
    """Integers by how they are written; each is worked out once."""

    def __missing__(self, written: bytes) -> int:
        value = int.from_bytes(written[1:], "little", signed=len(written) > 3)
        self[written] = value
        return value


def read(path: str, lists: tuple[str, ...], labels: tuple[str, ...], where: str) -> list[Any]:
    """What a file holds under these keys: lists of lists of integers, then vectors of labels.

    Raises
    ------
    DataError
        If the file has others, or anything else in their place.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            rows = [_lists(*_entry(archive, key)) for key in lists]
            of_rows = [_labels(*_entry(archive, key)) for key in labels]
        if [*map(len, rows)] != [*map(len, of_rows)]:
            raise ValueError(f"{[*map(len, rows)]} lists and {[*map(len, of_rows)]} labels")
        return [*rows, *of_rows]
    # Damage shows as errors of NumPy, zipfile, zlib or the operating system.
    except Exception as error:
        raise DataError(
            f"{where}: expected lists of integers ({', '.join(lists)}) and labels "
            f"({', '.join(labels)}) in {path}, got {type(error).__name__}: {error}. Remove the "
            "file to have it fetched again."
        ) from error


def _entry(archive: zipfile.ZipFile, key: str) -> tuple[bytes, int, np.dtype[Any]]:
    """The bytes of a vector, its length and its type."""
    with archive.open(f"{key}.npy") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{key} in another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        data = stream.read(_MOST + 1)
    if len(shape) != 1 or len(data) > _MOST:
        raise ValueError(f"{key} of shape {shape}")
    return data, shape[0], dtype


def _labels(data: bytes, rows: int, dtype: np.dtype[Any]) -> Array:
    if dtype.kind not in "iu" or len(data) != rows * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes of {dtype} for {rows} labels")
    return np.frombuffer(data, dtype).astype(np.int64)


def _lists(data: bytes, rows: int, dtype: np.dtype[Any]) -> list[list[int]]:
    beginning = _BEGINNING.match(data)
    if not dtype.hasobject or beginning is None:
        raise ValueError(f"{dtype} where a vector of lists was expected")
    at, values, kind = beginning.end(), _Values(), None
    stack: list[Any] = []
    marks: list[int] = []
    while kind != "end":
        step = _STEP.match(data, at)
        if step is None:
            raise ValueError(f"a step that no list of integers has, {data[at : at + 1]!r}")
        at, kind = step.end(), step.lastgroup
        if kind == "integers":
            stack += map(values.__getitem__, _ONE.findall(step[0]))
        elif kind == "list":
            stack.append([])
        elif kind == "mark":
            marks.append(len(stack))
        elif kind in ("items", "item"):
            first = marks.pop() if kind == "items" else len(stack) - 1
            items = stack[first:]
            del stack[first:]
            if not stack or type(stack[-1]) is not list:
                raise ValueError("items of no list")
            stack[-1] += items
    if marks or len(stack) != 1 or type(stack[0]) is not list or len(stack[0]) != rows:
        raise ValueError(f"no {rows} lists")
    for row in stack[0]:
        if type(row) is not list or not {*map(type, row)} <= {int}:
            raise ValueError("a list of something else than integers")
    return stack[0]
