"""Whether every link within the built pages arrives, and every public name is found."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from sphinx.util.inventory import InventoryFile


class _Page(HTMLParser):
    """What a page points at, and what can be pointed at in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def check(folder: Path, entries: Iterable[Any]) -> int:
    """Say what is missing, and return 1 if anything is."""
    wrong = [*broken_links(folder), *missing_names(folder, entries)]
    for line in wrong:
        print(line, file=sys.stderr)
    return int(bool(wrong))


def broken_links(folder: Path) -> list[str]:
    pages = {path.resolve(): _Page(path) for path in folder.rglob("*.html")}
    wrong = []
    for path, page in pages.items():
        for target in dict.fromkeys(page.targets):
            address, anchor = urldefrag(target)
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:  # elsewhere, or data
                continue
            aim = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            found = aim.is_file() and aim.is_relative_to(folder.resolve())
            if found and anchor and aim in pages:
                found = unquote(anchor) in pages[aim].anchors
            if not found:
                wrong.append(f"{path.relative_to(folder.resolve())}: nothing at {target}")
    return wrong


def missing_names(folder: Path, entries: Iterable[Any]) -> list[str]:
    inventory = InventoryFile.loads((folder / "objects.inv").read_bytes(), uri="")
    known = {name for kind, names in inventory.data.items() if kind[:3] == "py:" for name in names}
    public = (name for e in entries for each in (e, *e.functions) for name in each.names)
    return [f"{name}: public, and on no page" for name in public if name not in known]
