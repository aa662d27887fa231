"""The penalty of ridge regression: beside the sum of the rows' losses, and not their mean."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import Formula, number
from annlib.core.workspace import Workspace
from annlib.regularizers.base import Regularizer, register


@register("ridge")
class Ridge(Regularizer):
    """R = alpha/2 sum w^2 / n;  dR/dw = alpha w / n, for a loss that is a mean over n rows.

    n are the rows of the batch, or what they weigh: the model divides by it, and an object by
    itself gives the penalty of one row. It is the ``alpha`` of scikit-learn's perceptrons.

    Parameters
    ----------
    alpha : float, at least 0

    Raises
    ------
    ConfigurationError
        For a negative alpha.

    Examples
    --------
    >>> Ridge(0.5)(np.array([3.0, -4.0]))
    6.25
    """

    divided = True

    def __init__(self, alpha: float = 1e-4) -> None:
        self.alpha = float(check_number(alpha, "Ridge", "alpha", "[0, inf)"))

    @property
    def is_zero(self) -> bool:
        return not self.alpha

    def __call__(self, W: Array) -> float:
        w = W.ravel()
        return 0.5 * self.alpha * float(np.dot(w, w))

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        term = np.multiply(W, self.alpha * scale, out=work.array("penalty", *W.shape))
        np.add(dW, term, out=dW)

    def formula(self) -> Formula:
        return self._formula(
            rf"\frac{{{number(self.alpha)}}}{{2 n}} \sum w^2",
            rf"\frac{{{number(self.alpha)}}}{{n}} w",
            symbols=(("n", "the rows of the batch, or what they weigh"),),
        )
