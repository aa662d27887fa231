"""A run on disk: the container's kind "checkpoint", from which ``fit`` goes on to the bit.

The header is that of a model, and ``run`` (what makes two runs the same), ``platform`` (what the
last bits depend on besides) and ``place`` (where it stands); tensors are a model's, and what
``annlib.models.packing`` makes of running metrics (``tally/...``) and callbacks.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.errors import ModelFormatError
from annlib.core.streams import check_position
from annlib.models import container
from annlib.models.model_file import check_header, describe, put_state, refusing
from annlib.models.packing import check_alike, first_difference, pack, unpack

if TYPE_CHECKING:
    from annlib.models.training import Training

_HINT = (
    "Start the run with the same model, data and arguments, or with another backup_dir to begin "
    "anew."
)


class Resumption(NamedTuple):
    """Where a run stood, read from a file and checked."""

    path: str
    header: dict[str, Any]
    tensors: dict[str, Array]
    epoch: int
    batch: int
    validated: int
    stopped: bool
    tally: dict[str, Any]
    callbacks: list[Any]
    logs: dict[str, Any]

    def apply(self, run: Training) -> None:
        """Bring a run to there."""
        place = self.header["place"]
        with refusing(self.path):
            # What callbacks keep is theirs to know, and made only when they begin.
            check_alike(self.callbacks, run.callbacks.get_state(), "callbacks")
            check_alike(self.tally, run.step.tally.get_state(), "tally")
            put_state(run.model, self.header, self.tensors)
            run.rounds.set_state(place["rounds"])
            run.skip_validated(self.validated)
            run.step.tally.set_state(self.tally)
            run.callbacks.set_state(self.callbacks)
        run.epoch, run.batch, run.logs = self.epoch, self.batch, self.logs
        run.calls, run.model.stop_training = self.header["calls"], self.stopped


def save(run: Training, path: str | os.PathLike[str]) -> None:
    """Write where a run stands, between two steps."""
    header, tensors = describe(run.model)
    header |= {"run": identity(run), "calls": run.calls, "platform": platform()}
    header["place"] = {
        "epoch": run.epoch,
        "batch": run.batch,
        "stopped": bool(run.model.stop_training),
        "rounds": run.rounds.get_state(),
        "validated": run.validated,
        "tally": pack(run.step.tally.get_state(), "tally", tensors),
        "callbacks": pack(run.callbacks.get_state(), "callbacks", tensors),
        "logs": pack(run.logs, "logs", tensors),
    }
    container.write(path, "checkpoint", header, tensors)


def prepare(run: Training, path: str | os.PathLike[str]) -> None:
    """Let a run that begins go on from where the file says that one stood.

    Raises
    ------
    ModelFormatError
        If it is not the same run; nothing is changed then.
    """
    path = os.fsdecode(path)
    header, tensors = container.read(path, "checkpoint")
    with refusing(path):
        check_header(header)
        refuse_another(run, header)
        place = header["place"]
        if (position := place["rounds"]["shuffle"]) is not None:
            check_position("shuffle", position)
        check_alike(place["rounds"], run.rounds.get_state(), "rounds")
        tally, callbacks, logs = (
            unpack(place[part], tensors) for part in ("tally", "callbacks", "logs")
        )
        run.callbacks.check_state(callbacks)
        where = "BackupAndRestore"
        epoch, batch, validated = (
            check_count(place[key], where, key, 0) for key in ("epoch", "batch", "validated")
        )
        stopped = place["stopped"] is True
        run.pending = Resumption(
            path, header, tensors, epoch, batch, validated, stopped, tally, callbacks, logs
        )
    run.file = path
    _warn_of_another_platform(header)


def identity(run: Training) -> dict[str, Any]:
    """What makes two runs the same one: data and arguments, without how long it shall last."""
    found = {"data": run.fingerprint, "first_epoch": run.first, **run.rounds.arguments}
    if run.validation is not None:
        found["validation"] = run.validation.fingerprint()
    return found


def refuse_another(run: Training, header: Mapping[str, Any]) -> None:
    """Raise if the file is of another model, optimizer or run."""
    own, _ = describe(run.model)
    own["run"] = identity(run)
    seed = set() if run.model.streams.drawn else {"seed"}
    for part, keys, what in (
        # A model without a seed has drawn another, and takes over that of the file.
        ("config", {"layers", "dtype", "name", *seed}, "model"),
        ("shape", None, "input shape"),
        ("layers", None, "layers"),
        ("compiled", own["compiled"].keys() - {"run"}, "compile"),
        ("run", None, "data or arguments of fit"),
    ):
        there, here = _only(header[part], keys), _only(own[part], keys)
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


def _only(part: Any, keys: Any) -> Any:
    return {key: part[key] for key in sorted(keys)} if keys else part


@functools.cache
def platform() -> dict[str, Any]:
    """What the last bits of a product depend on besides the numbers."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = [[str(p["internal_api"]), str(p["version"]), int(p["num_threads"])] for p in pools]
    return {"numpy": np.__version__, "blas": blas}


def _warn_of_another_platform(header: Mapping[str, Any]) -> None:
    difference = first_difference(header["platform"], platform())
    if difference is not None:
        warnings.warn(
            f"BackupAndRestore: this run goes on, but not to the last bit: {difference}.",
            stacklevel=2,
        )
