"""A run on disk: the container's kind "checkpoint", from which ``fit`` resumes to the bit.

The header is that of a model, and ``run`` (what makes two runs the same), ``platform`` (what the
last bits depend on besides) and ``place`` (where it stands); tensors are a model's, and what
``annlib.saving.packing`` makes of running metrics (``tally/...``) and callbacks.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.config import Configurable
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ModelFormatError, UnknownNameError
from annlib.core.registry import FAMILIES
from annlib.core.settings import check_jit_compile
from annlib.core.states import check_keys, check_whole
from annlib.core.tracebacks import warn_user
from annlib.saving import container
from annlib.saving.limits import check_header
from annlib.saving.model_file import (
    check_optimizer,
    checked_weights,
    describe,
    refusing,
    restore_state,
)
from annlib.saving.packing import first_difference, pack, unpack
from annlib.training.loop import Training

# The parts of a run's state that may hold arrays.
_PACKED = ("tally", "callbacks", "logs")
# And what the names of their arrays begin with, besides the optimizer's.
_OTHERS = ("optimizer/", *_PACKED)
_HINT = (
    "Start the run with the same model, data and arguments, or with another backup_dir to start "
    "again."
)


class Resumption(NamedTuple):
    """The state of a run, read from a file and checked."""

    path: str
    header: dict[str, Any]
    tensors: dict[str, Array]
    state: dict[str, Any]

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return int(self.state["epoch"])

    @property
    def batch(self) -> int:
        """Number of finished batches of the next epoch."""
        return int(self.state["batch"])

    def check(self, run: Training) -> None:
        """Raise ``ModelFormatError`` unless the run, whose callbacks have begun, could have written
        all of this; nothing is changed then.
        """
        functions, state, header = run.functions, self.state, self.header
        optimizer = functions.compiled.optimizer
        with refusing(self.path):
            check_keys(state, run.get_state().keys(), "place")
            run.callbacks.check_values(state["callbacks"], range(run.first, self.epoch))
            run.step.metrics.check_state(state["tally"])
            checked_weights(functions.network, self.tensors, _OTHERS)
            check_optimizer(functions.network, optimizer, header["compiled"]["run"], self.tensors)
            functions.network.streams.check(header["config"]["seed"], header["streams"])
            steps = header["compiled"]["run"]["calls"] - header["calls"]
            run.check_state(state, steps)

    def apply(self, run: Training) -> None:
        """Set network, optimizer and run to the saved state, which ``check`` has seen."""
        compiled = run.functions.compiled
        optimizer = compiled.optimizer
        if (mode := self.header["compiled"].get("jit_compile", "auto")) != compiled.jit_compile:
            compiled.set_mode(mode)
            run.step.use_mode(mode)
        restore_state(run.functions.network, optimizer, self.header, self.tensors)
        run.set_state(self.state)
        run.calls = self.header["calls"]


def save(run: Training, path: str | os.PathLike[str]) -> None:
    """Write where a run stands, between two steps."""
    header, tensors = describe(run.functions.network, run.functions.compiled)
    header |= {"run": run.identity(), "calls": run.calls, "platform": platform()}
    state = run.get_state()
    packed = {part: pack(state[part], part, tensors) for part in _PACKED}
    header["place"] = {**state, **packed}
    container.write(path, "checkpoint", header, tensors)


def resume(run: Training, path: str | os.PathLike[str]) -> None:
    """Resume a run that begins from where the saved one stood.

    Raises
    ------
    ModelFormatError
        If it is not the same run; nothing is changed then.
    """
    path = os.fsdecode(path)
    header, tensors = container.read(path, "checkpoint")
    with refusing(path):
        check_header(header)
        check_same_run(run, header)
        state = dict(header["place"])
        state |= {part: unpack(state[part], tensors) for part in _PACKED}
        run.callbacks.check_state(state["callbacks"])
        for key in ("epoch", "batch", "validated"):
            check_whole(state[key], key)
        another = _another_platform(header)
    run.pending = Resumption(path, header, tensors, state)
    if another is not None:
        warn_user(
            f"BackupAndRestore: resuming, but results may differ in the last bits: {another}."
        )


def check_same_run(run: Training, header: Mapping[str, Any]) -> None:
    """Raise if the file is of another model, optimizer or run."""
    network = run.functions.network
    own, _ = describe(network, run.functions.compiled)
    own["run"] = run.identity()
    if not run.functions.compiled.mode_given:  # it keeps the mode in which it began
        mode = header["compiled"].get("jit_compile", "auto")
        own["compiled"]["jit_compile"] = check_jit_compile(mode, "BackupAndRestore")
    file = {
        **header,
        "config": {
            **header["config"],
            "layers": _with_new_arguments(header["config"]["layers"], network.layers),
        },
        "compiled": _with_new_arguments(header["compiled"], run.functions.compiled.given),
    }
    seed = set() if network.streams.seed_was_drawn else {"seed"}
    for part, keys, what in (
        # A model without a seed has drawn another, and takes over that of the file.
        ("config", {"layers", "dtype", "name", *seed}, "model"),
        ("shape", None, "input shape"),
        ("layers", None, "layers"),
        ("compiled", own["compiled"].keys() - {"run"}, "compile"),
        ("run", None, "data or arguments of fit"),
    ):
        there, here = _completed(_only(file[part], keys)), _only(own[part], keys)
        difference = first_difference(there, here)
        if difference is not None:
            raise ModelFormatError(
                f"BackupAndRestore: expected a checkpoint of this run, got one with another "
                f"{what} ({difference}). {_HINT}"
            )
    if check_count(header["calls"], "BackupAndRestore", "calls", 0) > run.calls:
        raise ModelFormatError(
            f"BackupAndRestore: expected a checkpoint of this run, got one of a later fit, that "
            f"began after {header['calls']} steps. Give each fit a backup_dir of its own."
        )


def _with_new_arguments(there: Any, own: Any) -> Any:
    """What a file says of objects, with the arguments that their classes have got since it was
    written, where they have the defaults: they are the same objects.
    """
    if isinstance(there, dict) and isinstance(own, dict):
        return {key: _with_new_arguments(part, own.get(key)) for key, part in there.items()}
    if isinstance(there, list) and isinstance(own, list | tuple) and len(there) == len(own):
        return [_with_new_arguments(*pair) for pair in zip(there, own, strict=True)]
    if not isinstance(own, Configurable) or not isinstance(there, dict) or "config" not in there:
        return there
    defaults = {name: p.default for name, p in constructor_arguments(type(own)).items()}
    config = _with_new_arguments(there["config"], own._arguments())
    for name, value in own.get_config().items():
        if name not in config and value == defaults[name]:
            config[name] = value
    return {**there, "config": config}


def _only(part: Any, keys: Any) -> Any:
    return {key: part[key] for key in sorted(keys)} if keys else part


def _completed(part: Any) -> Any:
    """A part of a header with the arguments that its classes have got since it was written."""
    if isinstance(part, list):
        return [_completed(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _completed(value) for key, value in part.items()}
    if part.keys() == {"class_name", "config"} and isinstance(part["config"], dict):
        for family in FAMILIES.values():
            with contextlib.suppress(UnknownNameError):
                known = constructor_arguments(family.find(part["class_name"]))
                if part["config"].keys() <= known.keys():
                    new = known.keys() - part["config"].keys()
                    defaults = {name: known[name].default for name in new}
                    return part | {"config": part["config"] | defaults}
    return part


@functools.cache
def platform() -> dict[str, Any]:
    """The versions and the processor, on which the last bits of a product depend."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:  # nobody knows which BLAS it is
        return {"numpy": np.__version__, "blas": []}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # Sorted: the order of loading differs between processes.
    blas = sorted([str(p["internal_api"]), str(p["version"]), int(p["num_threads"])] for p in pools)
    return {"numpy": np.__version__, "blas": blas}


def _another_platform(header: Mapping[str, Any]) -> str | None:
    """How the platform of a file differs from this one."""
    there = {**header["platform"], "blas": sorted(header["platform"]["blas"])}
    return first_difference(there, platform())
