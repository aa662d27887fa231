"""Layers in their order with their weights: passes over batches, and prediction."""

from annlib.core.namespaces import show_public_names

__all__: list[str] = []

show_public_names(__name__)
