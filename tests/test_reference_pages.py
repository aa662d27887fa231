"""The pages of the reference (``python .docs``): all that is public is on one, and broken links are
found. That they are built without a warning is seen to by ``.ci/run``.
"""

from __future__ import annotations

import collections
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import annlib

FOLDER = Path(annlib.__file__).parents[1] / ".docs"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="not a checkout"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Sphinx' own
]


@pytest.fixture(scope="module")
def docs() -> Any:
    """The modules with which the reference is built."""
    pytest.importorskip("sphinx")
    pytest.importorskip("numpydoc")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("pages"), importlib.import_module("links")
    for name in ("pages", "links"):
        del sys.modules[name]


def public() -> set[str]:
    """Every name that annlib and its packages list, but for those of packages."""
    names = {name for name in annlib.__all__ if not name.startswith("__")}
    for package in [name for name in names if isinstance(getattr(annlib, name), ModuleType)]:
        names.remove(package)
        names |= {f"{package}.{name}" for name in getattr(annlib, package).__all__}
    found = {f"annlib.{name}" for name in names}
    return {name for name in found if not is_module(name)}


def is_module(name: str) -> bool:
    package, _, last = name.rpartition(".")
    return isinstance(getattr(importlib.import_module(package), last), ModuleType)


def test_every_public_name_is_described_once(docs):
    pages, _ = docs
    entries = [each for entry in pages.entries() for each in (entry, *entry.functions)]
    counts = collections.Counter(name for entry in entries for name in entry.names)
    assert set(counts) == public()
    assert set(counts.values()) == {1}
    assert len({id(entry.value) for entry in entries}) == len(entries)


def test_members_are_described_with_the_class_that_has_them_first(docs):
    pages, _ = docs
    public = {id(entry.value): entry for entry in pages.entries()}

    def shown(cls: type) -> set[str]:
        return {member.name for member in pages._shown(cls, public)}

    assert {"fit", "compile", "add", "get_weights"} <= shown(annlib.Sequential)
    assert {"forward", "backward", "get_config"} <= shown(annlib.layers.Layer)
    assert not {"forward", "get_config", "count_params"} & shown(annlib.layers.Dense)
    page = pages.class_page(public[id(annlib.layers.Dense)], public)
    assert ":py:obj:`get_config <annlib.layers.Layer.get_config>`" in page
    assert "<math" in page


def test_estimators_link_to_their_pages(docs, monkeypatch):
    pages, _ = docs
    monkeypatch.setenv("ANNLIB_DOCS_URL", "https://docs.example")
    found = [entry for entry in pages.entries() if hasattr(entry.value, "_get_doc_link")]
    assert len(found) > 8
    for entry in found:
        page = f"https://docs.example/api/{entry.package}/{entry.name}.html"
        assert entry.value()._get_doc_link() == page


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("other.html", False),
        ("other.html#there", False),
        ("#here", False),
        ("https://elsewhere.example/missing.html", False),
        ("mailto:someone@elsewhere.example", False),
        ("other%2Ehtml", False),
        ("missing.html", True),
        ("other.html#missing", True),
        ("#missing", True),
        ("../outside.html", True),
        ("folder", True),
    ],
)
def test_broken_links_are_found(docs, link, wrong, tmp_path):
    _, links = docs
    (tmp_path / "outside.html").write_text("")
    folder = tmp_path / "html"
    (folder / "folder").mkdir(parents=True)
    (folder / "page.html").write_text(f'<p id="here"><a href="{link}">it</a></p>')
    (folder / "other.html").write_text('<h1 id="there">There</h1>')
    found = links.broken_links(folder)
    assert found == ([f"page.html: nothing at {link}"] if wrong else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|z| < 1, as ``|z|``", r"\|z\| < 1, as ``|z|``"),
        ("x : array_like, (n, *shape)", r"x : array_like, (n, \*shape)"),
        ("a * b, **keywords", "a * b, **keywords"),
    ],
)
def test_docstrings_are_read_as_they_are_written(docs, text, expected):
    pages, _ = docs
    assert pages.as_rst(text) == expected
