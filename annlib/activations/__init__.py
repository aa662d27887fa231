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
from annlib.activations.glu import GLU
from annlib.activations.hard import HardSigmoid, HardSiLU, HardTanh, SparsePlus, SparseSigmoid
from annlib.activations.linear import Linear
from annlib.activations.lookup import get
from annlib.activations.rectifiers import LeakyReLU, ReLU, ReLU6
from annlib.activations.rowwise import LogSoftmax, Softmax, Sparsemax
from annlib.activations.shrinking import HardShrink, SoftShrink, TanhShrink, Threshold
from annlib.activations.sigmoids import Sigmoid, Softsign, Tanh
from annlib.activations.softplus import LogSigmoid, Softplus, Squareplus
from annlib.core.namespaces import show_public_names

celu = CELU()
elu = ELU()
exponential = Exponential()
gelu = GELU()
glu = GLU()
hard_shrink = HardShrink()
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
soft_shrink = SoftShrink()
softmax = Softmax()
softplus = Softplus()
softsign = Softsign()
sparse_plus = SparsePlus()
sparse_sigmoid = SparseSigmoid()
sparsemax = Sparsemax()
squareplus = Squareplus()
tanh = Tanh()
tanh_shrink = TanhShrink()
threshold = Threshold()

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Activation",
    "Elementwise",
    "Exponential",
    "HardShrink",
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
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "SparsePlus",
    "SparseSigmoid",
    "Sparsemax",
    "Squareplus",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "celu",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
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
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

show_public_names(__name__)
