"""ActivityRegularization: a penalty on the activations between two layers."""

from __future__ import annotations

from typing import Any, Unpack

from annlib import regularizers
from annlib.core.checks import check_number
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import DX, DY, Formula, number
from annlib.layers.base import LayerArguments, register
from annlib.layers.identity import Identity


@register("activity_regularization")
class ActivityRegularization(Identity):
    """y = x, (n, ...), with the penalty (l1 sum |x| + l2 sum x^2) / n, which is added to the loss.

    Parameters
    ----------
    l1, l2 : float, at least 0
        The factors of the absolute values and of the squares.

    Raises
    ------
    ConfigurationError
        For a negative factor, and for an ``activity_regularizer``: this layer makes its own.

    Notes
    -----
    ``Dense(..., activity_regularizer=annlib.regularizers.L1L2(l1, l2))`` is the same without a
    layer of its own.

    Examples
    --------
    The penalty of the row (3, 4) alone, since the loss is 0:

    >>> from annlib import Sequential
    >>> model = Sequential([ActivityRegularization(l2=0.1)])
    >>> model.compile(loss="mse")
    >>> model.evaluate([[3.0, 4.0]], [[3.0, 4.0]], verbose=0)
    2.5
    """

    group = "regularization"

    def __init__(
        self, l1: float = 0.0, l2: float = 0.0, **keywords: Unpack[LayerArguments]
    ) -> None:
        if keywords.get("activity_regularizer") is not None:
            raise ConfigurationError(
                "ActivityRegularization: expected l1 and l2 alone, got "
                f"activity_regularizer={show(keywords['activity_regularizer'])}. "
                "Give that to the layer before."
            )
        super().__init__(**keywords)
        self.l1 = check_number(l1, "ActivityRegularization", "l1", "[0, inf)")
        self.l2 = check_number(l2, "ActivityRegularization", "l2", "[0, inf)")
        self.activity_regularizer = regularizers.L1L2(l1, l2)

    def _arguments(self) -> dict[str, Any]:
        # Made of l1 and l2, not given.
        return super()._arguments() | {"activity_regularizer": None}

    def formula(self) -> Formula:
        l1, l2, slope = number(self.l1), number(self.l2), number(2 * self.l2)
        return self._formula(
            "y_i = x_i",
            r"L \leftarrow L + \frac{1}{n} \sum_r \sum_i "
            rf"({l1} \lvert x_i \rvert + {l2} x_i^2)",
            back=(
                rf"{DX} = {DY} + \frac{{1}}{{n}} ({l1} \operatorname{{sign}}(x_i) + {slope} x_i)",
            ),
        )
