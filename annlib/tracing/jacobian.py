"""The derivative of an activation, made explicit by the engine's own backward pass (7.2)."""

from __future__ import annotations

import numpy as np

from annlib.activations import Activation
from annlib.core.arrays import Array
from annlib.core.checks import check_instance, to_rows
from annlib.core.errors import ConfigurationError
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace

#: The most numbers of an explicit Jacobian.
LIMIT = 1_000_000


@with_short_tracebacks
def jacobian(activation: Activation, z: Array) -> Array:
    """[D_A,Z] of one row {Z}, of one row for each output: row i is what comes back when only
    dE/da_i is 1.

    Parameters
    ----------
    activation : Activation
    z : array, (N,)

    Returns
    -------
    array, (N, N)

    Raises
    ------
    ConfigurationError
        If it is no Activation, and for more than a million numbers.

    Examples
    --------
    >>> from annlib.activations import Softmax
    >>> jacobian(Softmax(), np.zeros(2))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    check_instance(activation, Activation, "jacobian", "activation")
    z = to_rows(z, "jacobian", "z")
    z = z if z.dtype.char in "fd" else z.astype(np.float64)
    n = z.size
    if n * n > LIMIT:
        raise ConfigurationError(
            f"jacobian: expected a layer of at most {int(LIMIT**0.5)} units, got {n}, whose "
            f"Jacobian has {n * n} numbers. Of an elementwise activation a trace has the diagonal, "
            'trace["name"]["D_A,Z"]; for others, trace a narrower model.'
        )
    outputs = activation.output_shape((1, n))[1]
    return _back(activation, np.tile(z.reshape(1, n), (outputs, 1)), np.eye(outputs, dtype=z.dtype))


def slopes(activation: Activation, Z: Array) -> Array:
    """{D_A,Z} of every row, (n, N), where each a_i depends on its own z_i alone (7.2, case 1)."""
    return _back(activation, Z, np.ones_like(Z))


@np.errstate(all="ignore")
def _back(activation: Activation, Z: Array, dA: Array) -> Array:
    """dE/dZ, from dE/dA, by the activation itself."""
    work, Z = Workspace(Z.dtype), np.array(Z)
    A = np.empty_like(dA) if activation.needs_input else Z
    activation.forward(Z, A, work)
    return activation.gradient(dA, Z, A, work)
