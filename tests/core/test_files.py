"""A save is old or new and whole: under kill -9, failing system calls, readers and other writers.

Run as a script, this file is a process that forks writers and kills them; it loads no threads, so
it may fork, and it pays for importing NumPy once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import random
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annlib
from annlib.core.errors import ModelFormatError
from annlib.core.files import atomic_write, open_file
from annlib.saving import container

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill, umask and modes are POSIX")

OLD, NEW = b"old" * 500, b"new" * 700  # smaller than any buffer, so that a flush is missed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# Order and failure of the steps


def test_the_steps_and_their_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            steps.append(("fsync directory", os.path.samestat(status, os.stat(path.parent))))
        else:  # all is written, and the old file is still in place
            steps.append(("fsync file", status.st_size == len(NEW) and path.read_bytes() == OLD))
        fsync(descriptor)

    def watched_replace(source: str, target: str) -> None:
        same_folder = Path(source).parent == Path(target).parent == path.parent
        steps.append(("replace", same_folder and Path(source).read_bytes() == NEW))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    atomic_write(path, NEW)
    assert steps == [("fsync file", True), ("replace", True), ("fsync directory", True)]
    assert path.read_bytes() == NEW
    assert names(path.parent) == [path.name]


@pytest.mark.parametrize("mode", [0o644, 0o600])
@pytest.mark.parametrize(
    ("call", "which", "survivor"),
    [
        ("open", 1, OLD),
        ("fdopen", 1, OLD),
        ("chmod", 1, OLD),
        ("fsync", 1, OLD),
        ("replace", 1, OLD),
        ("open", 2, NEW),  # the directory, after the rename: there is no way back, and no need
        ("fsync", 2, NEW),
    ],
)
def test_a_step_that_fails_leaves_one_whole_file(
    call: str, which: int, survivor: bytes, mode: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.chmod(mode)
    original, count = getattr(os, call), 0

    def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == which:
            raise OSError(errno.EIO, "injected")
        return original(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(OSError, match="injected"):
            atomic_write(path, NEW)
    assert count == which
    assert path.read_bytes() == survivor
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert names(path.parent) == [path.name]


def test_a_disk_that_fills_up_leaves_the_old_file(path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) - 1, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            atomic_write(path, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == OLD
    assert names(path.parent) == [path.name]


def test_ctrl_c_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, NEW)
    assert path.read_bytes() == OLD
    assert names(path.parent) == [path.name]


# Between two lines nobody has a file yet that it is to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", [TimeoutError, FileNotFoundError, InterruptedError, ValueError])
def test_what_a_handler_raises_in_the_middle_comes_through(
    kind: type[Exception], path: Path
) -> None:
    """A timeout of the user's at each line of a save: it is raised, and one whole file is there."""

    def handler(number: int, frame: Any) -> None:
        raise kind("of the handler")

    before = signal.signal(signal.SIGALRM, handler)
    (path.parent / f".{path.name}.{16 * '0'}.annlib-tmp").touch()  # litter, which is no reason
    line = raised = 0
    try:
        while raised == line:
            line, left = line + 1, line + 1

            def trace(frame: Any, event: str, argument: Any) -> Any:
                nonlocal left
                if event == "line" and frame.f_code.co_filename.endswith("core/files.py"):
                    left -= 1
                    if left == 0:
                        signal.raise_signal(signal.SIGALRM)
                return trace

            sys.settrace(trace)
            try:
                atomic_write(path, NEW)
            except kind as error:
                raised += error.args == ("of the handler",)
            finally:
                sys.settrace(None)
            assert path.read_bytes() in (OLD, NEW)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert raised > 30
    assert left > 0  # all lines were through
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ENOTSUP])
def test_a_file_system_that_syncs_no_directories_is_no_error(
    number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def without_directories(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", without_directories)
    atomic_write(path, NEW)
    assert path.read_bytes() == NEW


def test_no_descriptor_is_left_open(path: Path) -> None:
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").exists() else []
    for _ in range(5):
        atomic_write(path, NEW)
    assert len(os.listdir("/proc/self/fd")) == len(before) if before else True


def test_the_error_names_what_the_user_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        atomic_write(tmp_path / "missing" / "w", NEW)
    assert caught.value.filename == os.path.realpath(tmp_path / "missing" / "w")


def test_directories_and_devices_are_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        atomic_write(tmp_path, NEW)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="expected a regular file"):
        atomic_write(pipe, NEW)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


# Modes and links


@pytest.mark.parametrize(
    ("mask", "existing", "expected"),
    [
        (0o022, None, 0o644),
        (0o077, None, 0o600),
        (0o002, None, 0o664),
        (0o022, 0o640, 0o640),
        (0o077, 0o666, 0o666),
        (0o022, 0o600, 0o600),
        (0o022, 0o444, 0o444),
    ],
)
def test_permissions(
    mask: int, existing: int | None, expected: int, path: Path, umask: Callable[[int], int]
) -> None:
    if existing is None:
        path.unlink()
    else:
        path.chmod(existing)
    umask(mask)
    atomic_write(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == expected
    assert umask(mask) == mask  # never changed, not even for a moment that another thread could see


def test_a_private_file_is_private_from_the_first_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch, umask: Callable[[int], int]
) -> None:
    umask(0)
    path.chmod(0o600)
    modes = []
    fdopen = os.fdopen

    def watched(descriptor: int, mode: str) -> Any:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return fdopen(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", watched)
    atomic_write(path, NEW)
    assert modes == [0o600]


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_stays_and_its_target_is_replaced(dangling: bool, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "files").mkdir()
    target, link = tmp_path / "files" / "real", tmp_path / "links" / "link"
    if not dangling:
        target.write_bytes(OLD)
    link.symlink_to(Path("..") / "files" / "real")
    atomic_write(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    assert names(tmp_path / "files") == ["real"]
    assert names(tmp_path / "links") == ["link"]


def test_a_path_relative_to_the_current_directory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    atomic_write(path.name, NEW)
    assert path.read_bytes() == NEW


# What killed writers leave behind


def litter(path: Path, count: int = 0) -> Path:
    """A temporary file of a writer of this target."""
    return path.parent / f".{path.name}.{count:016x}.annlib-tmp"


def test_the_sweep_takes_what_nobody_locks_of_this_target(path: Path) -> None:
    token = "0123456789abcdef"
    kept = [
        f".other.{token}.annlib-tmp",
        f".wxsafetensors.{token}.annlib-tmp",
        f".{path.name}.annlib-tmp",
        f".{path.name}.{token[:-1]}.annlib-tmp",
        f"{path.name}.{token}.annlib-tmp",
        f".{path.name}.{token}.annlib-tmp.bak",
    ]
    for name in [*kept, litter(path, 0).name, litter(path, 1).name]:
        (path.parent / name).write_bytes(b"")
    with open(litter(path, 2), "wb") as of_another:
        fcntl.flock(of_another, fcntl.LOCK_EX)
        atomic_write(path, NEW)
        assert names(path.parent) == sorted([*kept, litter(path, 2).name, path.name])
    atomic_write(path, NEW)
    assert names(path.parent) == sorted([*kept, path.name])


def test_writers_that_see_nothing_of_each_other_both_save(tmp_path: Path) -> None:
    """Who owns a file is no question of process ids, which two containers have of their own."""
    path = tmp_path / "w"
    program = (
        "import os, sys; from annlib.core.files import atomic_write\n"
        "os.getpid = lambda: 1  # as in every container\n"
        "def kill(*_): raise ProcessLookupError(3, 'No such process')\n"
        "os.kill = kill\n"
        "for count in range(200): atomic_write(sys.argv[1], bytes(100_000))\n"
    )
    root = str(Path(annlib.__file__).parents[1])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            env={**os.environ, "PYTHONPATH": root},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [writer.communicate(timeout=100)[1] for writer in writers] == ["", ""]
    assert names(tmp_path) == ["w"]


def test_a_sweep_that_comes_before_the_lock_is_noticed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file that another takes for litter, before it is locked or while, gets another name."""
    flock, created = fcntl.flock, []

    def swept_before(descriptor: int, operation: int) -> None:
        created.append(found := next(path.parent.glob(".*.annlib-tmp")))
        if len(created) == 1:  # the other has the lock, and removes it a moment later
            with open(found) as other:
                flock(other, fcntl.LOCK_EX)
                try:
                    flock(descriptor, operation)
                finally:
                    found.unlink()
        elif len(created) == 2:  # the other has been here already
            found.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", swept_before)
    atomic_write(path, NEW)
    assert len(set(created)) == 3
    assert path.read_bytes() == NEW
    assert names(path.parent) == [path.name]


def test_a_file_system_without_locks_takes_saves_and_keeps_litter(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    litter(path).write_bytes(b"")
    atomic_write(path, NEW)
    assert path.read_bytes() == NEW
    assert names(path.parent) == [litter(path).name, path.name]


@pytest.mark.parametrize(
    "name", ["n" * 255, "n" * 230, "ä" * 127, "字" * 85, "💾" * 63, "\udcff" * 255]
)
def test_every_name_that_the_system_takes_is_one_to_save_to(name: str, tmp_path: Path) -> None:
    for data in (OLD, NEW):
        atomic_write(tmp_path / name, data)
        assert (tmp_path / name).read_bytes() == data
    assert names(tmp_path) == [name]


def test_litter_of_a_long_name_is_swept(tmp_path: Path) -> None:
    path = tmp_path / ("字" * 80)
    (tmp_path / f".{'字' * 21}.0123456789abcdef.annlib-tmp").write_bytes(b"")
    atomic_write(path, NEW)
    assert names(tmp_path) == [path.name]


def test_the_sweep_spares_another_save_of_this_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync
    inner: list[list[str]] = []

    def saving_again(descriptor: int) -> None:
        fsync(descriptor)
        if not inner:
            inner.append(names(path.parent))
            atomic_write(path, OLD + NEW)

    monkeypatch.setattr(os, "fsync", saving_again)
    atomic_write(path, NEW)
    assert len(inner[0]) == 2  # the outer save was under way
    assert path.read_bytes() == NEW  # it ended last
    assert names(path.parent) == [path.name]


def test_litter_that_cannot_be_removed_stops_no_save(path: Path) -> None:
    litter(path, 0).mkdir()
    os.mkfifo(litter(path, 1))
    litter(path, 2).symlink_to("nowhere")
    litter(path, 3).write_bytes(b"")
    atomic_write(path, NEW)
    assert path.read_bytes() == NEW
    assert names(path.parent) == [litter(path, count).name for count in range(3)] + [path.name]


# What is no file


def test_what_is_no_file_is_told_at_once(path: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for place in (tmp_path / "pipe", tmp_path / "socket", "/dev/zero"):
            assert open_file(place) is None
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        open_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "none")
    (tmp_path / "link").symlink_to(path)
    file = open_file(tmp_path / "link")
    assert file is not None
    with file:
        assert file.read() == OLD


# Death, readers, other writers: in processes of their own


def in_a_process(*arguments: str) -> dict[str, Any]:
    root = str(Path(annlib.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, __file__, *arguments],
        env={**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_kill_9_leaves_a_file_that_loads(tmp_path: Path) -> None:
    report = in_a_process("kill", str(tmp_path / "w"), "30")
    assert report["loaded"] == 30
    assert len(set(report["versions"])) > 3  # the writers did come to save
    assert report["litter seen"] > 0  # some were killed in the middle
    assert names(tmp_path) == ["w"]  # and the next save cleans up


def test_kill_9_destroys_the_file_of_a_naive_writer(tmp_path: Path) -> None:
    """The control: a harness that cannot see this one fail would prove nothing."""
    report = in_a_process("kill naive", str(tmp_path / "w"), "20")
    assert report["loaded"] <= 8


def test_readers_and_two_writers_meet(tmp_path: Path) -> None:
    report = in_a_process("meet", str(tmp_path / "w"), "300")
    assert report["failed"] == []
    assert report["saves"] == [0, 0]
    assert report["versions"] > 3
    assert names(tmp_path) == ["w"]


def content(version: int) -> bytes:
    tensors = {"w": np.full(65_536, float(version)), "step": np.array(version)}
    return container.to_bytes("weights", {"version": version}, tensors)


def naive_write(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(data), 1024):
            file.write(data[start : start + 1024])


def load(path: str) -> int:
    """The version of a file that is one version throughout."""
    header, tensors = container.read(path, "weights")
    version: int = header["version"]
    assert tensors["step"] == version
    assert (tensors["w"] == version).all()
    return version


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def kill(path: str, count: int, write: Callable[[str, bytes], None]) -> dict[str, Any]:
    rng = random.Random(0)
    contents = [content(version) for version in range(10)]
    report: dict[str, Any] = {"loaded": 0, "versions": [], "litter seen": 0}

    def forever() -> None:
        for data in itertools.cycle(contents):
            write(path, data)

    atomic_write(path, contents[0])
    for _ in range(count):
        child = fork(forever)
        time.sleep(rng.uniform(0.01, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        report["litter seen"] += len(os.listdir(os.path.dirname(path))) > 1
        with contextlib.suppress(ModelFormatError, AssertionError):
            report["versions"].append(load(path))
            report["loaded"] += 1
    atomic_write(path, contents[0])
    return report


def meet(path: str, reads: int) -> dict[str, Any]:
    report: dict[str, Any] = {"failed": [], "saves": [], "versions": 0}
    contents = [content(version) for version in range(20)]
    atomic_write(path, contents[0])
    stop = os.path.join(os.path.dirname(path), "stop")

    def until_stopped() -> None:
        for data in itertools.cycle(contents):
            if os.path.exists(stop):
                return
            atomic_write(path, data)

    writers = [fork(until_stopped), fork(until_stopped)]
    versions = set()
    for _ in range(reads):
        try:
            versions.add(load(path))
        except Exception as error:
            report["failed"].append(repr(error))
    with open(stop, "w"):
        pass
    report["saves"] = [os.waitpid(writer, 0)[1] for writer in writers]
    os.unlink(stop)
    report["versions"] = len(versions)
    return report


if __name__ == "__main__":
    what, where, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "meet":
        sys.stdout.write(json.dumps(meet(where, times)))
    else:
        sys.stdout.write(
            json.dumps(kill(where, times, naive_write if what == "kill naive" else atomic_write))
        )
