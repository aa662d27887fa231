"""The checks that annlib uses on itself, for people who write classes of their own.

Each tries every rule of its family and raises ``AssertionError`` with the first that is broken::

    from annlib import testing

    def test_my_layer():
        testing.check_layer(Scale(2.0), input_shape=(5,))

    def test_my_loss():
        testing.check_loss(Quantile(0.9), y_true, y_pred)

    def test_my_optimizer():
        testing.check_optimizer(Lion(0.1))
"""

from annlib.core.namespaces import show_public_names
from annlib.testing.activations import check_activation
from annlib.testing.callbacks import check_callback
from annlib.testing.configuration import check_config
from annlib.testing.gradients import check_gradient
from annlib.testing.layers import check_layer
from annlib.testing.losses import check_loss
from annlib.testing.optimizers import check_optimizer

__all__ = [
    "check_activation",
    "check_callback",
    "check_config",
    "check_gradient",
    "check_layer",
    "check_loss",
    "check_optimizer",
]

show_public_names(__name__)
