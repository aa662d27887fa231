"""Build the reference: ``python .docs``. It is then in ``.docs/build/html``, to be read as files.

Warnings are errors, and every link within it must arrive. The notebooks are shown as they ran: as
they did when this was run before (in ``.docs/build/executed``), or they are run now.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import links
import nbformat
import pages
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from sphinx.cmd.build import main as sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent
EXECUTED, SOURCE, HTML, TREES = (
    HERE / "build" / name for name in ("executed", "source", "html", "trees")
)

#: What are pages beside the README, which is the first; the links between them are as they were.
DOCUMENTS = ("PAPER.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/README.md")
INDEX = """
```{toctree}
:hidden:
:titlesonly:

api/index
notebooks/README
PAPER
benchmarks/README
CHANGELOG
SECURITY
```
"""
NOTEBOOKS = """
```{toctree}
:hidden:
:glob:

*
```
"""


def main() -> int:
    for folder in (SOURCE, HTML, TREES):
        shutil.rmtree(folder, ignore_errors=True)
    pages.write_all(SOURCE / "api")
    for name in DOCUMENTS:
        (SOURCE / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, SOURCE / name)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (SOURCE / "index.md").write_text(f"{readme}{INDEX}", encoding="utf-8")
    shutil.copytree(ROOT / "notebooks", SOURCE / "notebooks")
    with (SOURCE / "notebooks" / "README.md").open("a", encoding="utf-8") as listed:
        listed.write(NOTEBOOKS)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(executed(path), SOURCE / "notebooks" / path.name)
    options = ["-q", "-n", "-W", "--keep-going", "-j", "auto", "-c", str(HERE), "-d", str(TREES)]
    return sphinx([*options, str(SOURCE), str(HTML)]) or links.check(HTML, pages.entries())


def executed(path: Path) -> Path:
    """The notebook with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    kept = EXECUTED / path.name
    if kept.is_file() and _sources(nbformat.read(kept, as_version=4)) == _sources(notebook):
        return kept
    print(f"running {path.name}", flush=True)
    with TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
        try:
            client.execute()
        except CellExecutionError as error:  # without its data, and a network
            print(f"shown without outputs: {error.ename}: {error.evalue}", flush=True)
            return path
    EXECUTED.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    return kept


def _sources(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(ROOT))  # the notebooks show the annlib of this checkout
    sys.exit(main())
