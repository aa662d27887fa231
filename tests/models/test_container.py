"""The container gives back exactly what was put in, or an error; nothing in a file is believed.

Run as a script, this file is the fuzzer: an audit hook cannot be removed, so it gets a process of
its own.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import itertools
import json
import math
import os
import pickle
import random
import re
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import annlib
from annlib._version import __version__
from annlib.core.arrays import Array
from annlib.core.errors import ModelFormatError
from annlib.saving import container
from annlib.saving.container import from_bytes, to_bytes

GRAMMAR = re.compile(r"^[^:]+: expected .+, got .+\.", re.DOTALL)
HEADER = {"config": {"layers": [{"class": "Dense", "name": "hidden é", "units": 2}]}, "rate": 1e-3}
TENSORS = {
    "layers/0/W": np.arange(6, dtype="f4").reshape(2, 3),
    "layers/0/b": np.array([0.5, -0.0, np.nan]),
    "train/step": np.array(7, dtype="i8"),
    "train/mask": np.array([True, False, True]),
    "train/image": np.array([[1, 255]], dtype="u1"),
    "train/none": np.zeros((0, 3)),
}
SMALL = to_bytes("weights", HEADER, TENSORS)


# An independent reader and writer of the format, by its specification; they check nothing.


def take_apart(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The outer header without the metadata, the annlib header, the data."""
    (length,) = struct.unpack("<Q", data[:8])
    outer = json.loads(data[8 : 8 + length])
    body = json.loads(outer.pop("__metadata__")["annlib"])
    return outer, body, data[8 + length :]


def put_together(outer: object, data: bytes = b"") -> bytes:
    text = outer if isinstance(outer, bytes) else json.dumps(outer).encode()
    return struct.pack("<Q", len(text)) + text + data


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def forge(
    outer: dict[str, Any], body: dict[str, Any], data: bytes, text: str | None = None
) -> bytes:
    """A file whose digest is right, as any attacker can make it."""
    body = {key: value for key, value in body.items() if key != "sha256"}
    digest = hashlib.sha256(canonical(body).encode())
    for name in sorted(outer):
        entry = outer[name]
        begin, end = entry["data_offsets"]
        digest.update(canonical([name, entry["dtype"], entry["shape"]]).encode())
        digest.update(data[begin:end])
    body["sha256"] = digest.hexdigest()
    return put_together({"__metadata__": {"annlib": text or canonical(body)}, **outer}, data)


def assert_same(found: dict[str, Array], expected: dict[str, Array]) -> None:
    assert list(found) == sorted(expected)
    for name, array in expected.items():
        twin = found[name]
        assert (twin.shape, twin.dtype) == (array.shape, array.dtype.newbyteorder("=")), name
        assert twin.tobytes() == array.astype(twin.dtype).tobytes(), name
        assert twin.dtype.isnative
        assert twin.flags.owndata
        assert twin.flags.c_contiguous
        assert twin.flags.writeable


def layouts(dtype: str) -> dict[str, Array]:
    base = (np.arange(24).reshape(4, 6) % 5).astype(dtype)
    frozen = base.copy()
    frozen.setflags(write=False)
    return {
        "C": base,
        "F": np.asfortranarray(base),
        "transposed": base.T,
        "strided": base[:, ::2],
        "reversed": base[::-1],
        "broadcast": np.broadcast_to(base[0], (3, 6)),
        "big-endian": base.astype(base.dtype.newbyteorder(">")),
        "big-endian and transposed": base.astype(base.dtype.newbyteorder(">")).T,
        "read-only": frozen,
        "empty": base[:0],
        "empty column": base[:, 3:3].T,
        "0-d": base[1, 1:2].reshape(()),
        "column of one": base[:, 1:2],
        "offset": np.frombuffer(b"\0" + base.tobytes(), dtype, offset=1).reshape(base.shape),
    }


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?"])
def test_every_memory_layout_comes_back_bit_by_bit(dtype: str) -> None:
    arrays = layouts(dtype)
    data = to_bytes("weights", HEADER, arrays)
    header, found = from_bytes(data, "weights")
    assert_same(found, arrays)
    assert header == {
        **HEADER, "format": 1, "kind": "weights", "annlib": __version__, "numpy": np.__version__
    }  # fmt: skip
    # What any other reader of safetensors sees in the file.
    raw = safetensors.numpy.load(data)
    assert_same({name: raw[name].copy() for name in sorted(raw)}, arrays)


def test_safetensors_alone_is_why_arrays_are_made_contiguous() -> None:
    array = np.arange(6.0).reshape(2, 3).T
    found = safetensors.numpy.load(safetensors.numpy.save({"x": array}))["x"]
    if tuple(map(int, safetensors.__version__.split(".")[:2])) == (0, 8):
        assert not np.array_equal(found, array)
    assert np.array_equal(
        from_bytes(to_bytes("weights", {}, {"x": array}), "weights")[1]["x"], array
    )


def test_the_file_is_laid_out_as_documented() -> None:
    outer, body, data = take_apart(SMALL)
    length = struct.unpack("<Q", SMALL[:8])[0]
    metadata = json.loads(SMALL[8 : 8 + length])["__metadata__"]
    assert metadata == {"annlib": canonical(body)}
    assert take_apart(forge(outer, body, data))[1] == body  # with the same digest
    assert set(outer) == set(TENSORS)


def test_the_numbers_of_a_random_generator_fit_into_the_header() -> None:
    state = {"big": 2**128 - 1, "tiny": 5e-324, "huge": 1.7976931348623157e308, "none": None}
    assert from_bytes(to_bytes("weights", state, {}), "weights")[0].items() >= state.items()


def test_the_result_shares_no_memory_with_the_bytes() -> None:
    data = bytes(bytearray(SMALL))
    tensors = from_bytes(data, "weights")[1]
    for array in tensors.values():
        array[...] = 1
    assert data == SMALL
    assert_same(from_bytes(data, "weights")[1], TENSORS)


def test_the_bytes_do_not_depend_on_order_process_or_hash_seed() -> None:
    turned = dict(reversed(TENSORS.items()))
    assert to_bytes("weights", dict(reversed(HEADER.items())), turned) == SMALL
    for seed in ("1", "2"):
        printed = in_a_process(__file__, "bytes", PYTHONHASHSEED=seed)
        assert printed.strip() == hashlib.sha256(SMALL).hexdigest()


def in_a_process(*arguments: str, **environment: str) -> str:
    root = str(Path(annlib.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# Damage


def test_every_bit_flip_is_refused() -> None:
    unnoticed = 0
    for position in range(8 * len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(ModelFormatError):
            from_bytes(bytes(damaged), "weights")
        with contextlib.suppress(Exception):
            safetensors.numpy.load(bytes(damaged))
            unnoticed += 1
    assert unnoticed > len(SMALL)  # without the digest, thousands of these load


def test_every_truncation_and_extension_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short"
    for length in range(len(SMALL)):
        with pytest.raises(ModelFormatError):
            from_bytes(SMALL[:length], "weights")
        if length % 37 == 0:
            path.write_bytes(SMALL[:length])
            with pytest.raises(ModelFormatError):
                container.read(path, "weights")
    for tail in (b"\0", b" ", b"\0" * 8, SMALL):
        with pytest.raises(ModelFormatError):
            from_bytes(SMALL + tail, "weights")


def test_random_edits_of_a_larger_file_are_refused() -> None:
    rng = np.random.default_rng(0)
    data = to_bytes("weights", HEADER, {"w": rng.normal(size=100_000)})
    for _ in range(100):
        damaged = np.frombuffer(data, "u1").copy()
        places = rng.integers(len(data), size=rng.integers(1, 9))
        damaged[places] ^= rng.integers(1, 256, size=len(places), dtype="u1")
        if damaged.tobytes() != data:
            with pytest.raises(ModelFormatError):
                from_bytes(damaged.tobytes(), "weights")


# Attacks: one file each, and what the message has to say


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 0",)


def zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", "{}")
    return buffer.getvalue()


def npz_file() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, w=np.ones(100))
    return buffer.getvalue()


def attacks() -> dict[str, tuple[bytes, str]]:
    outer, body, data = take_apart(SMALL)
    metadata = json.loads(SMALL[8 : 8 + struct.unpack("<Q", SMALL[:8])[0]])["__metadata__"]
    meta = json.dumps(metadata).encode()
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}

    def header(**changes: object) -> bytes:
        return forge(outer, {**body, **changes}, data)

    def without(key: str) -> bytes:
        text = canonical({k: v for k, v in body.items() if k != key})
        return forge(outer, body, data, text)

    def spelled(text: str) -> bytes:
        return forge(outer, body, data, text)

    def one(entry: object, payload: bytes = bytes(8), name: str = "w") -> bytes:
        """One tensor; the digest is right where that can be."""
        try:
            return forge({name: entry}, body, payload)
        except (TypeError, ValueError, KeyError):
            return put_together({"__metadata__": metadata, name: entry}, payload)

    def entry(
        dtype: object = "F64", shape: object = (1,), offsets: object = (0, 8)
    ) -> dict[str, Any]:
        return {"dtype": dtype, "shape": shape, "data_offsets": offsets}

    def two(first: list[int], second: list[int], size: int) -> bytes:
        pair = {"a": entry(offsets=first), "b": entry(offsets=second)}
        return forge(pair, body, bytes(size))

    text = canonical(body)
    return {
        "empty file": (b"", "at least 8 bytes"),
        "pickle 2": (pickle.dumps(Payload(), 2), "got a pickle"),
        "pickle 5": (pickle.dumps(Payload(), 5), "got a pickle"),
        "zip": (zip_file(), "got Keras' format"),
        "npz": (npz_file(), "got NumPy's format"),
        "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(512), "got HDF5, as Keras writes it"),
        "onnx": (b"\x08\x07\x12\x07pytorch" + bytes(64), "got ONNX"),
        "text": (b'{"layers": []}' + b" " * 64, "got a text"),
        "length 2**64-1": (b"\xff" * 8 + bytes(64), "18446744073709551615"),
        "length one past the end": (struct.pack("<Q", 65) + bytes(64), "at most 64 bytes"),
        "header of 5 MiB": (put_together(b"{" + b" " * (5 * 2**20) + b"}"), "at most 4194304"),
        "300,000 tensors": (
            put_together({"__metadata__": metadata, **{f"t{i}": empty for i in range(300_000)}}),
            "at most 4194304",
        ),
        "10,001 tensors": (
            put_together({"__metadata__": metadata, **{f"t{i}": empty for i in range(10_001)}}),
            "at most 10000 tensors",
        ),
        "deep JSON": (put_together(b'{"a":' + b"[" * 100_000), "JSON"),
        "deep JSON that is complete": (
            put_together(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
            "JSON",
        ),
        "deep annlib header": (header(a=json.loads("[" * 80 + "]" * 80)), "header['a'][0]"),
        "deeper annlib header": (spelled('{"a":' + "[" * 100_000), "JSON of at most"),
        "no JSON": (put_together(b"{]"), "JSON"),
        "a list": (put_together([1]), "a JSON object"),
        "no UTF-8": (put_together(b'{"__metadata__":%s,"\xff":{}}' % meta), "a printable name"),
        "UTF-16": (put_together('{"a": {}}'.encode("utf-16")), "a JSON object"),
        "leading space": (
            put_together(b" " + SMALL[8 : len(SMALL) - len(data)], data),
            "a JSON object",
        ),
        "a float with integer value": (one(entry(offsets=[0.0, 8])), "a safetensors file"),
        "minus zero": (
            put_together(b'{"__metadata__":%s,"w":%s}' % (
                meta, b'{"dtype":"F64","shape":[-0],"data_offsets":[0,0]}')),
            "a safetensors file",
        ),
        "duplicate __metadata__": (
            put_together(b'{"__metadata__":%s,"__metadata__":%s}' % (meta, meta)),
            "each key once",
        ),
        "duplicate tensor": (
            put_together(
                b'{"__metadata__":%s,"w":%s,"w":%s}'
                % (meta, json.dumps(entry()).encode(), json.dumps(entry()).encode()),
                bytes(8),
            ),
            "each key once",
        ),
        "duplicate key in the annlib header": (
            spelled(text.replace('"format":1', '"format":1,"format":1')),
            "each key once",
        ),
        "NaN": (spelled(text.replace("0.001", "NaN")), "header['rate']"),
        "Infinity": (spelled(text.replace("0.001", "-Infinity")), "header['rate']"),
        "1e999": (spelled(text.replace("0.001", "1e999")), "header['rate']"),
        "2**128": (header(rate=2**128), "header['rate']"),
        "a million digits": (spelled(text.replace("0.001", "1" * 10**6)), "JSON"),
        "lone surrogate": (header(rate="\ud800"), "header['rate']"),
        "lone surrogate as key": (header(rate={"\udfff": 1}), "header['rate']"),
        "spaces": (spelled(json.dumps(body)), "canonical JSON"),
        "raw unicode": (
            spelled(text.replace(r"\u00e9", "é")),
            "canonical JSON",
        ),
        "annlib header is a list": (spelled("[]"), "a JSON object"),
        "no metadata": (put_together(outer, data), "metadata of the one key"),
        "metadata of another program": (
            put_together({"__metadata__": {"format": "pt"}, **outer}, data),
            "metadata of the one key",
        ),
        "two metadata keys": (
            put_together({"__metadata__": {**metadata, "x": "y"}, **outer}, data),
            "metadata of the one key",
        ),
        "metadata is no text": (
            put_together({"__metadata__": {"annlib": body}, **outer}, data),
            "metadata of the one key",
        ),
        "newer format": (header(format=2, annlib="9.8.7"), "9.8.7"),
        "newer format with new rules": (
            put_together({"__metadata__": {"annlib": '{"format": 3, "annlib": "9.8.7"}'}}),
            f"annlib {__version__} reads",
        ),
        "format 0": (header(format=0), "format"),
        "format True": (header(format=True), "format"),
        "format 1.0": (header(format=1.0), "format"),
        "no format": (without("format"), "format"),
        "format is text": (header(format="<b>" * 1000), "format"),
        "wrong kind": (header(kind="checkpoint"), "'checkpoint'"),
        "no kind": (without("kind"), "kind"),
        "kind is a list": (header(kind=["weights"]), "kind"),
        "annlib is a number": (header(annlib=3), "annlib"),
        "no numpy": (without("numpy"), "numpy"),
        "no digest": (without("sha256"), "SHA-256"),
        "digest null": (spelled(canonical({**body, "sha256": None})), "SHA-256"),
        "digest of something else": (
            spelled(canonical({**body, "sha256": hashlib.sha256().hexdigest()})),
            "SHA-256",
        ),
        "digest in capitals": (
            spelled(canonical({**body, "sha256": body["sha256"].upper()})),
            "SHA-256",
        ),
        "BF16": (one(entry("BF16", [4])), "a dtype of"),
        "F16": (one(entry("F16", [4])), "a dtype of"),
        "dtype is a list": (one(entry(["F64"])), "a dtype of"),
        "unknown dtype": (one(entry("os.system")), "a dtype of"),
        "negative shape": (one(entry(shape=[-1])), "a shape"),
        "two negatives": (one(entry(shape=[-1, -1])), "a shape"),
        "huge shape": (one(entry(shape=[2**62])), "a shape"),
        "huge empty shape": (one(entry(shape=[0, 2**62], offsets=[0, 0]), b""), "a shape"),
        "overflowing empty shape": (
            one(entry(shape=[0, 2**40, 2**40], offsets=[0, 0]), b""),
            "a shape",
        ),
        "overflowing to the right size": (one(entry(shape=[2**32, 2**32 + 1])), "a shape"),
        "50,000 dimensions": (one(entry(shape=[1] * 50_000)), "a shape"),
        "33 dimensions": (one(entry(shape=[1] * 33)), "a shape"),
        "shape True": (one(entry(shape=[True])), "a shape"),
        "shape 1.0": (one(entry(shape=[1.0])), "a shape"),
        "shape is a number": (one(entry(shape=1)), "a shape"),
        "nested shape": (one(entry(shape=[[1]])), "a shape"),
        "declared larger than stored": (one(entry(shape=[10**9])), "data_offsets"),
        "offsets backwards": (one(entry(offsets=[8, 0])), "data_offsets"),
        "offsets outside": (one(entry(shape=[2], offsets=[0, 16])), "bytes of data"),
        "offsets huge": (one(entry(offsets=[0, 2**64])), "data_offsets"),
        "three offsets": (one(entry(offsets=[0, 8, 8])), "data_offsets"),
        "extra key": (one({**entry(), "compression": "zip"}), "data_offsets"),
        "tensor is a list": (one([1]), "a JSON object"),
        "hole": (two([0, 8], [16, 24], 24), "data_offsets [8, 16]"),
        "hole in front": (one(entry(offsets=[8, 16]), bytes(16)), "data_offsets [0, 8]"),
        "hole at the end": (one(entry(), bytes(16)), "8 bytes of data"),
        "overlap": (two([0, 8], [0, 8], 8), "data_offsets [8, 16]"),
        "partial overlap": (two([0, 8], [4, 12], 12), "data_offsets [8, 16]"),
        "boolean 2": (one(entry("BOOL", [8]), b"\0\1\2\0\0\0\0\0"), "0 and 1"),
        "name with a newline": (one(entry(), name="a\nb"), "a printable name"),
        "name with an escape": (one(entry(), name="\x1b[31m"), "a printable name"),
        "name with a surrogate": (one(entry(), name="\ud800"), "a printable name"),
    }  # fmt: skip


ATTACKS = attacks()


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused_at_once(name: str, tmp_path: Path) -> None:
    data, word = ATTACKS[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(ModelFormatError, match=re.escape(word)) as caught:
        container.read(path, "weights")
    assert time.process_time() - start < 1
    message = str(caught.value).removeprefix(f"{path}, ")
    assert GRAMMAR.match(message)
    assert len(message) < 500
    assert message.isprintable()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_forged_files_that_are_well_formed_load() -> None:
    """Without this, `forge` might be refused for a reason that no attack meant."""
    outer, body, data = take_apart(SMALL)
    assert_same(from_bytes(forge(outer, body, data), "weights")[1], TENSORS)
    outer["layers/0/W"]["shape"] = [3, 2]
    found = from_bytes(forge(outer, {**body, "rate": 2}, data), "weights")
    assert found[0]["rate"] == 2
    assert found[1]["layers/0/W"].shape == (3, 2)


def test_mutants_run_nothing_and_raise_one_error() -> None:
    report = json.loads(in_a_process(__file__, "fuzz", "20000"))
    assert report["escaped"] == []
    assert report["events"] == []
    assert report["changed"] == 0
    assert report["refused"] > 10_000
    # The control: the mutants do reach a loader that does not check, and the hook does hear.
    assert report["changed without digest"] > 50
    assert report["forged and loaded"] > 100
    assert report["heard"] == ["open"]
    assert report["slowest"] < 1


# Files


def test_a_file_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    container.write(path, "checkpoint", HEADER, TENSORS)
    header, tensors = container.read(str(path), "checkpoint")
    assert header["config"] == HEADER["config"]
    assert_same(tensors, TENSORS)
    assert path.read_bytes() == to_bytes("checkpoint", HEADER, TENSORS)


def test_errors_of_the_system_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        container.read(tmp_path / "none", "weights")
    with pytest.raises(IsADirectoryError):
        container.read(tmp_path, "weights")
    with pytest.raises(FileNotFoundError):
        container.write(tmp_path / "none" / "w", "weights", {}, {})


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(SMALL)
    container.read(path, "weights", max_bytes=len(SMALL))
    with pytest.raises(ModelFormatError, match=f"at most {len(SMALL) - 1} bytes, got {len(SMALL)}"):
        container.read(path, "weights", max_bytes=len(SMALL) - 1)
    os.truncate(path, 2**40)  # sparse: it takes no space, and could never be read
    with pytest.raises(ModelFormatError, match="at most 4294967296 bytes"):
        container.read(path, "weights")


def test_a_large_file_of_another_kind_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.write_bytes(zip_file())
    os.truncate(path, 2**32)
    monkeypatch.setattr(container, "from_bytes", None)
    with pytest.raises(ModelFormatError, match="got Keras' format"):
        container.read(path, "weights")


def test_a_device_is_not_read() -> None:
    with pytest.raises(ModelFormatError, match="a regular file"):
        container.read("/dev/zero", "weights")


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ({"config": {"layers": [1, {"call": np.tanh}]}}, "['config']['layers'][1]['call']"),
        ({"a": np.float32(1)}, "['a']"),
        ({"a": {1, 2}}, "['a']"),
        ({"a": b"bytes"}, "['a']"),
        ({"a": float("nan")}, "['a']"),
        ({"a": [0, float("inf")]}, "['a'][1]"),
        ({"a": {1: "one"}}, "['a']"),
        ({"a": -(2**128)}, "['a']"),
        ({"a": "\ud800"}, "['a']"),
        ({"sha256": ""}, "sha256"),
        ({"format": 1, "kind": "model"}, "['format', 'kind']"),
        ({"a": "x" * 5_000_000}, "at most"),
    ],
)  # fmt: skip
def test_a_header_that_would_come_back_changed_is_refused(
    header: dict[str, Any], place: str, tmp_path: Path
) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"old")
    with pytest.raises(ModelFormatError, match=re.escape(place)) as caught:
        container.write(path, "weights", header, TENSORS)
    assert GRAMMAR.match(str(caught.value))
    assert path.read_bytes() == b"old"


LONG = {
    "floats": [0.1 * n for n in range(1025)],
    "whole numbers": [[n, -n] for n in range(2**62, 2**62 + 600)],
    "an array": np.random.default_rng(0).normal(size=(7, 20, 9)).tolist(),
    "floats among ints": [1, 0.5] * 2000,
    "texts": ["a"] * 2000,
    "ragged": [[0.5] * 30, [0.5] * 31] * 50,
    "a hundred thousand": [1 / (n + 1) for n in range(100_000)],
    "many short ones": [{"values": [0.5] * 1000, "n": n} for n in range(90)],
    "empty": [[]] * 2000,
}


@pytest.mark.parametrize("name", LONG)
def test_long_lists_come_back_as_they_were(name: str, tmp_path: Path) -> None:
    header = {"config": {"layers": [{"other": None, "value": LONG[name]}, 1]}, "list": [1.5]}
    data = to_bytes("model", header, TENSORS)
    found, tensors = from_bytes(data, "model")
    assert found["config"] == header["config"]
    assert canonical(found["config"]) == canonical(header["config"])  # 1 is not 1.0
    assert_same(tensors, TENSORS)
    assert to_bytes("model", {k: found[k] for k in header}, tensors) == data


def test_what_is_too_long_for_a_file_is_said_before_it_is_written(tmp_path: Path) -> None:
    for value in (
        [0.5] * (2**20 + 1),
        [[0.5]] * 2**20,
        ["a"] * 300_000,
        [[]] * 70_000,
        "a" * 2**23,
    ):
        with pytest.raises(ModelFormatError, match=r"got .*No file can hold it") as caught:
            container.write(tmp_path / "m", "model", {"value": value}, {})
        assert "damaged" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    container.write(tmp_path / "m", "model", {"value": [0.5] * 2**20}, {})
    assert len(container.read(tmp_path / "m", "model")[0]["value"]) == 2**20


def beside(lists: Any, array: Any, **changes: Any) -> bytes:
    """A file with a long list that stands elsewhere, or is another tensor."""
    outer, body, data = take_apart(to_bytes("model", {"a": [0.5] * 1025, "b": {"c": 1}}, {}))
    if array is not None:
        size = 8 * math.prod(array)
        outer["lists/0"].update(shape=list(array), data_offsets=[0, size])
        data = bytes(size)
    if lists is not None:
        body["lists"] = lists
    return forge(outer, {**body, **changes}, data)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (lambda: beside([["b", "c"]], None), "places of null"),
        (lambda: beside([["x"]], None), "places of null"),
        (lambda: beside([[]], None), "places of null"),
        (lambda: beside([0], None), "places of null"),
        (lambda: beside([["a", 0]], None), "places of null"),
        (lambda: beside([["a"], ["a"]], None), "expected numbers"),
        (lambda: beside({"a": 0}, None), "a list of places"),
        (lambda: beside(None, ()), "expected numbers"),
        (lambda: beside(None, (10**9, 0)), "numbers in long lists"),
        (lambda: beside(None, (2**18, *[1] * 20)), "numbers in long lists"),
        (lambda: beside(None, (2**21,)), "numbers in long lists"),
        (lambda: beside(None, None, format=2), "Upgrade"),
    ],
)
def test_forged_long_lists_are_refused(data: Callable[[], bytes], word: str) -> None:
    forged = data()
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match=word):
        from_bytes(forged, "model")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26 + 3 * len(forged)


#: What a few letters of JSON make most of, each as often as a header may have it.
DENSE = {
    "lists": "[],",
    "objects": "{},",
    "objects of one": '{"a":0},',
    "objects of objects": '{"a":{}},',
    "lists of lists": "[[]],",
    "lists of one": "[0],",
    "texts": '"ab",',
    "floats": "0.5,",
    "whole numbers": "1000,",
    "long whole numbers": f"{2**120},",
    "wide letters": '"\\ud83d\\ude00b",',
    "escapes": '"\\n\\n",',
}


@pytest.mark.slow
@pytest.mark.parametrize("where", ["inside", "outside"])
@pytest.mark.parametrize("name", DENSE)
def test_a_header_takes_no_more_memory_than_is_promised(name: str, where: str) -> None:
    """As SECURITY.md has it: 64 MiB and three times the file."""
    part = DENSE[name]
    for most in (2**16 - 100, 2**22):
        nests, commas = part.count("[") + part.count("{"), part.count(",")
        count = min(most // max(nests, 1), most // commas, (2**22 - 9000) // len(json.dumps(part)))
        text = "[" + (part * count)[:-1] + "]"
        if where == "inside":
            outer, body, data = take_apart(SMALL)
            text = canonical({**body, "x": None}).replace('"x":null', f'"x":{text}')
            data = forge(outer, body, data, text)
        else:
            data = put_together(f'{{"__metadata__":{{"annlib":"x"}},"x":{text}}}'.encode())
        tracemalloc.start()
        with pytest.raises(ModelFormatError):
            from_bytes(data, "weights")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**26 + 2 * len(data)  # and the data themselves


def test_a_header_that_holds_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ModelFormatError, match="JSON can hold"):
        to_bytes("weights", {"a": circle}, {})


@pytest.mark.parametrize("dtype", ["f2", "i4", "u8", "c16", "O", "U3", "V4", "M8[s]", "longdouble"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(ModelFormatError, match="tensor 'w': expected a dtype of F64"):
        to_bytes("weights", {}, {"w": np.zeros(2, dtype)})


@pytest.mark.parametrize("name", ["__metadata__", "a\nb", "\ud800", "\x1b"])
def test_names_that_cannot_be_read_back_are_refused(name: str) -> None:
    with pytest.raises(ModelFormatError):
        to_bytes("weights", {}, {name: np.zeros(2)})


def test_a_wrong_byte_of_safetensors_never_reaches_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save = safetensors.numpy.save

    def wrong(tensors: dict[str, Array], metadata: dict[str, str]) -> bytes:
        data: bytes = save({name: array[::-1] for name, array in tensors.items()}, metadata)
        return data

    monkeypatch.setattr(safetensors.numpy, "save", wrong)
    with pytest.raises(ModelFormatError, match="SHA-256"):
        to_bytes("weights", {}, {"w": np.arange(9.0)})


def test_importing_loads_neither_safetensors_nor_hashlib() -> None:
    loaded = in_a_process("-c", "import annlib.saving.container, sys; print(*sys.modules)").split()
    assert "annlib.saving.container" in loaded
    assert not {"safetensors", "hashlib", "json"} & set(loaded)


# The fuzzer


def mutate(rng: random.Random, seeds: list[bytes]) -> tuple[bytes, bool]:
    """A mutant, and whether its digest was made right again."""
    data = bytearray(rng.choice(seeds))
    way = rng.randrange(6)
    if way < 3:
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data) + 1)
            kind = rng.randrange(5)
            if kind == 0 and place < len(data):
                data[place] ^= 1 << rng.randrange(8)
            elif kind == 1:
                data[place:place] = rng.choice(TOKENS)
            elif kind == 2:
                del data[place : place + rng.randint(1, 9)]
            elif kind == 3:
                del data[place:]
            else:
                token = rng.choice(TOKENS)
                data[place : place + len(token)] = token
        if way == 2 and len(data) > 8:  # a length that fits, so that the JSON is reached
            data[:8] = struct.pack("<Q", max(0, data.find(b"}}", 8) + 2 - 8))
        return bytes(data), False
    outer, body, rest = take_apart(bytes(data))
    target = rng.choice([outer, body])
    for _ in range(rng.randint(1, 3)):
        change(rng, target)
    if way == 5:
        rest = rng.choice([rest[:-1], rest + b"\0", rest[1:], b"", rest])
    try:
        return forge(outer, body, rest), True
    except Exception:  # no digest can be made for this one
        metadata = {"annlib": json.dumps(body, sort_keys=True, separators=(",", ":"))}
        return put_together({"__metadata__": metadata, **outer}, rest), True


def change(rng: random.Random, value: Any) -> None:
    """Replace, add, remove or double something in a tree of dicts and lists."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.7:
            value = value[key]
            continue
        way = rng.randrange(4)
        if way == 0:
            del value[key]
        elif way == 1 and isinstance(value, dict):
            value[rng.choice(["", "x", "__metadata__", "\ud800", "a\nb", "format"])] = value[key]
        else:
            value[key] = copy.deepcopy(rng.choice(VALUES))
        return


TOKENS = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"\0", b"\xff", b" ", b"-",
    b"1e999",    b"NaN", b"null", b"true", b'"dtype"', b'"BF16"', b'"F64"', b'"shape"', b"[0,0]",
    b"18446744073709551616", b"\x80\x04\x95", b"PK\x03\x04", b"[" * 2000, b"9" * 5000,
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 8, 2**31, 2**62, 2**63, 2**64, 2**128, 10**4000, 0.5, 1e308,
    "", "F64", "F32", "BF16", "weights", "model", "os.system", "\x1b[31m", "\ud800", [], {}, [0],
    [0, 8], [1, 2], [2**62, 4], [[1]], {"class": "Lambda"}, "x" * 3000, float("nan"), float("inf"),
]  # fmt: skip


def fuzz(count: int) -> dict[str, Any]:
    rng = random.Random(0)
    seeds = [SMALL, to_bytes("weights", {"a": [1, 2.5, None]}, {"w": np.ones(3), "b": np.ones(2)})]
    originals = [(from_bytes(seed, "weights")) for seed in seeds]
    report: dict[str, Any] = {
        "escaped": [], "events": [], "changed": 0, "refused": 0, "slowest": 0.0, "heard": [],
        "forged and loaded": 0, "changed without digest": 0,
    }  # fmt: skip
    heard: list[str] = []
    listening = False

    def hook(event: str, _: tuple[object, ...]) -> None:
        if listening and event.partition(".")[0] in {
            "exec", "compile", "import", "open", "os", "subprocess", "socket", "marshal", "pickle",
            "ctypes", "shutil", "tempfile",
        }:  # fmt: skip
            heard.append(event)

    for data in (*seeds, *(attack for attack, _ in ATTACKS.values())):  # what is imported late
        with contextlib.suppress(ModelFormatError):
            from_bytes(data, "weights")
    sys.addaudithook(hook)
    known = [(attack, True) for attack, _ in ATTACKS.values()]
    for mutant, forged in itertools.chain(known, (mutate(rng, seeds) for _ in range(count))):
        heard.clear()
        start = time.process_time()
        listening = True
        found = None
        try:
            found = from_bytes(mutant, "weights")
        except ModelFormatError:
            report["refused"] += 1
        except Exception as error:
            report["escaped"].append(repr(error)[:200])
        listening = False
        report["slowest"] = max(report["slowest"], time.process_time() - start)
        report["events"] += heard
        if forged:
            report["forged and loaded"] += found is not None
            continue
        if found is not None:
            report["changed"] += not any(same(found[1], tensors) for _, tensors in originals)
        with contextlib.suppress(Exception):
            raw = safetensors.numpy.load(mutant)
            report["changed without digest"] += not any(same(raw, t) for _, t in originals)
    heard.clear()
    listening = True
    with open(os.devnull):
        listening = False
    report["heard"] = heard
    return report


def same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


if __name__ == "__main__":
    if sys.argv[1] == "fuzz":
        sys.stdout.write(json.dumps(fuzz(int(sys.argv[2]))))
    elif sys.argv[1] == "bytes":
        sys.stdout.write(hashlib.sha256(SMALL).hexdigest())
