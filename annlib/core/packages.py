"""Packages that annlib works without: what an error says where one of them is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def missing(where: str, package: str, install: str, error: ImportError) -> ImportError:
    """The error of what needs a package that cannot be imported.

    Parameters
    ----------
    where : str
    package : str
        How people call it.
    install : str
        What ``pip install`` gets.
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
        f"{where}: expected {package}, which cannot be imported ({error}). Install it: pip install "
        f"{install}.",
        name=error.name,
    )


@contextlib.contextmanager
def needed(where: str, package: str, install: str) -> Iterator[None]:
    """A context of imports, whose error says what to install; see ``missing``."""
    try:
        yield
    except ImportError as error:
        raise missing(where, package, install, error) from None
