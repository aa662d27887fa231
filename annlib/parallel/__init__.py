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

if TYPE_CHECKING:  # loaded when first used, with scikit-learn
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


def _find(name: str) -> Any:
    if name not in ("DaskMLPClassifier", "DaskMLPRegressor"):
        return None
    return getattr(import_module("annlib.parallel.estimators"), name)


show_public_names(__name__, _find)
