"""One model in many processes: real ones, started by ``mpiexec``, beside one alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parallel import jobs

import annlib
from annlib import ConfigurationError, parallel
from annlib.training.processes import Communicator, share

pytest.importorskip("mpi4py")
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec"),
    pytest.mark.xdist_group("mpi"),
]


def job(n: int, name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a job of n processes to its end."""
    root = Path(annlib.__file__).parents[1]
    allowed = {
        f"{library}_ALLOW_RUN_AS_ROOT{end}": "1"
        for library in ("OMPI", "PRTE")
        for end in ("", "_CONFIRM")
    }
    command = [str(MPIEXEC), "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", str(n)]
    command += [sys.executable, str(Path(jobs.__file__)), name, str(folder)]
    return subprocess.run(
        command,
        env={**os.environ, **allowed, "PYTHONPATH": str(root), **variables},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
        check=False,
    )


def ended(folder: Path) -> bool:
    """Whether no process of a job in this folder is left, now or soon."""
    for _ in range(50):
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        if str(folder) not in listed.stdout:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which one process alone, two and three have trained the same."""
    folder = tmp_path_factory.mktemp("mpi")
    for k, rows in enumerate(np.split(jobs.X, [150, 160])):
        np.save(folder / f"rows-{k}.npy", rows)
    jobs.agreement(folder, None, "alone")
    jobs.agreement(folder, parallel.MPI(), "n1")
    for n in (2, 3):
        ran = job(n, "agreement", folder)
        assert ran.returncode == 0, ran.stderr[-3000:]
        (folder / f"said-{n}.txt").write_text(ran.stdout)
    return folder


def results(path: Path) -> dict[str, Any]:
    with np.load(path) as found:
        return dict(found)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", [make.__name__ for make in jobs.CASES])
@pytest.mark.parametrize("n", [2, 3])
def test_many_processes_train_as_one(done, n, case, dtype):
    alone = results(done / f"alone-{case}-{dtype}-0.npz")
    replicas = [results(done / f"n{n}-{case}-{dtype}-{rank}.npz") for rank in range(n)]
    limit = 1e-12 if dtype == "float64" else 1e-5
    for name, expected in alone.items():
        np.testing.assert_allclose(replicas[0][name], expected, rtol=limit, atol=limit)
        for replica in replicas[1:]:
            np.testing.assert_array_equal(replica[name], replicas[0][name])


@pytest.mark.parametrize("case", [make.__name__ for make in jobs.CASES])
def test_one_process_with_a_strategy_has_the_same_bits(done, case):
    alone, one = (results(done / f"{who}-{case}-float32-0.npz") for who in ("alone", "n1"))
    for name, expected in alone.items():
        np.testing.assert_array_equal(one[name], expected)


def test_one_process_writes_and_shows(done):
    for n in (2, 3):
        said = (done / f"said-{n}.txt").read_text()
        assert said.count("Epoch 8/8") == 1
        assert len((done / f"log-{n}.csv").read_text().splitlines()) == 1 + 8
        assert (done / f"best-{n}.safetensors").exists()
        assert len(list((done / f"backup-of-{n}").iterdir())) == 1
        assert all(f"process {rank} has ended" in said for rank in range(n))


def test_what_differs_is_named_in_all_processes(done):
    said = [(done / f"refused-{rank}.txt").read_text().splitlines() for rank in range(3)]
    assert said[0] == said[1] == said[2]
    for message, expected in zip(
        said[0],
        (
            *("same data .*403, 7.*in process 0 and .*402, 7.*in process 1", "same data"),
            *('same data .*"batch_size": 25.*26', "same epochs .* got 1 .* and 2 in process 1"),
            "same validation .* got null in process 0",
            *("same seed .* got 4 in process 0 and 5 in process 1", "same layers"),
            *("same optimizer .*Adam.*SGD", "trains batch by batch with a strategy"),
            *("no jit_compile=True with a strategy", "rows that can be divided"),
            "expected a finite loss|expected finite|is not finite",
        ),
        strict=True,
    ):
        assert re.search(expected, message), (expected, message)


def test_a_job_without_a_strategy_is_told_so(tmp_path):
    ran = job(2, "alone", tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for rank in (0, 1):
        (said,) = (tmp_path / f"warned-{rank}.txt").read_text().splitlines()
        assert "expected a strategy in a job of 2 processes" in said and "MPI()" in said


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("error", "annlib: process 1 of 2 ends by an error:"),
        ("kill", "rank 1"),
        ("stop", "process 0 of 2 has waited for the others for 3 s"),
    ],
)
def test_a_process_that_ends_or_stands_still_ends_the_job_and_it_goes_on_from_there(
    done, tmp_path, how, said
):
    begun = time.monotonic()
    ran = job(2, how, tmp_path, STEP_TIMEOUT="3" if how == "stop" else "60")
    assert ran.returncode != 0
    assert time.monotonic() - begun < 60  # neither hangs, nor waits for the step's time
    assert said in ran.stderr + ran.stdout
    assert ended(tmp_path)
    if how == "error":
        assert "RuntimeError: a mistake in process 1" in ran.stderr
    # Again: on as many processes to the same bits, on another number but for rounding.
    copy = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-copy"))
    expected = results(done / "n2-everything-float64-0.npz")
    for n, folder, limit in ((2, tmp_path, 0), (3, copy, 1e-12)):
        ran = job(n, "none", folder)
        assert ran.returncode == 0, ran.stderr[-3000:]
        found = results(folder / f"resumed-{n}-0.npz")
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=limit, atol=limit)
        if how != "error":
            break  # once is enough for the rest


def test_what_else_stands_in_the_environment_is_no_number_of_processes(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "many")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "")
    model, given = jobs.few_rows("float64", Path())
    model.fit(**given, verbose=0)  # warnings are errors here


def test_shares_are_all_rows():
    for size in range(1, 6):
        for rows in range(1, 20):
            parts = [share(rows, rank, size) for rank in range(size)]
            if rows < size:
                assert parts == [slice(0, rows)] * size
                continue
            assert parts[0].start == 0 and parts[-1].stop == rows
            assert all(a.stop == b.start for a, b in pairwise(parts))
            assert all(part.stop > part.start for part in parts)


def test_what_is_no_strategy():
    model, given = jobs.few_rows("float64", Path())
    for wrong in ("mpi", parallel.MPI, object(), 3):
        with pytest.raises(ConfigurationError, match=r"strategy=annlib\.parallel\.MPI\(\)"):
            model.fit(**given, strategy=wrong)
    for wrong in (0, -1, "a", None, np.nan):
        with pytest.raises(ConfigurationError, match="step_timeout as a number in"):
            parallel.MPI(step_timeout=wrong)
    assert isinstance(parallel.MPI(), Communicator)


def test_without_mpi4py_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"pip install .*\[mpi\]"):
        parallel.MPI()
