"""The paper, equation by equation: its own notation and order, one row at a time, plain and slow.

This is the text to read beside the engine, and the oracle that the tests hold the engine against;
the engine never calls it. Vectors are columns, (N, 1) matrices (2.1); weights stand transposed,
[W^T], in the to-from order (5.1); gradients are accumulated row after row (5.2). Every function
ends in the number of its section. Where the paper has a slip, the code is right and a comment
names the row of the errata: ``ERRATA.md`` lists them with the tests that show them.

>>> import numpy as np
>>> from annlib import reference
>>> Wt = np.array([[0.5, -1.0]])
>>> reference.fully_connected_6_1(Wt, reference.column_2_1([2, 3]), reference.column_2_1([0.25]))
array([[-1.75]])
"""

from annlib.core.namespaces import show_public_names
from annlib.reference.activations import (
    ACTIVATIONS,
    identity_8_5,
    identity_gradient_8_5,
    relu_8_1,
    relu_gradient_8_1,
    sigmoid_8_2,
    sigmoid_gradient_8_2,
    softmax_8_4,
    softmax_jacobian_8_4,
    tanh_8_3,
    tanh_gradient_8_3,
)
from annlib.reference.layers import (
    activation_6_2,
    activation_7_2,
    activation_case_1_7_2,
    activation_case_2_7_2,
    bias_gradient_7_3,
    fully_connected_6_1,
    fully_connected_by_index_5_1,
    input_gradient_7_3,
    loss_6_3,
    loss_7_1,
    weight_gradient_7_3,
)
from annlib.reference.losses import (
    LOSSES,
    binary_log_loss_9_2,
    binary_log_loss_gradient_9_2,
    cross_entropy_9_2,
    cross_entropy_gradient_9_2,
    half_sum_of_squares_9_1,
    half_sum_of_squares_gradient_9_1,
)
from annlib.reference.notation import (
    column_2_1,
    diagonal_3_8,
    hadamard_3_5,
    inner_product_3_6,
    outer_product_3_6,
    repeated_columns_3_8,
    scaled_columns_3_7,
    scaled_rows_3_7,
    sum_3_2,
)
from annlib.reference.training import (
    Activation,
    FullyConnected,
    Network,
    accumulate_5_2,
    backward_7,
    forward_6,
    initialize_5_1,
    train_5_2,
    update_5_2,
)

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "Activation",
    "FullyConnected",
    "Network",
    "accumulate_5_2",
    "activation_6_2",
    "activation_7_2",
    "activation_case_1_7_2",
    "activation_case_2_7_2",
    "backward_7",
    "bias_gradient_7_3",
    "binary_log_loss_9_2",
    "binary_log_loss_gradient_9_2",
    "column_2_1",
    "cross_entropy_9_2",
    "cross_entropy_gradient_9_2",
    "diagonal_3_8",
    "forward_6",
    "fully_connected_6_1",
    "fully_connected_by_index_5_1",
    "hadamard_3_5",
    "half_sum_of_squares_9_1",
    "half_sum_of_squares_gradient_9_1",
    "identity_8_5",
    "identity_gradient_8_5",
    "initialize_5_1",
    "inner_product_3_6",
    "input_gradient_7_3",
    "loss_6_3",
    "loss_7_1",
    "outer_product_3_6",
    "relu_8_1",
    "relu_gradient_8_1",
    "repeated_columns_3_8",
    "scaled_columns_3_7",
    "scaled_rows_3_7",
    "sigmoid_8_2",
    "sigmoid_gradient_8_2",
    "softmax_8_4",
    "softmax_jacobian_8_4",
    "sum_3_2",
    "tanh_8_3",
    "tanh_gradient_8_3",
    "train_5_2",
    "update_5_2",
    "weight_gradient_7_3",
]

show_public_names(__name__)
