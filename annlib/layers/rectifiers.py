"""ReLU, LeakyReLU and ELU as layers of their own, with Keras' arguments."""

from __future__ import annotations

import warnings
from typing import Any, Unpack

from annlib import activations
from annlib.layers.activation import ActivationLayer
from annlib.layers.base import LayerArguments, register


@register("relu")
class ReLU(ActivationLayer):
    """A = max(X, 0), and more with arguments: see ``annlib.activations.ReLU``.

    X is (n, ...), as is A.

    Parameters
    ----------
    max_value : float, in [0, inf), optional
        Where the output stops to rise.
    negative_slope : float, in [0, inf)
        The slope up to the threshold.
    threshold : float, in [0, inf)
        Where the output begins to rise with slope 1.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.

    Examples
    --------
    >>> ReLU()([[-2.0, 3.0, 9.0]]), ReLU(max_value=6.0)([[-2.0, 3.0, 9.0]])
    (array([[0., 3., 9.]], dtype=float32), array([[0., 3., 6.]], dtype=float32))
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.activation = activations.ReLU(negative_slope, max_value, threshold)


@register("leaky_relu")
class LeakyReLU(ActivationLayer):
    """A = X where it is positive, negative_slope X elsewhere; dE/dX = dE/dA times the same slope.

    X is (n, ...), as is A: a unit that gets negative numbers alone still learns.

    Parameters
    ----------
    negative_slope : float, in [0, inf)
        0.3 as in Keras, where the function of the same name has 0.2. ``alpha`` is its old name.

    Raises
    ------
    ConfigurationError
        For a slope that is no such number.

    Examples
    --------
    >>> LeakyReLU(0.1)([[-20.0, 0.0, 3.0]])
    array([[-2.,  0.,  3.]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **keywords: Any) -> None:
        if "alpha" in keywords:
            negative_slope = keywords.pop("alpha")
            warnings.warn(
                "LeakyReLU: the argument alpha is deprecated. Use negative_slope.", stacklevel=3
            )
        super().__init__(**keywords)
        self.negative_slope = negative_slope
        self.activation = activations.LeakyReLU(negative_slope)


@register("elu")
class ELU(ActivationLayer):
    """A = X where it is positive, alpha (exp(X) - 1) elsewhere, with the slopes 1 and A + alpha.

    X is (n, ...), as is A. Clevert et al., 2016, "Fast and Accurate Deep Network Learning by
    Exponential Linear Units".

    Parameters
    ----------
    alpha : float, in [0, inf)
        The output falls to -alpha, not further.

    Raises
    ------
    ConfigurationError
        For an alpha that is no such number.

    Examples
    --------
    >>> ELU()([[-20.0, 0.0, 3.0]])
    array([[-1.,  0.,  3.]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.alpha = alpha
        self.activation = activations.ELU(alpha)
