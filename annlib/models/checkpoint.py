"""A run on disk: the container's kind "checkpoint", from which ``fit`` goes on to the bit."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.errors import ModelFormatError
from annlib.models import container
from annlib.models.model_file import describe, put_state, refusing
from annlib.models.packing import first_difference, pack, unpack

if TYPE_CHECKING:
    from annlib.models.training import Training

_HINT = (
    "Start the run with the same model, data and arguments, or with another backup_dir to begin "
    "anew."
)


def save(run: Training, path: str | os.PathLike[str]) -> None:
    """Write where a run stands, between two steps."""
    header, tensors = describe(run.model)
    header |= {"run": identity(run), "platform": platform()}
    header["place"] = {
        "epoch": run.epoch,
        "batch": run.batch,
        "rounds": run.rounds.get_state(),
        "tally": pack(run.step.tally.get_state(), "tally", tensors),
        "callbacks": pack(run.callbacks.get_state(), "callbacks", tensors),
    }
    container.write(path, "checkpoint", header, tensors)


def restore(run: Training, path: str | os.PathLike[str]) -> None:
    """Bring a run that begins to where the file says that one stood.

    Raises
    ------
    ModelFormatError
        If it is not the same run; nothing is changed then.
    """
    path = os.fsdecode(path)
    header, tensors = container.read(path, "checkpoint")
    with refusing(path):
        refuse_another(run, header)
        place = header["place"]
        tally, callbacks = unpack(place["tally"], tensors), unpack(place["callbacks"], tensors)
        run.callbacks.check_state(callbacks)
        put_state(run.model, header, tensors)
        run.epoch, run.batch = int(place["epoch"]), int(place["batch"])
        run.rounds.set_state(place["rounds"])
        run.step.tally.set_state(tally)
        run.pending = callbacks
    _warn_of_another_platform(header)


def identity(run: Training) -> dict[str, Any]:
    """What makes two runs the same one: data and arguments, without how long it shall last."""
    return {"data": run.batches.fingerprint(), "first_epoch": run.first, **run.rounds.arguments}


def refuse_another(run: Training, header: Mapping[str, Any]) -> None:
    """Raise if the file is of another model, optimizer or run."""
    own, _ = describe(run.model)
    own["run"] = identity(run)
    for part, what in (
        ("config", "model"),
        ("shape", "input shape"),
        ("learns", "frozen layers"),
        ("compiled", "compile"),
        ("run", "data or arguments of fit"),
    ):
        there, here = _without_seed(header[part]), _without_seed(own[part])
        difference = first_difference(there, here)
        if difference is not None:
            raise ModelFormatError(
                f"BackupAndRestore: expected a checkpoint of this run, got one with another "
                f"{what} ({difference}). {_HINT}"
            )


def _without_seed(part: Any) -> Any:
    """What must agree: not the seed, which a model without one draws anew and takes over from the
    file, and not what the optimizer has been through.
    """
    if not isinstance(part, dict):
        return part
    return {key: value for key, value in part.items() if key not in ("seed", "run")}


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
