"""annlib beside its peers: the time of training and of prediction, on the same work in one run.

Every contender runs every row in a fresh process of its own, in turn with the others, several
times, with as many threads and processors as all the others.

    python -m benchmarks.speed
    python -m benchmarks.speed --rows T4 T5 --threads 1 --contenders annlib jax limit
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.speed import memory
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.report import table
from benchmarks.speed.worker import environment
from benchmarks.speed.workloads import WORKLOADS

#: Found[row][contender] are the seconds of a step in each round: the median, and the least.
Found = dict[str, dict[str, list[tuple[float, float]]]]


def main() -> None:
    arguments = parsed()
    about = machine(arguments.contenders)
    print("\n".join(f"{name}: {value}" for name, value in about.items()))
    results = {}
    for threads in arguments.threads:
        found = run(arguments.rows, arguments.contenders, threads, arguments.rounds)
        results[threads] = found
        print(f"\n{threads} thread{'s' * (threads > 1)}\n\n{table(found)}", flush=True)
    if arguments.memory:
        print("\n" + memory.table(arguments.contenders))
    after = os.getloadavg()[0]
    print(f"\nload average afterwards: {after:.2f}")
    if arguments.json:
        record = {"machine": about, "load_after": after, "seconds": results}
        arguments.json.write_text(json.dumps(record, indent=1), encoding="utf-8")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", nargs="+", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument(
        "--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS)
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="import, size and memory as well")
    parser.add_argument("--json", type=Path, help="a file for all numbers")
    return parser.parse_args()


def machine(contenders: list[str]) -> dict[str, str]:
    """What the numbers depend on."""
    load = os.getloadavg()[0]
    about = {
        "processor": processor(),
        "processors": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "load average": f"{load:.2f}",
    }
    if load > 0.5:
        about["WARNING"] = "the machine is busy: these numbers are not to be trusted"
    import numpy as np

    about["numpy"] = np.__version__
    for name in contenders:
        about[name] = version(name)
    return about


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def version(name: str) -> str:
    """Of the library, or why it cannot run."""
    code = (
        f"from benchmarks.speed.contenders import CONTENDERS as c;print(c[{name!r}](1).version())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    if done.returncode:
        return "not installed: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    return done.stdout.strip().splitlines()[-1]


def run(rows: list[str], contenders: list[str], threads: int, rounds: int) -> Found:
    found: Found = {row: {} for row in rows}
    failed: set[tuple[str, str]] = set()
    for turn in range(rounds):
        for row in rows:
            for name in contenders:
                if (row, name) in failed:
                    continue
                seconds = measured(name, row, threads)
                if seconds is None:
                    failed.add((row, name))
                    continue
                kept = found[row].setdefault(name, [])
                kept.append((statistics.median(seconds), min(seconds)))
        print(f"round {turn + 1} of {rounds}, {threads} threads: done", file=sys.stderr)
    return found


def measured(name: str, row: str, threads: int) -> list[float] | None:
    """The seconds of one process, or None if it cannot do that."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.worker", name, row, str(threads)],
        check=False,
        capture_output=True,
        text=True,
        env=environment(threads),
    )
    if done.returncode:
        print(f"{name} {row}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    seconds: list[float] | None = json.loads(done.stdout.splitlines()[-1])["seconds"]
    return seconds


if __name__ == "__main__":
    main()
