"""One contender on one workload, in a process of its own; prints one line of JSON.

python -m benchmarks.speed.worker annlib T4 1
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

# Seconds that a measurement takes at least, and calls.
AT_LEAST, CALLS = 0.8, 3


#: What may bind OpenBLAS to the kernels of another processor than the one at hand.
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def environment(threads: int) -> dict[str, str]:
    """The environment of a contender, for it must know its threads before it is loaded.

    Libraries choose the kernels for the processor by themselves, as they do on a user's machine,
    and more threads than one as well: they find as many processors as there shall be threads.
    """
    own = {name: value for name, value in os.environ.items() if name not in (*FOREIGN, *THREADS)}
    own["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        own |= dict.fromkeys(THREADS, "1")
        own["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return own


def unit_seconds(contender: Any, work: Any) -> list[float] | None:
    """Seconds a step, a call of ``predict``, or a whole ``fit``: of several epochs or calls."""
    from benchmarks.speed.workloads import data

    X, y = data(work)
    if work.kind == "train":
        train = contender.training(work, X, y)
        if train is None:
            return None
        return [seconds / work.steps for seconds in enough(train)]
    fits = work.kind == "fit"
    predict = contender.fitting(work, X, y) if fits else contender.prediction(work, X)
    if predict is None:
        return None
    calls = 200 if work.kind == "latency" else 1

    def repeat(times: int) -> list[float]:
        found = []
        for _ in range(times):
            start = time.perf_counter()
            for _ in range(calls):
                predict()
            found.append((time.perf_counter() - start) / calls)
        return found

    return enough(repeat)


def enough(measure: Any) -> list[float]:
    """The seconds of so many epochs that they can be trusted, after one to warm up."""
    measure(1)
    start = time.perf_counter()
    measure(1)
    one = time.perf_counter() - start
    return list(measure(max(CALLS, int(AT_LEAST / one))))


def main() -> None:
    name, row, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for foreign in (*FOREIGN, *THREADS):
        os.environ.pop(foreign, None)
    os.environ |= environment(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from benchmarks.speed.contenders import CONTENDERS
    from benchmarks.speed.workloads import WORKLOADS

    contender = CONTENDERS[name](threads)
    print(json.dumps({"seconds": unit_seconds(contender, WORKLOADS[row])}))


if __name__ == "__main__":
    main()
