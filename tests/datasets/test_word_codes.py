"""Data sets of texts: Keras' numbers, its files read without running them, forged ones refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from golden import recorded

from annlib import ConfigurationError, DataError, layers
from annlib.datasets import imdb, reuters, sequence_file

MODULES = {"imdb": imdb, "reuters": reuters}
RECORDS = [
    pytest.param(name, record, id=f"{name} {record['arguments']}")
    for name in MODULES
    for record in recorded("texts")[name]["records"]
]
ROWS = [[1, 2, 300], [], [70_000, 5], [255, 256, 65_535, 65_536]]


def objects(rows):
    vector = np.empty(len(rows), object)
    vector[:] = rows
    return vector


def arrays_of(name):
    return {
        key: objects(value) if isinstance(value[0], list) else np.array(value)
        for key, value in recorded("texts")[name]["arrays"].items()
    }


def put(folder, monkeypatch, name, content):
    """A file of this content, in the place of the published one."""
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(folder))
    file = folder / f"{name}.npz"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.savez(file, **content)
    monkeypatch.setattr(MODULES[name], "_PUBLISHED", hashlib.sha256(file.read_bytes()).hexdigest())
    return file


@pytest.mark.parametrize(("name", "record"), RECORDS)
def test_they_are_keras_lists(name, record, tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, name, arrays_of(name))
    found = MODULES[name].load_data(**record["arguments"])
    for (x, y), split in zip(found, (record["train"], record["test"]), strict=True):
        assert [*x] == split["x"]
        assert y.tolist() == split["y"] and y.dtype == np.int64
        assert x.shape == (len(y),) and x.dtype == object


def test_reuters_topics_are_keras():
    assert reuters.get_label_names() == tuple(recorded("texts")["label_names"])


@pytest.mark.parametrize("name", MODULES)
def test_the_codes_of_words_come_from_keras_file(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(tmp_path))
    file = tmp_path / f"{name}_word_index.json"
    file.write_text(json.dumps({"the": 1, "película": 2}), encoding="utf-8")
    digest = hashlib.md5(file.read_bytes()).hexdigest()
    with pytest.raises(DataError, match=r"(?i)md5"):
        MODULES[name].get_word_index()
    monkeypatch.setattr(MODULES[name], "_WORDS_PUBLISHED", digest)
    assert MODULES[name].get_word_index() == {"the": 1, "película": 2}


@pytest.mark.parametrize("name", MODULES)
def test_another_file_than_the_published_one_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ANNLIB_DATA_HOME", str(tmp_path))
    assert not MODULES[name].is_available()
    np.savez(tmp_path / f"{name}.npz", **arrays_of(name))
    assert MODULES[name].is_available()
    with pytest.raises(DataError, match=MODULES[name]._PUBLISHED[:12]):
        MODULES[name].load_data()


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    "wrong",
    [
        {"num_words": -1}, {"num_words": 2.5}, {"skip_top": None}, {"maxlen": 0}, {"seed": -1},
        {"seed": 2**32}, {"seed": None}, {"start_char": "1"}, {"oov_char": [2]}, {"index_from": -3},
        {"maxlen": 1},
    ],
    ids=str,
)  # fmt: skip
def test_arguments_that_cannot_be_meant_are_named(name, wrong, tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, name, arrays_of(name))
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        MODULES[name].load_data(**wrong)


def test_a_text_becomes_a_row_of_words(tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, "imdb", arrays_of("imdb"))
    (x, _), _ = imdb.load_data(num_words=50)
    encode = layers.CategoryEncoding(50, "multi_hot")
    row = encode(np.array([x[0]]))
    assert np.flatnonzero(row[0]).tolist() == sorted(set(x[0]))


# -- files -----------------------------------------------------------------------------------------


def lists_in(pickled, rows=4):
    return sequence_file._lists(pickled, rows, np.dtype(object))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("count", [1, 2, 4, 1000, 1001, 2500])
def test_lists_are_read_as_every_protocol_writes_them(protocol, count):
    rows = [[*ROWS[k % 4], *range(k % 7)] for k in range(count)]
    rows[-1] = list(range(2100))
    assert lists_in(pickle.dumps(objects(rows), protocol), count) == rows


def test_lists_are_read_as_older_pythons_and_numpys_wrote_them():
    """Python 2 wrote texts of one byte a letter, and NumPy had its core in another place."""
    now = pickle.dumps(objects(ROWS), 3)
    older = now.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    oldest = older.replace(b"C\x01b", b"U\x01b").replace(b"X\x02\0\0\0O8", b"U\x02O8")
    oldest = b"\x80\x02" + oldest.replace(b"X\x01\0\0\0|", b"U\x01|")[2:]
    assert oldest != older != now
    assert lists_in(older) == lists_in(oldest) == ROWS


class Runs:
    """What makes a folder when it is unpickled."""

    folder = "forged"

    def __reduce__(self):
        return os.mkdir, (Runs.folder,)


def forged():
    plain = pickle.dumps(objects(ROWS), 2)
    nested = objects([[1], [2]])
    nested[1] = [[2]]
    shared = objects([[1], [2]])
    shared[1] = shared[0]
    end = plain[-4:]
    return {
        "runs in front": pickle.dumps(Runs(), 2),
        "runs in a list": pickle.dumps(objects([[1], [2], [3], Runs()]), 2),
        "runs in a row": pickle.dumps(objects([[1], [2], [3], [Runs()]]), 2),
        "runs behind": plain[:-1] + pickle.dumps(Runs(), 2)[2:],
        "another name": plain.replace(b"_reconstruct", b"_reconstrukt"),
        "another module": plain.replace(b"numpy\nndarray", b"posix\nsystem"),
        "another type": plain.replace(b"O8", b"V8"),
        "texts": pickle.dumps(objects([["a"], ["b"], [], []]), 2),
        "numbers": pickle.dumps(objects([1, 2, 3, 4]), 2),
        "arrays": pickle.dumps(objects([np.arange(3)] * 4), 2),
        "fractions": pickle.dumps(objects([[1.5], [], [], []]), 2),
        "truth values": pickle.dumps(objects([[True], [], [], []]), 2),
        "large integers": pickle.dumps(objects([[2**40], [], [], []]), 2),
        "tuples": pickle.dumps(objects([(1, 2), [], [], []]), 2),
        "nested": pickle.dumps(nested, 2),
        "twice the same list": pickle.dumps(shared, 2),
        "too few": pickle.dumps(objects(ROWS[:3]), 2),
        "cut": plain[:-9],
        "without an end": plain[:-1],
        "an empty file": b"",
        "items of no list": plain[: -len(end)] + b"(K\x01e" + end,
        "a mark that stays": plain[: -len(end)] + b"(" + end,
        "a large memo": plain.replace(b"]q", b"]r\xff\xff\xff\x7f]q", 1),
        "text protocol": pickle.dumps(objects(ROWS), 0),
    }


@pytest.mark.parametrize("kind", forged())
def test_a_forged_file_runs_nothing_and_is_refused(kind, tmp_path, monkeypatch):
    Runs.folder = str(tmp_path / "was run")
    data = forged()[kind]
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": (4,)}
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + data)
        y = io.BytesIO()
        np.save(y, np.arange(4))
        archive.writestr("y.npy", y.getvalue())
    put(tmp_path, monkeypatch, "reuters", content.getvalue())
    with pytest.raises(DataError, match=r"reuters\.load_data: expected lists of integers \(x\)"):
        reuters.load_data()
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": objects(ROWS)},
        {"x": objects(ROWS), "y": np.arange(3)},
        {"x": objects(ROWS), "y": np.arange(4.0)},
        {"x": objects(ROWS), "y": objects([1, 2, 3, 4])},
        {"x": objects(ROWS), "y": np.arange(4).reshape(2, 2)},
        {"x": np.arange(4), "y": np.arange(4)},
        {"x": objects(ROWS).reshape(2, 2), "y": np.arange(4)},
    ],
    ids=["no y", "fewer labels", "fractions", "objects", "a matrix", "no lists", "a square"],
)
def test_arrays_of_another_kind_are_refused(arrays, tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, "reuters", arrays)
    with pytest.raises(DataError, match="Remove the file"):
        reuters.load_data()


def test_an_archive_that_would_unpack_to_much_is_not_unpacked(tmp_path, monkeypatch):
    content = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (4,)}
    )
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(sequence_file._MOST + 1))
        archive.writestr("y.npy", b"")
    put(tmp_path, monkeypatch, "reuters", content.getvalue())
    with pytest.raises(DataError, match="x of shape"):
        reuters.load_data()
