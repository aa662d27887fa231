"""Import time, installed size, and the peak memory of a training on unsigned-byte images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.speed.worker import environment

#: annlib loads its parts when they are asked for.
OWN = "annlib; annlib.Sequential, annlib.layers.Dense"

MODULES = {
    "annlib": OWN,
    "annlib[jit]": OWN,
    "jax": "jax",
    "torch": "torch",
    "keras-jax": "keras",
    "keras-torch": "keras",
    "sklearn": "sklearn.neural_network",
}
DISTRIBUTIONS = {
    "annlib[jit]": ("annlib", "numba"),
    "keras-jax": ("keras", "jax"),
    "keras-torch": ("keras", "torch"),
}

IMPORT = """
import time; start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""
NUMPY = IMPORT.format(module="numpy")


def table(contenders: list[str]) -> str:
    lines = [
        "| | import, s | installed, MB | peak memory, MB | of it the library and data |",
        "|---|---|---|---|---|",
        f"| NumPy | {import_seconds('', 'numpy'):.2f} | {installed(['numpy']):.0f} | | |",
    ]
    for name in contenders:
        if name not in MODULES:
            continue
        peak, before = training_memory(name)
        size = installed(list(DISTRIBUTIONS.get(name, [distribution(name)])))
        lines.append(
            f"| {name} | {import_seconds(name, MODULES[name]):.2f} | {size:.0f} | {peak:.0f} | "
            f"{before:.0f} |"
        )
    return "\n".join(lines)


def distribution(name: str) -> str:
    return {"sklearn": "scikit-learn"}.get(name, name)


def import_seconds(name: str, module: str) -> float:
    """The least of five fresh processes."""
    backend = {"KERAS_BACKEND": name.partition("-")[2]} if "keras" in name else {}
    return min(
        float(output(["-c", IMPORT.format(module=module)], backend).splitlines()[-1])
        for _ in range(5)
    )


def training_memory(name: str) -> tuple[float, float]:
    """Megabytes at most while training, and before it: library and data."""
    found: dict[str, Any] = json.loads(
        output(["-m", "benchmarks.speed.memory", name], environment(1)).splitlines()[-1]
    )
    return found["peak"], found["before"]


def output(arguments: list[str], extra: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **extra},
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    return done.stdout


def installed(names: list[str]) -> float:
    """Megabytes of these distributions and all that they need (without extras)."""
    from packaging.requirements import Requirement

    todo, seen, total = list(names), set[str](), 0
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        files = (Path(str(file.locate())) for file in found.files or [])
        size = sum(file.stat().st_size for file in files if file.exists())
        if name == "annlib":  # an editable installation lists no files
            import annlib

            root = Path(annlib.__file__).parent
            size = max(size, sum(file.stat().st_size for file in root.rglob("*.py")))
        total += size
        for text in found.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return total / 1e6


def main() -> None:
    import resource

    from benchmarks.speed.contenders import CONTENDERS
    from benchmarks.speed.workloads import WORKLOADS, images

    contender = CONTENDERS[sys.argv[1]](1)
    X, y = images()
    work = WORKLOADS["T5"]._replace(rows=len(X))
    before = resident()
    train = contender.training(work, X, y)
    if train is not None:
        train(1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"peak": peak, "before": before}))


def resident() -> float:
    """Megabytes in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
