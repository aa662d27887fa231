"""Data and work for which one process, or its memory, is not enough."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from annlib.core.namespaces import show_public_names
from annlib.parallel.cluster import ClusterError
from annlib.parallel.dask_arrays import predict
from annlib.parallel.mpi import MPI
from annlib.parallel.prediction import predict_files
from annlib.parallel.searching import search

if TYPE_CHECKING:
    from annlib.parallel.estimators import DaskMLPClassifier, DaskMLPRegressor

__all__ = [
    "MPI",
    "ClusterError",
    "DaskMLPClassifier",
    "DaskMLPRegressor",
    "predict",
    "predict_files",
    "search",
]

# Each is loaded when it is first asked for.
_LAZY = dict.fromkeys(("DaskMLPClassifier", "DaskMLPRegressor"), "annlib.parallel.estimators")


def _load(name: str) -> Any:
    if name not in _LAZY:
        return None
    value = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return value


show_public_names(__name__, _load)
