"""A network with a loss and an optimizer: the objective, the step, evaluation, and the loop."""

from annlib.core.namespaces import show_public_names

__all__: list[str] = []

show_public_names(__name__)
