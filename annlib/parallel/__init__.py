"""Data and work for which one process, or its memory, is not enough."""

from annlib.core.namespaces import show_public_names
from annlib.parallel.mpi import MPI
from annlib.parallel.prediction import predict_files

__all__ = ["MPI", "predict_files"]

show_public_names(__name__)
