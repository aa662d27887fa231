"""AlphaDropout: Dropout that keeps the mean 0 and the variance 1 of SELU's outputs."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import DX, DY, Formula, cases, number
from annlib.layers.base import register
from annlib.layers.dropout import Dropout

#: -scale * alpha of SELU, its output for very negative inputs.
SATURATION = -1.7580993408473766


@register("alpha_dropout")
class AlphaDropout(Dropout):
    """y = a x + b, or with probability ``rate`` y = a s + b, where s = -1.758 is SELU's limit.

    a = ((1 - rate) (1 + rate s^2))^(-1/2),  b = -a rate s: so a mean of 0 stays 0 and a variance
    of 1 stays 1 (Klambauer et al., 2017). dE/dx = a dE/dy, or 0. Only while training.

    Parameters
    ----------
    rate : float, in [0, 1), or callable
        The share that is set to the limit.
    noise_shape : tuple of int or None, optional
        See ``Dropout``.
    seed : int, at least 0, optional
        A seed of the layer's own, instead of a stream of the model's.
    random_bits : {8, 16, 32}, optional
        See ``Dropout``.

    Raises
    ------
    ConfigurationError
        For a rate outside of its range.

    Examples
    --------
    Mean and deviation of normal numbers stay about 0 and 1:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2000, 50))
    >>> y = AlphaDropout(0.2, seed=0)(x, training=True)
    >>> f"{abs(y.mean()):.2f} {y.std():.2f}"
    '0.00 1.00'
    """

    rates = "[0, 1)"

    @property
    def kept(self) -> float:
        return float(((1 - self.share) * (1 + self.share * SATURATION**2)) ** -0.5)

    def perturb(self, x: Array, M: Array, y: Array) -> None:
        # With s as the zero it is Dropout: y = m (x - s) + a s + b, m = a or 0.
        np.subtract(x, SATURATION, out=y)
        np.multiply(y, M, out=y)
        np.add(y, self.kept * (1 - self.share) * SATURATION, out=y)

    def formula(self) -> Formula:
        p = number(self.share)
        return self._formula(
            "y_i = "
            + cases(
                (r"\alpha s + \beta", rf"\text{{a~share~of~}} {p}"), (r"\alpha x_i + \beta", "")
            ),
            back=(f"{DX} = " + cases(("0", r"\text{the~same}"), (rf"\alpha {DY}", "")),),
            source="Klambauer et al. (2017)",
            note=f"Only while training; otherwise y = x.{self._set_by('rate')}",
            symbols=(
                ("s", "-1.7581, the limit of SELU"),
                (r"\alpha", f"{self.kept:.6g}, which keeps the variance 1"),
                (
                    r"\beta",
                    f"{self.kept * self.share * 1.7580993408473766:.6g}, which keeps the mean 0",
                ),
            ),
        )
