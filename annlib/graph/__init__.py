"""A network at rest as a graph of a few operations, and the files that are made of it."""

from annlib.core.namespaces import show_public_names

__all__: list[str] = []

show_public_names(__name__)
