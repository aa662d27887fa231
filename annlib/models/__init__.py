"""The model: layers, loss, optimizer and data come together here and nowhere else."""

from annlib.models.sequential import (
    Sequential,
    clone_model,
    load_model,
    model_from_json,
    save_model,
)

__all__ = ["Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
