"""Packages that annlib works without: what an error says where one of them is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


def install_command(what: str) -> str:
    """The command that installs a package, or one of annlib's extras.

    Parameters
    ----------
    what : str
        As in ``"h5py"`` or ``"annlib[plot]"``; further packages may follow after a space.

    Notes
    -----
    pip finds the extras of an annlib that it has installed, and asks no index for it. Of one that
    is not installed, but imported from a checkout, it gets them there.

    Examples
    --------
    >>> install_command("scikit-learn")
    'pip install scikit-learn'
    """
    first, space, others = what.partition(" ")
    if not first.startswith("annlib["):
        return f"pip install {what}"
    from importlib.metadata import PackageNotFoundError, distribution  # which load slowly

    try:
        distribution("annlib")
    except PackageNotFoundError:
        root = Path(__file__).parents[2]
        checkout = root if (root / "pyproject.toml").is_file() else "path/to/annlib"
        return f'pip install -e "{checkout}{first.removeprefix("annlib")}"{space}{others}'
    return f'pip install "{first}"{space}{others}'


def missing(where: str, package: str, install: str, error: ImportError) -> ImportError:
    """The error of what needs a package that cannot be imported.

    Parameters
    ----------
    where : str
    package : str
        How people call it.
    install : str
        What ``install_command`` gets.
    error : ImportError
        That of the import, which may be about something that the package itself needs.

    Examples
    --------
    >>> error = ModuleNotFoundError("No module named 'h5py'")
    >>> print(missing("load_weights", "h5py", "h5py", error))
    load_weights: expected h5py, which cannot be imported (No module named 'h5py'). Install it: \
pip install h5py.
    """
    return ImportError(
        f"{where}: expected {package}, which cannot be imported ({error}). Install it: "
        f"{install_command(install)}.",
        name=error.name,
    )


@contextlib.contextmanager
def needed(where: str, package: str, install: str) -> Iterator[None]:
    """A context of imports, whose error says what to install; see ``missing``."""
    try:
        yield
    except ImportError as error:
        raise missing(where, package, install, error) from None
