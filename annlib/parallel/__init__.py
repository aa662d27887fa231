"""Data and work for which one process, or its memory, is not enough."""

from annlib.core.namespaces import show_public_names
from annlib.parallel.cluster import ClusterError
from annlib.parallel.dask_arrays import predict
from annlib.parallel.mpi import MPI
from annlib.parallel.prediction import predict_files
from annlib.parallel.searching import search

__all__ = ["MPI", "ClusterError", "predict", "predict_files", "search"]

show_public_names(__name__)
