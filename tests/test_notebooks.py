"""The notebooks run as they stand, say nothing on stderr, and show what they promise."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import annlib

#: Where the reference finds them as they ran (``python .docs``), if it is to be built.
EXECUTED = os.environ.get("ANNLIB_EXECUTED")
FOLDER = Path(annlib.__file__).parents[1] / "notebooks"
HOME = Path(os.environ.get("ANNLIB_DATA_HOME", ""))
SECONDS = 120
pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.timeout(2 * SECONDS),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="not a checkout"),
]


class Promise(NamedTuple):
    """What a notebook shows at least, and the data that it would have to download otherwise."""

    figures: int
    #: The least number of outputs in HTML that hold each of these texts.
    pages: dict[str, int]
    data: str | None = None


MODEL, TRACE, EXPLANATION = (f'class="annlib-{name}"' for name in ("model", "trace", "explanation"))
CHECKUP, TABLE, DECISIONS = "Check-up:", "<table", 'class="annlib-decisions"'

PROMISES = {
    "01_first_network": Promise(4, {MODEL: 1}),
    "02_the_paper_equation_by_equation": Promise(3, {TRACE: 2, EXPLANATION: 4, MODEL: 1}),
    "03_the_papers_networks": Promise(6, {}),
    "04_fashion_mnist": Promise(7, {TABLE: 2}, "fashion_mnist"),
    "05_tabular_data": Promise(10, {"sk-estimator": 3, DECISIONS: 2, TABLE: 5, MODEL: 1}, "adult"),
    "06_your_own_parts": Promise(5, {TABLE: 1}),
    "07_looking_inside": Promise(9, {CHECKUP: 3, TABLE: 6}),
    "08_larger_than_memory": Promise(2, {}),
    "09_to_production": Promise(1, {}),
}


def stored(name: str) -> Any:
    import nbformat

    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def outputs(notebook: Any, kind: str) -> list[Any]:
    """What all cells have put out of this kind: a MIME type, or "stdout" and "stderr"."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == kind:
                found.append(output.text)
            elif kind in output.get("data", {}):
                found.append(output.data[kind])
    return found


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: Any) -> Any:
    """The name of a kernel of this very interpreter, which need not be installed."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "kernels" / "annlib-notebooks"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "annlib", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(home))
        # What the user has set up must not decide, and must not change.
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MPLBACKEND"):
            patch.delenv(name, raising=False)
        # The annlib that is tested, also where it is not installed.
        paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        # Of the first use of Matplotlib there is news on stderr: its cache of fonts.
        import matplotlib.font_manager  # noqa: F401

        yield folder.name


@pytest.fixture(params=PROMISES)
def name(request: Any) -> str:
    return str(request.param)


def test_all_that_are_promised_are_there():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(PROMISES)


def test_it_is_stored_without_outputs(name):
    import nbformat

    notebook = stored(name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own
def test_it_runs_and_shows_what_it_promises(name, kernel, tmp_path):
    from nbclient import NotebookClient

    figures, pages, data = PROMISES[name]
    if data is not None and not (HOME / f"{data}.npz").is_file():
        pytest.skip(f"no {data}.npz in ANNLIB_DATA_HOME")
    notebook = stored(name)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name=kernel,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()  # raises on an error
    assert outputs(notebook, "stderr") == []
    images = outputs(notebook, "image/png")
    assert len(images) >= figures
    assert all(is_drawn(image) for image in images)
    html = outputs(notebook, "text/html")
    for text, count in pages.items():
        assert sum(text in page for page in html) >= count, text
    if EXECUTED:
        keep(notebook, Path(EXECUTED) / f"{name}.ipynb")


def keep(notebook: Any, path: Path) -> None:
    import nbformat

    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def is_drawn(image: str) -> bool:
    """Whether an image is more than an empty sheet."""
    import base64
    import io

    from matplotlib.image import imread

    pixels = imread(io.BytesIO(base64.b64decode(image)))
    return min(pixels.shape[:2]) > 50 and bool(np.ptp(pixels[..., :3]) > 0.5)
