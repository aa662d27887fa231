"""The page of the package on an index: the README, which leads to files beside it.

Where ``project.urls`` in ``pyproject.toml`` has a ``Source``, its pictures and links lead there;
as long as it has none, pictures are left out, and of links the text stays.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(
    r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^)#\s]+)(?P<place>#[^)\s]*)?\)(?P<end>\n*)"
)


class PackagePage(MetadataHookInterface):
    """What hatchling asks for the metadata that are made when annlib is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        found = page(text, Path(self.root), source)
        metadata["readme"] = {"content-type": "text/markdown", "text": found}


def page(text: str, root: Path, source: str | None) -> str:
    """The README for a reader who has nothing but its text."""

    def lead(link: re.Match[str]) -> str:
        path, place, words, end = link["path"], link["place"] or "", link["text"], link["end"]
        if not (root / path).exists():  # an address, or no link but code
            return link[0]
        if source is None:
            return "" if link["picture"] else words + end
        kind = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{words}]({source.rstrip('/')}/{kind}/HEAD/{path}{place}){end}"

    return _LINK.sub(lead, text)
