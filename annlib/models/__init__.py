"""The model: network, loss, optimizer and data come together here and nowhere else."""

from annlib.core.namespaces import show_public_names
from annlib.models.files import clone_model, load_model, model_from_json, save_model
from annlib.models.sequential import Sequential, register

__all__ = ["Sequential", "clone_model", "load_model", "model_from_json", "register", "save_model"]

show_public_names(__name__)
