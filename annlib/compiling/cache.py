"""Machine code on disk, so that a network is compiled once and not once a process.

Code is only taken from a folder that nobody else can write to. An entry is found by a digest of all
that it depends on, and holds a digest of itself; one that is damaged counts as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import warnings
from pathlib import Path

from annlib.core.files import atomic_write
from annlib.datasets.store import cache_folder

#: The environment variable that names another folder.
FOLDER = "ANNLIB_CACHE"
#: Entries that are kept; with more, the older half goes.
MOST = 512

_BEGINNING = b"annlib object code 1\n"
_warned: set[str] = set()


def folder() -> Path | None:
    """The folder, which is made if it is not there; None, and one warning, if it is not safe or
    cannot be made.
    """
    given = os.environ.get(FOLDER)
    path = (Path(given).expanduser() if given else cache_folder()) / "compiled"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        _refuse(path, f"one that cannot be made ({error})")
        return None
    if not stat.S_ISDIR(found.st_mode):
        _refuse(path, "something else")
        return None
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        _refuse(path, "one of another user")
        return None
    if os.name == "posix" and found.st_mode & 0o022:
        _refuse(path, "one that others may write to")
        return None
    return path


def _refuse(path: Path, what: str) -> None:
    if str(path) not in _warned:
        _warned.add(str(path))
        warnings.warn(
            f"compiling: expected a folder of the user's own for compiled code, got {what}: "
            f"{path}. Nothing is kept, and each process compiles anew. Remove it, or name another "
            f"in {FOLDER}.",
            stacklevel=2,
        )


def read(key: str) -> bytes | None:
    """The code under a key, or None: there is none, or it is damaged."""
    if (path := folder()) is None:
        return None
    try:
        data = (path / key).read_bytes()
    except OSError:
        return None
    start = len(_BEGINNING) + hashlib.sha256().digest_size
    code = data[start:]
    whole = data[:start] == _BEGINNING + hashlib.sha256(key.encode() + code).digest()
    return code if whole and code else None


def write(key: str, code: bytes) -> None:
    """Keep code under a key; what fails is left out, since it can be compiled again."""
    if (path := folder()) is None:
        return
    digest = hashlib.sha256(key.encode() + code).digest()
    with contextlib.suppress(OSError):
        atomic_write(path / key, _BEGINNING + digest + code)
        entries = sorted(path.iterdir(), key=lambda p: p.stat().st_mtime)
        for old in entries[: len(entries) // 2] if len(entries) > MOST else ():
            old.unlink(missing_ok=True)
