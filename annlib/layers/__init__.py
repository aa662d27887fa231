"""The layers: building blocks of a ``Sequential`` model.

>>> from annlib import layers
>>> layers.Dense(128, activation="relu")
Dense(128, activation='relu')
"""

from annlib.core.namespaces import show_public_names
from annlib.layers.activation import Activation
from annlib.layers.activity_regularization import ActivityRegularization
from annlib.layers.alpha_dropout import AlphaDropout
from annlib.layers.base import Layer, get, register, registry
from annlib.layers.batch_normalization import BatchNormalization
from annlib.layers.batched_dense import BatchedDense
from annlib.layers.category_encoding import CategoryEncoding
from annlib.layers.columns import Columns
from annlib.layers.dense import Dense
from annlib.layers.discretization import Discretization
from annlib.layers.dropout import Dropout
from annlib.layers.embedding import Embedding
from annlib.layers.flatten import Flatten
from annlib.layers.gaussian import GaussianDropout, GaussianNoise
from annlib.layers.identity import Identity
from annlib.layers.input import Input
from annlib.layers.integer_lookup import IntegerLookup
from annlib.layers.lambda_layer import Lambda
from annlib.layers.layer_normalization import LayerNormalization
from annlib.layers.normalization import Normalization
from annlib.layers.parametric_activation import ParametricActivation
from annlib.layers.periodic_embedding import PeriodicEmbedding
from annlib.layers.piecewise_linear_encoding import PiecewiseLinearEncoding
from annlib.layers.prelu import PReLU
from annlib.layers.rectifiers import ELU, LeakyReLU, ReLU
from annlib.layers.rescaling import Rescaling
from annlib.layers.reshape import Reshape
from annlib.layers.rms_normalization import RMSNormalization
from annlib.layers.robust_scaling import RobustScaling
from annlib.layers.scaling import Scaling
from annlib.layers.smooth_clipping import SmoothClipping
from annlib.layers.softmax import Softmax
from annlib.layers.string_lookup import StringLookup
from annlib.layers.unit_normalization import UnitNormalization

InputLayer = Input

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "BatchedDense",
    "CategoryEncoding",
    "Columns",
    "Dense",
    "Discretization",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "RMSNormalization",
    "ReLU",
    "Rescaling",
    "Reshape",
    "RobustScaling",
    "Scaling",
    "SmoothClipping",
    "Softmax",
    "StringLookup",
    "UnitNormalization",
    "get",
    "register",
    "registry",
]

show_public_names(__name__)
