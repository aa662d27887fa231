"""Replace a file so that every moment, crash or power cut leaves the old one or the new one, whole.

    write a temporary file beside the target -> fsync it -> rename it over the target -> fsync
    the directory, which makes the rename itself last

A process that is killed in between leaves its temporary file behind, named after its owner:
``.<target>.<process id>.<process token>.<count>.annlib-tmp``. The next save to the same target
removes those whose owner is gone. This holds on a local file system, where process ids mean one
thing; the last of two writers wins.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat

# Process ids come round again, and in a container they do so at every start: the token tells this
# process from one before it of the same id.
_TOKEN = os.urandom(4).hex()
_COUNT = itertools.count()


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Make ``data`` the whole content of the file ``path``, or leave that file as it was.

    A symbolic link stays, its target is replaced. A file that exists keeps its permissions, a new
    one gets those that the umask leaves.

    Parameters
    ----------
    path : str or path-like
        A regular file or a name that is free; a device or pipe is not replaced by a file.
    data : bytes
        The new content.

    Raises
    ------
    OSError
        If the system refuses a step. The file is then the old one and nothing else is left; only
        if the very last step fails, the sync of the directory, is it already the new one.

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
    target = os.path.realpath(path)
    directory, name = os.path.split(target)
    mode = _permissions(target)
    _sweep(directory, name)
    temporary = os.path.join(directory, f".{name}.{os.getpid()}.{_TOKEN}.{next(_COUNT)}.annlib-tmp")
    # Not the tempfile module: os.open applies the umask, which no thread can read without
    # changing it for all. A private file is never readable by others, not even for a moment.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary, flags, 0o666 if mode is None else mode)
    except OSError as error:
        error.filename = target  # what the user asked for: the directory is missing or closed
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if mode is not None:
                os.chmod(temporary, mode)  # the umask took from it what the old file had
            file.flush()
            os.fsync(file.fileno())
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
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(mode):  # as root, a save to /dev/null would replace the device
        raise OSError(errno.EINVAL, "expected a regular file, got a device or pipe", target)
    return stat.S_IMODE(mode)


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


def _sweep(directory: str, name: str) -> None:
    """Remove what killed writers of this target left behind; litter never stops a save."""
    pattern = re.compile(rf"\.{re.escape(name)}\.(\d+)\.([0-9a-f]+)\.\d+\.annlib-tmp")
    with contextlib.suppress(OSError):
        for entry in os.listdir(directory):
            found = pattern.fullmatch(entry)
            if found and not _alive(int(found[1]), found[2]):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(directory, entry))


def _alive(process: int, token: str) -> bool:
    if process == os.getpid():
        return token == _TOKEN
    if os.name != "posix":  # there, os.kill with signal 0 is no question: it would end the process
        return True
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM  # it lives, and is another user's
    except OverflowError:
        return False
    return True
