"""The one file format of annlib: safetensors that describes itself and carries its digest.

``__metadata__`` has one key, ``annlib``: canonical JSON (sorted, no spaces) of ``format``,
``kind``, the ``annlib`` and ``numpy`` that wrote the file, what the caller adds, and ``sha256``,
the digest of that object without ``sha256`` and then, tensor by tensor in the order of names, of
``["<name>","<dtype>",[<shape>]]`` and the data. It finds accidents, not attackers, who can
recompute it; so nothing that a file says is believed before it is checked.

Long lists of numbers are no text: they are tensors ``lists/<index>``, null stands in their places
in the object, and its key ``lists`` has these places, each as a list of keys and indices.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from reprlib import repr as show  # a file's own words: short, escaped, never deep
from typing import Any, BinaryIO, Literal

import numpy as np

from annlib._version import __version__
from annlib.core.arrays import Array
from annlib.core.errors import ModelFormatError
from annlib.core.files import (
    atomic_write,
    file_object,
    open_file,
    read_object,
    shown,
    write_object,
)
from annlib.core.foreign import HEAD, recognized

Kind = Literal["weights", "model", "checkpoint", "estimator"]
Header = dict[str, Any]
#: Keys and indices, one inside the other.
Path = tuple[Any, ...]

FORMAT = 1
MAX_BYTES = 2**32
_MAX_HEADER = 4 * 2**20
_MAX_TENSORS = 10_000
_MAX_DEPTH = 64
# A few letters can make a list of 56 bytes or a number of 32, and these all of a header.
_MAX_NESTS = 2**16
_MAX_VALUES = 2**18
# Numbers from which a list is long, and how many all long lists together may have, and lists in
# them: of each 40 bytes.
_LONG = 1024
_MAX_LISTED = 2**20
_TYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "U8": "|u1", "BOOL": "|b1"}
_TAGS = {text: tag for tag, text in _TYPES.items()}
_SURROGATE = re.compile("[\ud800-\udfff]")

_DAMAGED = "The file is damaged or cut short: fetch or save it again."
_FOREIGN = "The file is damaged or was not written by annlib."
_TENSORS = (
    "It is a safetensors file of another program, or damaged. safetensors.numpy.load_file(path) "
    "gives its arrays, and model.set_weights takes them into a model that is there."
)
#: What reads each kind.
_READERS = {
    "weights": "It has weights alone: make the model, and call model.load_weights(path).",
    "model": "It has a whole model: annlib.load_model(path).",
    "estimator": "It has an estimator: annlib.load_estimator(path); its network is model_.",
    "checkpoint": "It is of a run that was cut off: fit again, with the same BackupAndRestore.",
}


def write(
    path: str | os.PathLike[str] | BinaryIO,
    kind: Kind,
    header: Header,
    tensors: Mapping[str, Array],
) -> None:
    """Write a file, whole or not at all; the arguments are those of `to_bytes`.

    To an open file object it is written from where that stands.

    Raises
    ------
    ModelFormatError
        If something cannot be stored; nothing has been written then.
    OSError
        If the system refuses; see `annlib.core.files.atomic_write`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/w.safetensors", "weights", {}, {"bias": np.array([0.5, 2.0])})
    ...     read(f"{folder}/w.safetensors", "weights")[1]
    {'bias': array([0.5, 2. ])}
    """
    data = to_bytes(kind, header, tensors)
    if (file := file_object(path)) is not None:
        write_object(file, data, f"{kind} file")
    else:
        atomic_write(shown(path), data)


def read(
    path: str | os.PathLike[str] | BinaryIO, *kinds: Kind, max_bytes: int = MAX_BYTES
) -> tuple[Header, dict[str, Array]]:
    """Read a file of at most ``max_bytes``; the result is that of `from_bytes`.

    An open file object is read from where it stands to its end.

    Raises
    ------
    ModelFormatError
        If the file is anything but a whole, undamaged annlib file of one of these kinds.
    OSError
        If the system cannot open or read it.
    """
    if (given := file_object(path)) is not None:
        return _read_object(given, kinds, max_bytes)
    file = open_file(shown(path))
    with file or nullcontext():
        try:
            _require(file is not None, "file", "a regular file", "a device, pipe or socket")
            assert file is not None, "else it was refused"
            size = os.fstat(file.fileno()).st_size
            limit, hint = f"at most {max_bytes} bytes", "If you trust it, raise max_bytes."
            head = file.read(HEAD)
            _refuse_foreign(head)  # a large file of another kind is not read at all
            _require(size <= max_bytes, "file", limit, f"{size}", hint)
            _header_end(head[:8], size)
            file.seek(0)
            return from_bytes(file.read(size), *kinds)
        except ModelFormatError as error:
            raise ModelFormatError(f"{shown(path)}, {error}") from None


def _read_object(
    file: BinaryIO, kinds: tuple[Kind, ...], max_bytes: int
) -> tuple[Header, dict[str, Array]]:
    data = read_object(file, f"{kinds[0]} file", max_bytes)
    try:
        limit, hint = f"at most {max_bytes} bytes", "If you trust it, raise max_bytes."
        _require(len(data) <= max_bytes, "file", limit, "more", hint)
        hint = "It is read from where it stands: file.seek(0) goes back to the beginning."
        _require(len(data) > 0, "file", "what save wrote", "nothing", hint)
        _refuse_foreign(data[:HEAD])
        return from_bytes(data, *kinds)
    except ModelFormatError as error:
        raise ModelFormatError(f"{shown(file)}, {error}") from None


def to_bytes(kind: Kind, header: Header, tensors: Mapping[str, Array]) -> bytes:
    """Build the content of a file: the same bytes for the same input and versions.

    Parameters
    ----------
    kind : {"weights", "model", "checkpoint", "estimator"}
        What the file holds.
    header : dict
        What JSON can hold: keys are strings, numbers finite, and tuples return as lists.
    tensors : mapping of str to array
        Float64, float32, int64, uint8 or bool; any shape, memory layout and byte order.

    Raises
    ------
    ModelFormatError
        If something cannot be stored; the message names the place.

    Examples
    --------
    >>> data = to_bytes("weights", {"units": [2]}, {"bias": np.array([0.5, 2.0])})
    >>> from_bytes(data, "weights")[0]["units"]
    [2]
    >>> to_bytes("weights", {"units": {2}}, {})
    Traceback (most recent call last):
        ...
    annlib.core.errors.ModelFormatError: header['units']: expected a value that JSON can hold, \
got {2}.
    """
    from safetensors.numpy import save

    body: Header = {"format": FORMAT, "kind": kind, "annlib": __version__, "numpy": np.__version__}
    taken = sorted(header.keys() & {*body, "sha256", "lists"})
    _require(not taken, "header", "other keys than the file's own", f"{taken}")
    _check_plain(header)
    lists: dict[Path, Array] = {}
    body |= _without_long_lists(header, (), lists)
    if lists:
        body["lists"] = [list(place) for place in lists]
    beside = {f"lists/{index}": array for index, array in enumerate(lists.values())}
    arrays = {name: _storable(name, value) for name, value in {**tensors, **beside}.items()}
    text = _canonical({**body, "sha256": _digest(body, arrays)})
    data: bytes = save(arrays, metadata={"annlib": text})
    try:
        _require(len(data) <= MAX_BYTES, "file", f"at most {MAX_BYTES} bytes", f"{len(data)}")
        _parse(data, (kind,))  # a good file is never replaced by one that cannot be read
    except ModelFormatError as error:
        said = str(error).removesuffix(_DAMAGED).removesuffix(_FOREIGN).rstrip()
        raise ModelFormatError(f"{said} No file can hold it, and none was written.") from None
    return data


def from_bytes(data: bytes, *kinds: Kind) -> tuple[Header, dict[str, Array]]:
    """Check and take apart the content of a file: run, open and import nothing.

    Returns
    -------
    header : dict
        What was given to `to_bytes`, and ``format``, ``kind``, ``annlib`` and ``numpy``.
    tensors : dict of str to array
        In the order of names; arrays of their own, C-contiguous, in native byte order.

    Raises
    ------
    ModelFormatError
        If anything is not as `to_bytes` makes it, or of another kind.
    """
    header, tensors = _parse(data, kinds)
    for name, array in tensors.items():
        tensors[name] = array.astype(array.dtype.newbyteorder("="))
    return header, tensors


def _parse(data: bytes, kinds: tuple[Kind, ...]) -> tuple[Header, dict[str, Array]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    start = _header_end(data[:8], len(data))
    # What is not UTF-8 becomes lone surrogates, which none of the checks below lets pass.
    entries = _loads("file header", data[8:start].decode(errors="surrogateescape"))
    metadata = entries.pop("__metadata__", None)
    own = type(metadata) is dict and [*metadata] == ["annlib"] and type(metadata["annlib"]) is str
    _require(own, "file header", "metadata of the one key 'annlib'", show(metadata), _TENSORS)
    body = _check_body(metadata["annlib"], kinds)
    _check_layout(entries, len(data) - start)
    try:
        raw = load(data)
    except SafetensorError as error:
        raise _error("file", "a safetensors file", str(error), _DAMAGED) from None
    tensors = {name: raw[name].view(_TYPES[entries[name]["dtype"]]) for name in sorted(raw)}
    for name, array in tensors.items():
        bits = array.dtype != np.bool_ or bool((array.view(np.uint8) <= 1).all())
        _require(bits, f"tensor {show(name)}", "bytes 0 and 1 as booleans", "others", _FOREIGN)
    stored, found = body.pop("sha256", None), _digest(body, tensors)
    _require(stored == found, "file", f"content of SHA-256 {show(stored)}", show(found), _DAMAGED)
    _put_long_lists(body, tensors)
    return body, tensors


def _refuse_foreign(head: bytes) -> None:
    """Raise for a file of another program, by what it begins with."""
    # A safetensors file may begin with any byte, that of its length.
    if head[8:9] != b"{" and (form := recognized(head)) is not None:
        raise _error("file", "what annlib wrote", form.name, f"{form.into}.")


def _header_end(head: bytes, size: int) -> int:
    """Where the header ends, from the first 8 of ``size`` bytes."""
    _require(size >= 8, "file", "at least 8 bytes", f"{size}", _DAMAGED)
    length, limit = int.from_bytes(head, "little"), min(_MAX_HEADER, size - 8)
    _require(length <= limit, "file header", f"at most {limit} bytes", f"{length}", _FOREIGN)
    return 8 + length


def _check_body(text: str, kinds: tuple[Kind, ...]) -> Header:
    body = _loads("annlib header", text)
    number, found = body.get("format"), show(body.get("format"))
    _require(type(number) is int and number >= 1, "format", "a number from 1", found, _FOREIGN)
    found += f", written by annlib {show(body.get('annlib'))}"
    newest = f"at most {FORMAT}, the newest that annlib {__version__} reads"
    _require(body["format"] <= FORMAT, "format", newest, found, "Upgrade annlib.")
    _check_plain(body)
    # One text for one content: another spelling was changed after it was written.
    _require(_canonical(body) == text, "annlib header", "canonical JSON", show(text), _DAMAGED)
    kind, known = body.get("kind"), " or ".join(map(repr, kinds))
    hint = _READERS.get(kind, _FOREIGN) if isinstance(kind, str) else _FOREIGN
    _require(kind in kinds, "kind", known, show(kind), hint)
    for key in ("annlib", "numpy"):
        _require(type(body.get(key)) is str, key, "a version", show(body.get(key)), _FOREIGN)
    return body


def _check_layout(entries: Header, size: int) -> None:
    """Refuse tensors that no annlib wrote, and data not covered exactly, in the header's order."""
    count, end = len(entries), 0
    _require(count <= _MAX_TENSORS, "file", f"at most {_MAX_TENSORS} tensors", f"{count}", _FOREIGN)
    for name, entry in entries.items():
        where, found = f"tensor {show(name)}", show(entry)
        _require(name.isprintable(), where, "a printable name", "control characters", _FOREIGN)
        _require(type(entry) is dict, where, "a JSON object", found, _FOREIGN)
        tag, shape = entry.get("dtype"), entry.get("shape")
        known = type(tag) is str and tag in _TYPES
        _require(known, where, f"a dtype of {', '.join(_TYPES)}", found, _FOREIGN)
        sizes = type(shape) is list and all(type(n) is int and 0 <= n < 2**59 for n in shape)
        # Bounded even where a zero makes the array empty, as NumPy and safetensors have it.
        sizes = sizes and len(shape) <= 32 and math.prod(max(n, 1) for n in shape) < 2**59
        _require(sizes, where, "a shape", found, _FOREIGN)
        begin, end = end, end + math.prod(shape) * np.dtype(_TYPES[tag]).itemsize
        exact = entry == {"dtype": tag, "shape": shape, "data_offsets": [begin, end]}
        _require(exact, where, f"data_offsets [{begin}, {end}]", found, _DAMAGED)
    _require(end == size, "file", f"{end} bytes of data", f"{size}", _DAMAGED)


def _loads(where: str, text: str) -> Header:
    """One JSON object, in which a key that stands twice is an error; and every error is ours."""
    import json

    def unique(pairs: list[tuple[str, Any]]) -> Header:
        found = dict(pairs)
        _require(len(found) == len(pairs), where, "each key once", "one of them twice", _FOREIGN)
        return found

    nests, values = text.count("{") + text.count("["), text.count(",")
    most = f"JSON of at most {_MAX_NESTS} objects and lists, and {_MAX_VALUES} commas"
    few = nests <= _MAX_NESTS and values <= _MAX_VALUES
    _require(few, where, most, f"{nests} and {values}", _FOREIGN)
    # Not a space in front: what begins with a brace is no file of another format as well.
    _require(text.startswith("{"), where, "a JSON object", show(text), _FOREIGN)
    try:
        return json.loads(text, object_pairs_hook=unique)  # type: ignore[no-any-return]
    except ModelFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise _error(where, "JSON", show(str(error)), _DAMAGED) from None


def _canonical(value: Any) -> str:
    import json

    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _check_plain(value: Any, path: tuple[object, ...] = ()) -> None:
    """Refuse what JSON cannot hold or brings back changed, and what trips the next reader."""
    children: Iterable[tuple[object, Any]] = ()
    if value is None or isinstance(value, int):
        fine = value is None or abs(value) < 2**128  # the state of a random generator
    elif isinstance(value, float):
        fine = math.isfinite(value)
    elif isinstance(value, str):
        fine = not _SURROGATE.search(value)
    elif isinstance(value, dict):
        children = value.items()
        fine = all(isinstance(key, str) and not _SURROGATE.search(key) for key in value)
    elif fine := isinstance(value, (list, tuple)):
        children = enumerate(value)
    if not fine or len(path) > _MAX_DEPTH:
        where = "header" + "".join(f"[{show(key)}]" for key in path[:8])
        raise _error(where, "a value that JSON can hold", show(value))
    for key, child in children:
        _check_plain(child, (*path, key))


def _without_long_lists(value: Any, place: Path, lists: dict[Path, Array]) -> Any:
    """``value`` with None for its long lists of numbers, which ``lists`` gets by their places."""
    if isinstance(value, dict):
        return {key: _without_long_lists(v, (*place, key), lists) for key, v in value.items()}
    if not isinstance(value, list | tuple):
        return value
    array = _as_array(value)
    if array is None or array.size <= _LONG:
        return [_without_long_lists(v, (*place, index), lists) for index, v in enumerate(value)]
    lists[place] = array
    return None


def _as_array(items: Any) -> Array | None:
    """A list of floats or of ints, or of such lists that are alike, as an array; else None."""
    types = {type(item) for item in items}
    if types == {float}:
        return np.array(items)
    if types == {int} and all(abs(item) < 2**63 for item in items):
        return np.array(items, np.int64)
    if types <= {list, tuple}:
        parts = [_as_array(item) for item in items]
        same = {part is not None and (part.shape, part.dtype.str) for part in parts}
        if len(same) == 1 and False not in same:
            return np.stack(parts)  # type: ignore[arg-type]  # none of them is None
    return None


def _put_long_lists(body: Header, tensors: dict[str, Array]) -> None:
    """Undo ``_without_long_lists``; what is there is counted before it is made."""
    places = body.pop("lists", [])
    _require(type(places) is list, "lists", "a list of places", show(places), _FOREIGN)
    names = [f"lists/{index}" for index in range(len(places))]
    numbers = 0
    for name in names:
        array = tensors.get(name)
        fine = array is not None and array.ndim > 0 and array.dtype.kind in "fi"
        _require(fine, name, "numbers", "none", _FOREIGN)
        assert array is not None, "else it was refused"
        numbers += sum(math.prod(array.shape[:axes]) for axes in range(1, array.ndim + 1))
    most = f"at most {_MAX_LISTED} numbers in long lists"
    _require(numbers <= _MAX_LISTED, "header", most, f"{numbers}", "Make them weights of a layer.")
    for name, place in zip(names, places, strict=True):
        array = tensors.pop(name)
        finite = array.dtype.kind == "i" or bool(np.isfinite(array).all())
        _require(finite, name, "finite numbers", "others", _FOREIGN)
        inner: Any = body
        try:
            *way, last = place
            for key in way:
                inner = inner[key]
            found = inner[last]
        except (TypeError, ValueError, LookupError):
            found = place
        _require(found is None, "lists", "places of null", show(place), _FOREIGN)
        inner[last] = array.tolist()


def _digest(body: Header, tensors: Mapping[str, Array]) -> str:
    import hashlib

    digest = hashlib.sha256(_canonical(body).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(_canonical([name, _TAGS[array.dtype.str], array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()


def _storable(name: str, value: Array) -> Array:
    """Little-endian in C order: safetensors 0.8 writes other layouts wrong, without a word."""
    where, known = f"tensor {name!r}", f"a dtype of {', '.join(_TYPES)}"
    _require(name.isprintable(), where, "a printable name", "control characters")
    stored = value.dtype.str.replace(">", "<")
    _require(stored in _TAGS, where, known, f"{value.dtype}", "Convert it.")
    return np.asarray(value, stored, order="C")


def _require(fine: bool, where: str, expected: str, got: str, hint: str = "") -> None:
    if not fine:
        raise _error(where, expected, got, hint)


def _error(where: str, expected: str, got: str, hint: str = "") -> ModelFormatError:
    return ModelFormatError(f"{where}: expected {expected}, got {got}. {hint}".rstrip())
