"""Networks, weights and interrupted trainings as safetensors files."""

from annlib.core.namespaces import show_public_names

__all__: list[str] = []

show_public_names(__name__)
