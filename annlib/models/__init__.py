"""The model: layers, loss, optimizer and data come together here and nowhere else."""

from annlib.models.sequential import Sequential, clone_model

__all__ = ["Sequential", "clone_model"]
