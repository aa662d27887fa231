"""What Keras scripts use of ``keras.backend``: nothing of its own."""

from annlib.core.namespaces import show_public_names
from annlib.core.session import clear_session, floatx

__all__ = ["clear_session", "floatx"]

show_public_names(__name__)
