"""What Keras scripts use of ``keras.backend``: nothing of its own."""

from annlib.core.namespaces import show_public_names
from annlib.core.session import clear_session

__all__ = ["clear_session"]

show_public_names(__name__)
