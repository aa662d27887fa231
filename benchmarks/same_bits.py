"""Whether annlib still computes the same bits and writes the same files as an earlier version.

Every part is trained a little, in hundreds of small cases (`benchmarks.bits_cases`), and what a
user can get of it is recorded: weights, History, predictions, evaluation, the attributes of
estimators, saved files::

    python -m benchmarks.same_bits record FOLDER     # at the earlier version
    python -m benchmarks.same_bits compare FOLDER    # at the later one
    python -m benchmarks.same_bits compare FOLDER --only lbfgs --texts

Numbers are compared with their types, to the bit. Files are compared by their tensors and their
description, to which entries may be added; besides, the later version loads the earlier one's files
and goes on from them. Texts (trace, explain, checkup, summary, warnings) are compared exactly and
listed apart: they count only with ``--texts``. The status is 1 if anything differs that counts.

Only the public interface is used, and the machine, NumPy and its BLAS must be the same for both.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums of one order, before NumPy reads it
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from safetensors import safe_open

import annlib
from benchmarks.bits_cases import FAMILIES, Place, cases

#: What a description says about the version and the libraries that wrote the file.
OF_VERSION = {"annlib", "numpy", "platform", "sha256"}
TEXTS = "texts"


# -- what a case has given, as arrays by name --------------------------------------------------


def flat(value: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every number and text in nested results, by its place and type."""
    if isinstance(value, Mapping):
        yield f"{path} (keys)", np.array([str(key) for key in value], np.str_)
        for key, item in value.items():
            yield from flat(item, f"{path}/{key}" if path else str(key))
    elif isinstance(value, list | tuple) and not _plain(value):
        yield f"{path} (length)", np.array(len(value))
        for i, item in enumerate(value):
            yield from flat(item, f"{path}[{i}]")
    else:
        kinds = {type(item).__name__ for item in value} if isinstance(value, list | tuple) else ()
        kind = f"{type(value).__name__}{' of ' + ', '.join(sorted(kinds)) if kinds else ''}"
        array = np.asarray("None" if value is None else value)
        if array.dtype == object:
            raise TypeError(f"{path}: expected numbers or text, got {value!r}")
        yield f"{path} ({kind})", array


def _plain(values: list[Any] | tuple[Any, ...]) -> bool:
    return bool(values) and all(isinstance(v, bool | int | float | str) for v in values)


def run(case: Any, place: Place) -> dict[str, np.ndarray]:
    """What the case gives, warnings among its texts."""
    place.folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            result = dict(case(place))
    said = [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    result[TEXTS] = {
        **result.get(TEXTS, {}),
        "warnings": "\n".join(said),
        "printed": out.getvalue(),
    }
    return dict(flat(result))


# -- comparing ---------------------------------------------------------------------------------


def different(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> Iterator[str]:
    """One line for each number or text that is not the same."""
    for name in sorted(before.keys() - after.keys()):
        yield f"{name}: vanished"
    for name in sorted(after.keys() - before.keys()):
        yield f"{name}: is new"
    for name in sorted(before.keys() & after.keys()):
        one, two = before[name], after[name]
        if one.dtype.kind == "U":
            if one.tolist() != two.tolist():
                yield f"{name}: {_first_line(one.tolist(), two.tolist())}"
        elif (one.dtype, one.shape) != (two.dtype, two.shape):
            yield f"{name}: {one.dtype}{one.shape} became {two.dtype}{two.shape}"
        elif one.tobytes() != two.tobytes():
            with np.errstate(all="ignore"):
                far = np.abs(one.astype(np.float64) - two.astype(np.float64)).max()
            yield f"{name}: {np.sum(one != two)} of {one.size} numbers differ, by up to {far:.3g}"


def _first_line(one: Any, two: Any) -> str:
    if not isinstance(one, str) or not isinstance(two, str):
        return f"{one!r} became {two!r}"
    lines = zip([*one.splitlines(), "(end)"], [*two.splitlines(), "(end)"], strict=False)
    return next((f"{a!r} became {b!r}" for a, b in lines if a != b), "line ends")


def changed(before: Any, after: Any, where: str) -> Iterator[str]:
    """Entries of a description that changed or vanished; new ones are no difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{where}.{key}: vanished"
            else:
                yield from changed(value, after[key], f"{where}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, two) in enumerate(zip(before, after, strict=True)):
            yield from changed(one, two, f"{where}[{i}]")
    elif type(before) is not type(after) or before != after:
        yield f"{where}: {before!r} became {after!r}"


def read(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """The description in a file, and its tensors."""
    if path.suffix == ".json":
        return json.loads(path.read_text()), {}
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
        described = {key: json.loads(text) for key, text in metadata.items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
    own = described["annlib"]
    described["annlib"] = {key: value for key, value in own.items() if key not in OF_VERSION}
    return described, tensors


def files_different(before: Path, after: Path) -> Iterator[str]:
    """One line for each difference between the files in two folders."""
    names = [
        {p.relative_to(root) for p in root.rglob("*") if p.is_file()} for root in (before, after)
    ]
    for name in sorted(names[0] ^ names[1]):
        yield f"{name}: the file {'vanished' if name in names[0] else 'is new'}"
    for name in sorted(names[0] & names[1]):
        if name.suffix not in {".json", ".safetensors"}:
            if (before / name).read_bytes() != (after / name).read_bytes():
                yield f"{name}: its bytes differ"
            continue
        (one, arrays), (two, others) = read(before / name), read(after / name)
        yield from changed(one, two, str(name))
        yield from (f"{name}: tensor {line}" for line in different(arrays, others))


# -- the commands ------------------------------------------------------------------------------


def record(folder: Path, only: str) -> int:
    """Write what every case gives."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder}: expected a new or empty folder.")
    failed = 0
    for name, case in chosen(only).items():
        try:
            results = run(case, Place(folder / name / "files", folder / name / "files"))
        except Exception:
            print(f"{name}: {traceback.format_exc()}")
            failed += 1
            continue
        np.savez(
            folder / name / "results.npz", **{str(i): a for i, a in enumerate(results.values())}
        )
        (folder / name / "names.json").write_text(json.dumps(list(results)))
    missing = sorted(public_parts() - parts_in(folder))
    if missing and not only:
        print(f"in no file: {', '.join(missing)}")
    return int(bool(failed))


def compare(folder: Path, only: str, with_texts: bool) -> int:
    """Print what has changed since ``folder`` was recorded; returns the status."""
    bad = texts = 0
    for name, case in chosen(only).items():
        if not (folder / name).is_dir():
            print(f"{name}: not recorded")
            bad += 1
            continue
        names = json.loads((folder / name / "names.json").read_text())
        with np.load(folder / name / "results.npz") as stored:
            before = {key: stored[str(i)] for i, key in enumerate(names)}
        with tempfile.TemporaryDirectory() as fresh:
            try:
                after = run(case, Place(Path(fresh), folder / name / "files"))
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}")
                bad += 1
                continue
            lines = [
                *different(before, after),
                *files_different(folder / name / "files", Path(fresh)),
            ]
        said = [line for line in lines if line.startswith(TEXTS)]
        for line in lines:
            if line not in said or with_texts:
                print(f"{name}: {line}")
        bad += len(lines) - len(said)
        texts += len(said)
    if not only:
        for path in sorted(folder.iterdir()):
            if path.name not in chosen(only):
                print(f"{path.name}: recorded, but no case of this version")
                bad += 1
    print(f"{bad} differences; {texts} in texts{'' if with_texts else ' (not counted: --texts)'}")
    return int(bool(bad or (with_texts and texts)))


def chosen(only: str) -> dict[str, Any]:
    return {name: case for name, case in cases().items() if only in name}


def public_parts() -> set[str]:
    """The classes of all families that the files of some case ought to name."""
    return {
        cls.__name__
        for family in FAMILIES
        if family != "callbacks"  # no model holds one
        for cls in map(getattr(annlib, family).__dict__.get, getattr(annlib, family).__all__)
        if isinstance(cls, type) and getattr(cls, "registered", False)
    } - {"Mean", "Sum"}  # metrics of values, which no model has


def parts_in(folder: Path) -> set[str]:
    """The classes that the recorded descriptions name."""
    found: set[str] = set()

    def search(value: Any) -> None:
        if isinstance(value, dict):
            found.add(str(value.get("class_name")))
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                search(item)

    for path in folder.rglob("*.safetensors"):
        search(read(path)[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="cases whose name has this")
    parser.add_argument("--texts", action="store_true", help="count and show texts as well")
    given = parser.parse_args()
    print(f"annlib {annlib.__version__} in {Path(annlib.__file__).parent}")
    started = time.perf_counter()
    if given.command == "record":
        status = record(given.folder, given.only)
    else:
        status = compare(given.folder, given.only, given.texts)
    print(f"{len(chosen(given.only))} cases in {time.perf_counter() - started:.0f} s")
    sys.exit(status)


if __name__ == "__main__":
    main()
