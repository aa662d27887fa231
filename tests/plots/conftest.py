"""Pictures are drawn without a screen; whatever is drawn, nothing of the user's changes."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def canvas(monkeypatch):
    """Pyplot without windows, which nobody may ask to show, or to have other defaults."""
    matplotlib = pytest.importorskip("matplotlib")
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    def show(*arguments, **keywords):
        raise AssertionError("plt.show was called")

    monkeypatch.setattr(plt, "show", show)
    before = dict(matplotlib.rcParams)
    yield plt
    changed = {key for key, value in dict(matplotlib.rcParams).items() if before[key] != value}
    plt.close("all")
    matplotlib.use(backend)
    assert not changed - {"backend"}
