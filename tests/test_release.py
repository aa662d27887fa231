"""What is handed out: the wheel and the source distribution, their metadata, and what they need."""

from __future__ import annotations

import ast
import email
import re
import runpy
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

import annlib

ROOT = Path(annlib.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def name_of(requirement: str) -> str:
    return re.match(r"[\w-]+", requirement)[0].lower().replace("_", "-")


# -- what it needs ---------------------------------------------------------------------------------

#: The distribution of a module that is called otherwise.
DISTRIBUTIONS = {"sklearn": "scikit-learn"}
#: What comes with another package.
WITH = {
    **dict.fromkeys(["scipy", "joblib", "threadpoolctl"], "scikit-learn"),
    **dict.fromkeys(["llvmlite"], "numba"),
    **dict.fromkeys(["ipython"], "ipykernel"),
}


def imported() -> set[str]:
    """The distributions of all modules that annlib imports, at the top of a file or within."""
    found = set()
    for path in (ROOT / "annlib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.partition(".")[0])
    others = found - {*sys.stdlib_module_names, "annlib"}
    return {DISTRIBUTIONS.get(name.lower(), name.lower()) for name in others}


def test_the_declared_dependencies_are_those_of_the_design():
    names = {name_of(one) for one in PROJECT["dependencies"]}
    assert names == {"numpy", "scikit-learn", "tqdm", "safetensors"}
    assert all(re.search(r">=\d", one) for one in PROJECT["dependencies"]), "the lowest is tried"


def test_whatever_is_imported_is_declared_or_comes_with_what_is():
    declared = {name_of(one) for one in PROJECT["dependencies"]}
    of_extras = {name_of(one) for extra in EXTRAS.values() for one in extra}
    of_extras |= {"distributed"}  # dask[distributed]
    missing = imported() - declared - of_extras - WITH.keys()
    assert not missing
    for name, package in WITH.items():
        assert package in declared | of_extras
        assert name in {name_of(one) for one in requires(package)}


def test_an_extra_that_an_error_names_is_there():
    named = set()
    for path in (ROOT / "annlib").rglob("*.py"):
        named |= set(re.findall(r"annlib\[(\w+)\]", path.read_text(encoding="utf-8")))
    assert {"plot", "onnx", "jit"} <= named
    assert named <= EXTRAS.keys()


# -- the page on an index --------------------------------------------------------------------------

LINK = re.compile(r"!?\[[^\]]*\]\((?!https?:|#)[^)\s]+\)")


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("hatchling")
    return runpy.run_path(str(ROOT / ".ci/package_page.py"))["page"]


def test_pictures_and_links_are_left_out_without_an_address(page):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = page(text, ROOT, None)
    assert LINK.search(text)
    assert not LINK.search(found)
    assert re.findall(r"```.*?```", found, re.DOTALL) == re.findall(r"```.*?```", text, re.DOTALL)
    assert "[Use](#use)" in found  # a place on the page itself
    assert "(SECURITY.md)" in found
    assert "notebooks/trace.png" not in found


def test_pictures_and_links_lead_to_the_address(page):
    text = (
        "![A trace](notebooks/trace.png)\n\n[PAPER.md](PAPER.md#top), [here](#use), "
        "[there](https://example.org), `f[0](x)`\n"
    )
    assert page(text, ROOT, "https://example.org/annlib/") == (
        "![A trace](https://example.org/annlib/raw/HEAD/notebooks/trace.png)\n\n"
        "[PAPER.md](https://example.org/annlib/blob/HEAD/PAPER.md#top), [here](#use), "
        "[there](https://example.org), `f[0](x)`\n"
    )
    assert page(text, ROOT, None).startswith("PAPER.md, [here](#use), [there]")


# -- the distributions -----------------------------------------------------------------------------


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source distribution."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.mark.slow
def test_the_metadata(built):
    wheel, _ = built
    assert wheel.name == f"annlib-{annlib.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    assert {name.partition("/")[0] for name in names} == {"annlib", metadata.partition("/")[0]}
    assert "annlib/py.typed" in names
    found = email.message_from_string(text)
    assert found["Author"] == "annlib developers"
    assert found["Version"] == annlib.__version__
    assert not LINK.search(found.get_payload())
    needed = [one for one in found.get_all("Requires-Dist") if "extra ==" not in one]
    assert {name_of(one) for one in needed} == {name_of(one) for one in PROJECT["dependencies"]}


@pytest.mark.slow
def test_twine_finds_nothing(built):
    pytest.importorskip("twine")
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built), cwd=ROOT)


@pytest.mark.slow
def test_the_source_distribution_is_complete(built):
    _, source = built
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("annlib", "tests", "benchmarks", "notebooks", ".ci"):
        there = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".json", ".ipynb", ".png", ".md", ".h5", ".keras")
            and ".ipynb_checkpoints" not in path.parts
        }
        assert there <= names
    files = {"README.md", "PAPER.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "pyproject.toml"}
    assert files | {"PKG-INFO", ".gitignore"} == {name for name in names if "/" not in name} - {""}
    assert not any(name.endswith(".pyc") for name in names)


@pytest.mark.slow
def test_the_wheel_runs_where_it_is_installed(built, tmp_path):
    wheel, _ = built
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "-t"]
    run(*command, str(tmp_path / "there"), str(wheel), cwd=tmp_path)
    program = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "import annlib, numpy as np\n"
        "assert annlib.__file__.startswith(sys.argv[1])\n"
        "model = annlib.Sequential([annlib.layers.Dense(2, 'softmax')], seed=0)\n"
        "model.compile('adam', 'sparse_categorical_crossentropy')\n"
        "model.fit(np.eye(4), np.arange(4) % 2, verbose=0)\n"
        "model.save('m.safetensors')\n"
        "print(annlib.__version__, annlib.load_model('m.safetensors').predict(np.eye(4)).shape)\n"
    )
    packages = sysconfig.get_path("purelib")
    command = [sys.executable, "-I", "-S", "-c", program, str(tmp_path / "there"), packages]
    assert run(*command, cwd=tmp_path) == f"{annlib.__version__} (4, 2)\n"
