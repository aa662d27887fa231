"""``coefs_`` and ``intercepts_``: the weights by scikit-learn's names, which may be replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.perceptron.architecture import dense_layers
from annlib.estimators.perceptron.convergence import Progress
from annlib.models import Sequential


class Coefficients(NetworkEstimator):
    """What shows the weights of ``model_`` as lists of arrays, and looks whether they still are.

    They are the network's own arrays, so that a change in place is one of the network; an array,
    or a list, that is put in their place is copied into the network when it is next used.
    """

    coefs_: list[Array]
    intercepts_: list[Array]
    _progress: Progress

    def _show_weights(self) -> None:
        """Let the lists hold the network's arrays."""
        layers = dense_layers(self.model_)
        self.coefs_ = [layer.kernel for layer in layers]
        self.intercepts_ = [layer.bias for layer in layers]
        self._shown = (*self.coefs_, *self.intercepts_)

    def _give_weights_to(self, model: Sequential) -> None:
        """Let a network have what a user has put in the place of its arrays.

        Raises
        ------
        ValueError
            If it does not fit.
        """
        given = (*self.coefs_, *self.intercepts_)
        shown = getattr(self, "_shown", ())
        if len(given) == len(shown) and all(a is b for a, b in zip(given, shown, strict=True)):
            return
        layers = dense_layers(model)
        own = [layer.kernel for layer in layers] + [layer.bias for layer in layers]
        arrays = [np.asarray(values) for values in given]
        if [values.shape for values in arrays] != [values.shape for values in own]:
            raise ValueError(
                f"coefs_ and intercepts_: expected arrays of shapes {[v.shape for v in own]}, got "
                f"{[v.shape for v in arrays]}."
            )
        for place, values in zip(own, arrays, strict=True):
            place[...] = values
        if getattr(self, "model_", None) is model:
            self._show_weights()

    def _check_inputs(self, X: Any) -> Any:
        X = super()._check_inputs(X)
        self._give_weights_to(self.model_)
        return X

    def __getstate__(self) -> dict[str, Any]:
        fitted = self.__sklearn_is_fitted__()
        if fitted:
            self._give_weights_to(self.model_)
        state: dict[str, Any] = super().__getstate__()
        if fitted:
            for name in ("coefs_", "intercepts_", "_shown"):  # views, which would come apart
                state.pop(name, None)
            if not self.warm_start:
                state["_progress"] = self._progress.without_weights()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.__sklearn_is_fitted__():
            self._show_weights()
