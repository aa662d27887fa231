"""What every test has: the folder of ``cases`` on the path, and registries as it found them."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Iterator

import hypothesis
import pytest

from annlib.core.registry import _FAMILIES, FAMILIES
from annlib.core.tracebacks import disable_traceback_filtering
from annlib.training import interruption

# Its modules register classes: the test of them imports it, and forgets it.
collect_ignore = ["extending"]

# What fails in a test is looked for in annlib.
disable_traceback_filtering()

# Few examples: a contract runs over every row of the tables, and a busy machine has no deadline.
hypothesis.settings.register_profile("annlib", deadline=None, max_examples=20)
hypothesis.settings.load_profile("annlib")

# All are loaded now: a family that a test is the first to ask for would be forgotten after it.
for family in _FAMILIES:
    FAMILIES[family]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: a collection of garbage need not walk it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled code is kept with what else the tests write, for all processes of a run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            folder = folder.parent
        if "ANNLIB_CACHE" not in os.environ:
            patch.setenv("ANNLIB_CACHE", str(folder / "annlib"))
        yield


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Ctrl-C of a test is not the second one of the test before."""
    monkeypatch.setattr(interruption, "_first", [-math.inf])


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """A class or a function that a test registers is forgotten after it."""
    before = {
        name: (
            dict(registry._classes),
            registry._functions if registry._functions is None else dict(registry._functions),
        )
        for name, registry in FAMILIES.items()
    }
    yield
    for name, registry in list(FAMILIES.items()):
        if name in before:
            registry._classes, registry._functions = before[name]
        else:
            del FAMILIES[name]
