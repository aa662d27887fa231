"""Activation functions: by name in a layer, or as a function of an array.

>>> from annlib import activations
>>> activations.relu([-1.0, 2.0])
array([0., 2.])
>>> activations.relu([-1.0, 2.0], negative_slope=0.5)
array([-0.5, 2. ])
"""

from annlib.activations.base import Activation, register, registry
from annlib.activations.elementwise import Elementwise
from annlib.activations.exponential import CELU, ELU, SELU, Exponential
from annlib.activations.gated import Mish, SiLU
from annlib.activations.gelu import GELU
from annlib.activations.hard import HardSigmoid, HardSiLU, HardTanh
from annlib.activations.linear import Linear
from annlib.activations.lookup import get
from annlib.activations.rectifiers import LeakyReLU, ReLU, ReLU6
from annlib.activations.rowwise import LogSoftmax, Softmax
from annlib.activations.sigmoids import Sigmoid, Softsign, Tanh
from annlib.activations.softplus import LogSigmoid, Softplus
from annlib.core.namespaces import show_public_names

celu = CELU()
elu = ELU()
exponential = Exponential()
gelu = GELU()
hard_sigmoid = HardSigmoid()
hard_silu = hard_swish = HardSiLU()
hard_tanh = HardTanh()
leaky_relu = LeakyReLU()
linear = Linear()
log_sigmoid = LogSigmoid()
log_softmax = LogSoftmax()
mish = Mish()
relu = ReLU()
relu6 = ReLU6()
selu = SELU()
sigmoid = Sigmoid()
silu = swish = SiLU()
softmax = Softmax()
softplus = Softplus()
softsign = Softsign()
tanh = Tanh()

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "Elementwise",
    "Exponential",
    "HardSiLU",
    "HardSigmoid",
    "HardTanh",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "celu",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "register",
    "registry",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

show_public_names(__name__)
