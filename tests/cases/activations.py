"""The cases of activations. ``kinks`` are the inputs where there is no derivative."""

from annlib import activations
from cases.row import Row

ACTIVATIONS = [
    Row(activations.Linear),
    Row(activations.ReLU).where(kinks=(0.0,)),
    Row(activations.ReLU, slope_at_zero=1.0).where(kinks=(0.0,)),
    Row(activations.ReLU, slope_at_zero=0.25).where(kinks=(0.0,)),
    Row(activations.Sigmoid),
    Row(activations.Softmax),
    Row(activations.Tanh),
]
