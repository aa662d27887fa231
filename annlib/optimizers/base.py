"""What an optimizer is: the policy of a step, once, around its paper's rule on whole vectors.

To add one: a class with the names of its state vectors in ``slots`` and its rule in ``update``,
``@register()`` above it, and a row in the tests' table of cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np

from annlib.core.arrays import Array
from annlib.core.config import Configurable, refuse_unknown
from annlib.core.errors import ConfigurationError
from annlib.core.parameters import ParameterVector
from annlib.core.registry import FAMILIES, Registry

# Vectors longer than this are updated in parts, which stay in a cache of a few MB while Adam's rule
# passes over them ten times (measured: 6 million parameters in 7.4 ms instead of 10.8).
_PART = 1 << 17


class OptimizerArguments(TypedDict, total=False):
    """The keyword arguments that every optimizer takes."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    name: str | None


class Optimizer(Configurable):
    """theta <- theta - rate * direction(gradient), in place on the model's flat vectors.

    A step is: clip, decay the weights, the subclass' rule, constraints, count. A subclass writes
    ``update(theta, gradient, rate, *state, scratch=...)`` with one state vector for each name in
    ``slots``; all are of the same length and the rule is element by element.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a schedule: any callable from the number of updates done to a rate.
    weight_decay : float, optional
        Before each update, w <- w - rate * weight_decay * w, for every trainable parameter that
        ``exclude_from_weight_decay`` does not name.
    clipnorm : float, optional
        Scale each parameter's gradient down to at most this Euclidean norm.
    clipvalue : float, optional
        Cut each element of the gradient to [-clipvalue, clipvalue].
    global_clipnorm : float, optional
        Scale the whole gradient down to at most this norm. Only one of the three may be given.
    name : str, optional
    """

    #: The names of the state vectors that ``update`` gets; a constructor may add to them.
    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any = 0.01,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        where = type(self).__name__
        refuse_unknown(where, unknown, type(self))
        self._configured_rate = self._checked_rate(learning_rate)
        self._rate = self._configured_rate
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = [key for key, limit in limits.items() if limit is not None]
        if len(given) > 1:
            raise ConfigurationError(f"{where}: expected at most one limit, got {given}.")
        for key, value in {**limits, "weight_decay": weight_decay}.items():
            if value is not None and not value >= 0:
                raise ConfigurationError(f"{where}: expected {key} >= 0 or None, got {value!r}.")
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.name = name
        self._excluded: tuple[str, ...] = ()
        self._layout: tuple[Any, ...] = ()
        self._views: list[Any] = []
        self.reset()
        #: A weak reference to the model that was compiled with this object.
        self.owner: Any = None

    # -- what a subclass writes ------------------------------------------------------------------

    def update(
        self, theta: Array, gradient: Array, rate: float, *state: Array, scratch: Array
    ) -> None:
        """The rule of the optimizer's paper, in place; ``scratch`` is as long as ``theta``."""
        raise NotImplementedError

    def initial_state(self) -> Sequence[float]:
        """The value that each slot starts with."""
        return [0.0] * len(self.slots)

    # -- the learning rate -----------------------------------------------------------------------

    def _checked_rate(self, rate: Any) -> Any:
        if isinstance(rate, dict):
            return FAMILIES["schedule"].get(rate)
        if callable(rate):
            return rate
        if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not rate >= 0:
            raise ConfigurationError(
                f"{type(self).__name__}: expected learning_rate as a number >= 0 or a schedule, "
                f"got {rate!r}."
            )
        return float(rate)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update; setting it does not change the configuration."""
        return float(self._rate(self.iterations)) if callable(self._rate) else float(self._rate)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(self._configured_rate):
            raise TypeError(
                f"{type(self).__name__}.learning_rate: expected no assignment, since a schedule "
                f"({self._configured_rate!r}) sets the rate. Compile with a number instead."
            )
        self._rate = self._checked_rate(value)

    def _argument(self, name: str) -> Any:
        return self._configured_rate if name == "learning_rate" else super()._argument(name)

    # -- the step --------------------------------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Sequence[str] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leave parameters out of the weight decay; call it before ``compile``.

        Parameters
        ----------
        var_list : sequence of str, optional
            Paths of parameters: ``"dense/bias"``.
        var_names : sequence of str, optional
            Regular expressions searched for in the paths: ``["bias", "gamma"]``.
        """
        if self._views:
            raise ConfigurationError(
                f"{type(self).__name__}.exclude_from_weight_decay: expected a call before "
                "compile, got one after. Compile again with a new optimizer."
            )
        exact = tuple(f"^{re.escape(path)}$" for path in var_list or ())
        self._excluded += exact + tuple(var_names or ())

    def build(self, vector: ParameterVector) -> None:
        """Make what depends on the vector's layout; the state stays if it fits the layout."""
        n, dtype = vector.n_trainable, vector.values.dtype
        theta, gradient = vector.values[:n], vector.gradients[:n]
        trainable = [entry for entry in vector.entries if entry.trainable]
        layout = (dtype.str, *((entry.path, entry.parameter.shape) for entry in trainable))
        if layout != self._layout:
            self._layout = layout
            self.state = np.empty((len(self.slots), n), dtype)
            self.state[...] = np.reshape(self.initial_state(), (-1, 1))
            self.iterations = 0
        scratch = np.empty(min(n, _PART), dtype)
        self._views = [
            (theta[i : i + _PART], gradient[i : i + _PART], *self.state[:, i : i + _PART])
            for i in range(0, n, _PART)
        ]
        self._views = [(*views, scratch[: len(views[0])]) for views in self._views]
        self._gradient = gradient
        self._gradients = [gradient[entry.where] for entry in trainable]
        self._decaying = [
            theta[where]
            for where in merged(
                entry.where
                for entry in trainable
                if not any(re.search(pattern, entry.path) for pattern in self._excluded)
            )
        ]
        self._constrained: list[tuple[Callable[[Array], Any], Array]] = [
            (entry.parameter.constraint, theta[entry.where].reshape(entry.parameter.shape))
            for entry in trainable
            if entry.parameter.constraint is not None
        ]
        self._clips = any(
            limit is not None for limit in (self.clipnorm, self.clipvalue, self.global_clipnorm)
        )

    def reset(self) -> None:
        """Forget the state and the steps done."""
        self.iterations = 0
        self.state = np.zeros((0, 0))
        self._layout = ()
        self._views = []

    def step(self) -> None:
        """One update of the vector by its gradients, which are the optimizer's to overwrite."""
        rate = self.learning_rate
        if self._clips:
            self._clip(self._gradient)
        if self.weight_decay:
            for W in self._decaying:
                np.multiply(W, 1 - rate * self.weight_decay, out=W)
        for theta, gradient, *state, scratch in self._views:
            self.update(theta, gradient, rate, *state, scratch=scratch)
        for constraint, W in self._constrained:
            projected = constraint(W)
            if projected is not None:  # one of the user's, in Keras' manner
                np.copyto(W, projected)
        self.iterations += 1

    def _clip(self, gradient: Array) -> None:
        if self.clipvalue is not None:
            np.clip(gradient, -self.clipvalue, self.clipvalue, out=gradient)
        elif self.global_clipnorm is not None:
            _scale_down(gradient, self.global_clipnorm)
        elif self.clipnorm is not None:
            for part in self._gradients:
                _scale_down(part, self.clipnorm)

    def __getstate__(self) -> dict[str, Any]:
        # Views belong to a model's vector: a copied model builds its optimizer again.
        views = ("_gradient", "_gradients", "_decaying", "_constrained")
        state = {key: value for key, value in self.__dict__.items() if key not in views}
        return {**state, "_views": [], "owner": None}

    # An optimizer is itself: it has state.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def merged(slices: Any) -> list[slice]:
    """Neighbouring slices as one.

    >>> merged([slice(0, 3), slice(3, 5), slice(8, 9)])
    [slice(0, 5, None), slice(8, 9, None)]
    """
    result: list[slice] = []
    for where in slices:
        if result and result[-1].stop == where.start:
            result[-1] = slice(result[-1].start, where.stop)
        else:
            result.append(where)
    return result


def _scale_down(gradient: Array, limit: float) -> None:
    norm = float(np.linalg.norm(gradient))
    if norm > limit:
        np.multiply(gradient, limit / norm, out=gradient)


registry: Registry[Optimizer] = Registry("optimizer", Optimizer)
register = registry.register
get = registry.get
