"""Files on disk: opened only if they are files, and replaced whole or not at all; file objects.

Every moment, crash or power cut leaves the old file or the new one:

    write a temporary file beside the target -> fsync it -> rename it over the target -> fsync
    the directory, which makes the rename itself last

A process that is killed in between leaves its temporary file behind,
``.<target>.<random>.annlib-tmp``. Each writer keeps a lock on its own, which ends with its process
wherever that runs, and the next save to the same target removes those that nobody locks. The last
of two writers wins.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from annlib.core.checks import check_path
from annlib.core.errors import ConfigurationError, FolderError, MissingFileError

fcntl: Any
try:
    import fcntl
except ImportError:  # on Windows: without locks nothing is swept
    fcntl = None

# A temporary name is short, however long that of the target is.
_MOST_LETTERS = 64
# Bytes that are read of a file object at a time: nobody knows how many it has.
_PART = 2**26
_BINARY = getattr(os, "O_BINARY", 0)


def open_file(path: str | os.PathLike[str]) -> BinaryIO | None:
    """The file, open to be read; None, at once, if the name is that of a pipe, socket or device.

    Raises
    ------
    OSError
        If the system refuses it, or it is a directory.
    """
    try:
        # Without waiting for the writer of a pipe; and what is open is asked what it is, since the
        # name may be that of another a moment later.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            return None
        raise _without_file(path) if error.errno == errno.ENOENT else error from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise _a_folder(os.fspath(path))
    return None


def _without_file(path: str | os.PathLike[str]) -> MissingFileError:
    """What to say where no file is: one that is called much like it, or what folder is missing."""
    from difflib import get_close_matches

    folder, name = os.path.split(os.fspath(path))
    try:
        near = get_close_matches(name, os.listdir(folder or os.curdir), 1)
    except OSError:
        return _without_folder(os.fspath(path))
    hint = f' Did you mean "{near[0]}"?' if near else ""
    said = f"expected a file, got none of this name in {os.path.abspath(folder)}.{hint}"
    return MissingFileError(errno.ENOENT, said, os.fspath(path))


def _without_folder(path: str) -> MissingFileError:
    folder = os.path.dirname(path)
    while (above := os.path.dirname(folder)) != folder and not os.path.exists(above):
        folder = above
    said = f"expected a folder {folder}, got none. Make it first (os.makedirs), or mend the path."
    return MissingFileError(errno.ENOENT, said, path)


def _a_folder(path: str) -> FolderError:
    said = f"expected a file, got a folder. Name one in it: {os.path.join(path, 'name')}."
    return FolderError(errno.EISDIR, said, path)


def file_object(file: Any) -> BinaryIO | None:
    """An open file, or an object like one, as it is; None for a path and anything else."""
    if isinstance(file, str | bytes | os.PathLike | type):
        return None
    alike: BinaryIO | None = file if hasattr(file, "read") or hasattr(file, "write") else None
    return alike


def check_file(
    path: Any, where: str, name: str = "filepath", *, overwrite: bool = True
) -> str | BinaryIO:
    """A path as text, or a file object; raises ``ConfigurationError`` for anything else.

    Raises
    ------
    FileExistsError
        If a file of that path exists and ``overwrite`` is false.
    """
    if (file := file_object(path)) is not None:
        return file
    path = check_path(path, where, name)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(
            f"{where}: expected a path where no file is, got {path}. Pass overwrite=True, or "
            "another path."
        )
    return str(path)


def shown(path: Any) -> str:
    """A path as text, and a file object as an error shows it."""
    return os.fsdecode(path) if file_object(path) is None else f"<{type(path).__name__}>"


def write_object(file: BinaryIO, data: bytes, where: str) -> None:
    """Write all of ``data`` to an open file, from where it stands.

    Raises
    ------
    ConfigurationError
        If it was opened for text, or cannot be written to; nothing has been written then.
    """
    try:
        file.write(b"")
    except (AttributeError, TypeError, ValueError) as error:  # Python's own say too little
        raise _no_binary(file, where, "wb", error) from None
    left = memoryview(data)
    while left:
        written = file.write(left)
        left = left[len(left) if written is None else written :]  # a raw file may take a part


def read_object(file: BinaryIO, where: str, most: int) -> bytes:
    """All that is left in an open file, or a byte more than ``most`` of it.

    Raises
    ------
    ConfigurationError
        If it was opened for text, or cannot be read from.
    """
    try:
        if not isinstance(file.read(0), bytes):
            raise TypeError("it reads text")
    except (AttributeError, TypeError, ValueError) as error:
        raise _no_binary(file, where, "rb", error) from None
    parts = []
    while most >= 0 and (part := file.read(min(most + 1, _PART))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _no_binary(file: Any, where: str, mode: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f'{where}: expected a file object that is open as with mode "{mode}", got {file!r} '
        f"({error}). Open it in this mode, take io.BytesIO, or pass a path."
    )


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Make ``data`` the whole content of the file ``path``, or leave that file as it was.

    See ``atomic_file``.

    Parameters
    ----------
    path : str or path-like
    data : bytes

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "notes")
    ...     atomic_write(path, b"an older text")
    ...     atomic_write(path, b"new")
    ...     os.listdir(folder), os.path.getsize(path)
    (['notes'], 3)
    """
    with atomic_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which becomes the file ``path`` when all has been written, or nothing.

    A symbolic link stays, its target is replaced. A file that exists keeps its permissions, a new
    one gets those that the umask leaves.

    Parameters
    ----------
    path : str or path-like
        A regular file or a name that is free; a device or pipe is not replaced by a file.

    Raises
    ------
    OSError
        If the system refuses a step. The file is then the old one and nothing else is left; only
        if the very last step fails, the sync of the directory, is it already the new one.
    """
    target = os.path.realpath(path)
    directory, name = os.path.split(target)
    # Cut, letter by letter: a name ends at so many bytes, which one letter may be several of.
    label = os.fsencode(name)[:_MOST_LETTERS].decode(errors="ignore")
    mode = _permissions(target)
    _sweep(directory, label)
    try:
        descriptor, temporary = _create(directory, label, 0o666 if mode is None else mode)
    except OSError as error:
        error.filename = target  # what the user asked for: the directory is missing or closed
        if error.errno == errno.ENOENT:
            raise _without_folder(target) from None
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if mode is not None:
                os.chmod(temporary, mode)  # the umask took from it what the old file had
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # before the lock ends
                os.replace(temporary, target)
        if fcntl is None:  # Windows renames no open file
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_directory(directory)


def _permissions(target: str) -> int | None:
    """The permission bits of the file to replace; None if there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError as error:
        if error.errno is None:
            raise
        return None
    if stat.S_ISDIR(mode):
        raise _a_folder(target)
    if not stat.S_ISREG(mode):  # as root, a save to /dev/null would replace the device
        raise OSError(errno.EINVAL, "expected a regular file, got a device or pipe", target)
    return stat.S_IMODE(mode)


def _create(directory: str, label: str, mode: int) -> tuple[int, str]:
    """A new file beside the target, open and locked, and its name."""
    while True:
        token = os.urandom(8).hex()
        temporary = os.path.join(directory, f".{label}.{token}.annlib-tmp")
        # Not the tempfile module: os.open applies the umask, which no thread can read without
        # changing it for all. A private file is never readable by others, not even for a moment.
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        if fcntl is None or (_lock(descriptor) is not False and os.fstat(descriptor).st_nlink):
            return descriptor, temporary
        os.close(descriptor)  # a sweep came first, and takes it for litter


def _lock(descriptor: int) -> bool | None:
    """Lock an open file; False if another has locked it, None if this file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno is None:
            raise
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _sync_directory(directory: str) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems sync no directories; the file is complete all the same.
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _tolerated() -> Iterator[None]:
    """Let pass what the system refuses; not what the handler of a signal raises meanwhile, such as
    ``TimeoutError``, which is an ``OSError`` without a number.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise


def _sweep(directory: str, label: str) -> None:
    """Remove what killed writers of this target left behind; litter never stops a save."""
    if fcntl is None:
        return
    pattern = re.compile(rf"\.{re.escape(label)}\.[0-9a-f]{{16}}\.annlib-tmp")
    with _tolerated():
        for entry in os.listdir(directory):
            if pattern.fullmatch(entry):
                with _tolerated():
                    _remove_if_left(os.path.join(directory, entry))


def _remove_if_left(path: str) -> None:
    file = open_file(path)
    if file is not None:
        with file:
            if _lock(file.fileno()):
                os.unlink(path)
