"""Compiled code on disk: used again, and nothing from where others could write."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest

from annlib import Sequential, layers
from annlib.compiling import cache, machine, templates

pytest.importorskip("llvmlite")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "cache" / "compiled"


@pytest.fixture
def compilations(monkeypatch):
    """One entry for each time that LLVM makes code, in a process that knows none."""
    made, write = [], cache.write
    monkeypatch.setattr(cache, "write", lambda *code: made.append(code) or write(*code))

    def forget():
        monkeypatch.setattr(machine, "_made", {})
        monkeypatch.setattr(templates, "_made", {})
        machine.products.cache_clear()
        made.clear()

    forget()
    return made, forget


def weights():
    model = Sequential([layers.Dense(5, "relu"), layers.Dense(2)], seed=0)
    model.compile("sgd", "mse", jit_compile=True)
    x = np.linspace(-1, 1, 24).reshape(8, 3)
    for _ in range(4):
        model.train_on_batch(x, x[:, :2])
    assert model._functions.step._compiled._programs
    return np.concatenate([w.ravel() for w in model.weights])


def test_code_is_used_again(folder, compilations):
    made, forget = compilations
    right = weights()
    entries = list(folder.iterdir())
    assert made and len(entries) == len(made)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    forget()
    np.testing.assert_array_equal(weights(), right)
    assert not made


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "another"])
def test_a_damaged_entry_is_compiled_anew(damage, folder, compilations):
    made, forget = compilations
    right = weights()
    for path in folder.iterdir():
        data = path.read_bytes()
        middle = len(data) // 2
        path.write_bytes(
            {
                "cut": data[:middle],
                "changed": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
                "empty": b"",
                "another": b"something else",
            }[damage]
        )
    forget()
    np.testing.assert_array_equal(weights(), right)
    assert made
    forget()
    weights()
    assert not made  # it was written again


def test_an_entry_under_another_key_is_none(folder):
    cache.write("a" * 64, b"code")
    (folder / ("a" * 64)).rename(folder / ("b" * 64))
    assert cache.read("b" * 64) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_is_not_used(mode, folder):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.warns(UserWarning, match="one that others may write to"):
        cache.write("a" * 64, b"code")
    assert cache.read("a" * 64) is None  # without another warning
    assert not list(folder.iterdir())


def test_a_link_or_a_file_is_not_used(folder, tmp_path):
    folder.parent.mkdir()
    (tmp_path / "other").mkdir()
    folder.symlink_to(tmp_path / "other")
    with pytest.warns(UserWarning, match="something else"):
        assert cache.folder() is None
    folder.unlink()
    folder.write_text("")
    cache._warned.clear()
    with pytest.warns(UserWarning, match="cannot be made"):
        assert cache.folder() is None


def test_old_entries_go(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST", 4)
    for index in range(7):
        cache.write(f"{index:064d}", b"code")
    left = {path.name[-1] for path in folder.iterdir()}
    assert "6" in left and len(left) <= 5
