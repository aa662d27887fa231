"""What an optimizer is: the policy of a step, once, around its paper's rule on whole vectors.

To add one: a class with the names of its state vectors in ``slots`` and its rule in ``update``,
``@register()`` above it, and a row in the tests' table of cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from annlib.core.alignment import aligned
from annlib.core.arrays import Array
from annlib.core.checks import check_count, is_number
from annlib.core.config import Configurable, refuse_unknown, serialize
from annlib.core.errors import ConfigurationError
from annlib.core.formula import Formula
from annlib.core.parameters import ParameterVector
from annlib.core.registry import FAMILIES, Registry
from annlib.optimizers.averages import move_toward
from annlib.optimizers.clipping import clip
from annlib.optimizers.formula import update_formula
from annlib.optimizers.loops import Loop, can_compile, compiled
from annlib.optimizers.policy import check_policy
from annlib.optimizers.views import SETTLE_EVERY, Views

# All whole numbers below are floating-point numbers, too.
_MOST_CALLS = 2**53
# Parameters from which half a second for a compilation is soon saved.
_WORTH_COMPILING = 1 << 15


class Optimizer(Configurable):
    """theta <- theta - rate * direction(gradient), in place on the model's flat vectors.

    A step is: accumulate, clip, decay the weights, the subclass' rule, average, constraints, count.
    A subclass writes ``update(theta, gradient, rate, *state, scratch=...)`` with one state vector
    for each name in ``slots``; all are of the same length and the rule is element by element,
    unless it says ``per_parameter``. All that it remembers are ``state`` and ``calls``.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a schedule: any callable from the number of steps done to a rate.
    weight_decay : float, optional
        Before each update, w <- w - rate * weight_decay * w, for every trainable parameter that
        ``exclude_from_weight_decay`` does not name.
    clipnorm : float, optional
        Scale each parameter's gradient down to at most this Euclidean norm.
    clipvalue : float, optional
        Cut each element of the gradient to [-clipvalue, clipvalue].
    global_clipnorm : float, optional
        Scale the whole gradient down to at most this norm. Only one of the three may be given.
    use_ema : bool
        Average the parameters over the steps, and end ``fit`` with the averages in the model.
    ema_momentum : float, in [0, 1]
        After each step, average <- ema_momentum * average + (1 - ema_momentum) * parameters.
    ema_overwrite_frequency : int, optional
        Write the averages into the model after every so many updates, too.
    gradient_accumulation_steps : int, at least 2, optional
        Update at every so many steps only, by the mean of their gradients. As in Keras, averages
        and constraints come at each step, and a schedule counts them all.
    name : str, optional
    """

    #: Whether it takes all rows at once and drives the training itself, as ``LBFGS`` does.
    full_batch: ClassVar[bool] = False
    #: Whether ``update`` gets one parameter at a time, for a rule that is not element by element.
    per_parameter: ClassVar[bool] = False
    #: Whether state far below all that matters may become 0: not where its sign alone counts.
    settles: bool = True
    #: The rule as a loop for a compiler, if it has one; ``update`` calls ``loop`` if that is set.
    compilable: ClassVar[Loop | None] = None
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
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self).__name__, unknown, type(self))
        self._configured_rate = self._checked_rate(learning_rate)
        self._rate: float | Callable[[int], float] = self._configured_rate
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.name = name
        check_policy(self)
        self._excluded: tuple[str, ...] = ()
        self._layout: tuple[Any, ...] = ()
        self._views: Views | None = None
        self.loop: Loop | None = None
        self.reset()
        #: A weak reference to the model that was compiled with this object.
        self.owner: Any = None

    # -- what a subclass writes ------------------------------------------------------------------

    def update(
        self, theta: Array, gradient: Array, rate: float, *state: Array, scratch: Array
    ) -> None:
        """The rule of the optimizer's paper, in place; it may overwrite gradient and scratch."""
        raise NotImplementedError

    def initial_state(self) -> Sequence[float]:
        """The value that each slot starts with."""
        return [0.0] * len(self.slots)

    # -- the learning rate -----------------------------------------------------------------------

    def _checked_rate(self, rate: Any) -> Any:
        if isinstance(rate, dict):
            return FAMILIES["schedule"].get(rate, f"{type(self).__name__}.learning_rate")
        if callable(rate):
            return rate
        if not (is_number(rate) and 0 <= rate < np.inf):
            raise ConfigurationError(
                f"{type(self).__name__}: expected learning_rate as a number >= 0 or a schedule, "
                f"got {rate!r}."
            )
        return float(rate)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update; setting it does not change the configuration."""
        rate = self._rate
        return float(rate(self.calls)) if callable(rate) else rate

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
        if self._views is not None:
            raise ConfigurationError(
                f"{type(self).__name__}.exclude_from_weight_decay: expected a call before "
                "compile, got one after. Compile again with a new optimizer."
            )
        exact = tuple(f"^{re.escape(path)}$" for path in var_list or ())
        self._excluded += exact + tuple(var_names or ())

    @property
    def excludes(self) -> bool:
        """Whether parameters may be left out of the weight decay."""
        return bool(self._excluded)

    def excludes_like(self, other: Optimizer) -> None:
        """Leave the same parameters out of the weight decay as another optimizer does."""
        self._excluded = other._excluded

    def clone(self) -> Self:
        clone = super().clone()
        clone.excludes_like(self)
        return clone

    def decays(self, path: str) -> bool:
        """Whether the weight decay takes the parameter of this path."""
        return not any(re.search(pattern, path) for pattern in self._excluded)

    def build(self, vector: ParameterVector, jit_compile: bool | str = False) -> None:
        """Make what depends on the vector's layout; the state stays if it fits the layout."""
        n_slots = len(self.slots)
        if not self.fits(vector):
            self._layout = self._layout_of(vector)
            shape, dtype = (self._layout[1], vector.n_trainable), vector.values.dtype
            self.state = aligned(*shape, dtype=dtype)
            self.state[:n_slots] = np.reshape(self.initial_state(), (-1, 1))
            self.calls = 0
        averages = self.state[-1] if self.use_ema else None
        wanted = vector.n_trainable >= _WORTH_COMPILING if jit_compile == "auto" else jit_compile
        rule = type(self).compilable
        self.loop = compiled(rule) if rule and wanted and can_compile() else None
        self._views = Views(
            vector,
            self.state[:n_slots],
            averages,
            self.per_parameter,
            self.decays,
            at_once=self.loop is not None,
        )
        # Where there is no epsilon, 0 / 0 would follow.
        self._settles = self.settles and getattr(self, "epsilon", True)
        self._clips = (self.clipnorm, self.clipvalue, self.global_clipnorm) != (None,) * 3

    def fits(self, vector: ParameterVector) -> bool:
        """Whether its state is of a vector laid out like this one."""
        return self._layout == self._layout_of(vector)

    def _layout_of(self, vector: ParameterVector) -> tuple[Any, ...]:
        rows = len(self.slots) + bool(self.gradient_accumulation_steps) + bool(self.use_ema)
        trainable = ((e.path, e.parameter.shape) for e in vector.entries if e.trainable)
        return (vector.values.dtype.str, rows, *trainable)

    def reset(self) -> None:
        """Forget the state and the steps done."""
        self.calls = 0
        self.state = np.zeros((0, 0))
        self._layout = ()
        self._views = None

    def get_state(self) -> dict[str, Any]:
        """What it has been through, ``state`` aside: steps, and a rate that was set."""
        own = self._rate is not self._configured_rate
        rate = serialize(self._rate, f"{type(self).__name__}.learning_rate") if own else None
        return {"calls": self.calls, "learning_rate": rate}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there; after ``build``, which may begin anew."""
        where, rate = type(self).__name__, state["learning_rate"]
        calls = check_count(state["calls"], where, "calls", 0)
        if calls >= _MOST_CALLS or (rate is not None and callable(self._configured_rate)):
            raise ConfigurationError(
                f"{where}: expected a state that it can have, got {calls} calls and a rate of "
                f"{rate!r}."
            )
        self._rate = self._configured_rate if rate is None else self._checked_rate(rate)
        self.calls = calls

    @property
    def iterations(self) -> int:
        """The updates done; ``calls`` are the steps, of which several may make one update."""
        return self.calls // (self.gradient_accumulation_steps or 1)

    @iterations.setter
    def iterations(self, value: int) -> None:
        self.calls = value * (self.gradient_accumulation_steps or 1)

    def step(self) -> None:
        """One step by the vector's gradients, which are the optimizer's to overwrite."""
        views = self._views
        assert views is not None, "build comes first"
        if self.gradient_accumulation_steps is None or self._accumulated(views.gradient):
            rate = self.learning_rate
            if self._clips:
                limits = self.clipnorm, self.clipvalue, self.global_clipnorm
                clip(views.gradient, views.gradients, *limits)
            if self.weight_decay:
                for W in views.decaying:
                    np.multiply(W, 1 - rate * self.weight_decay, out=W)
            views.update(self.update, rate)
        if self.use_ema:
            self._average(views)
        for constraint, W in views.constrained:
            projected = constraint(W)
            if projected is not None:  # one of the user's, in Keras' manner
                np.copyto(W, projected)
        self.calls += 1
        if self.calls % SETTLE_EVERY == 0 and self._settles:
            views.settle()

    def _accumulated(self, gradient: Array) -> bool:
        """Whether it is time to update; if so, the gradient becomes the mean since the last one."""
        steps, total = self.gradient_accumulation_steps or 1, self.state[len(self.slots)]
        if (self.calls + 1) % steps:
            np.add(total, gradient, out=total)
            return False
        np.add(gradient, total, out=gradient)
        np.divide(gradient, steps, out=gradient)
        total.fill(0)
        return True

    def _average(self, views: Views) -> None:
        # The first averages are the parameters themselves.
        momentum = self.ema_momentum if self.iterations else 0.0
        for theta, average, scratch in views.averages:
            move_toward(average, theta, momentum, scratch)
        frequency = self.ema_overwrite_frequency
        if frequency is not None and (self.iterations + 1) % frequency == 0:
            views.overwrite()

    @property
    def averages(self) -> Array | None:
        """The averages of the trainable parameters, as one vector; None if there are none yet."""
        return self.state[-1] if self.use_ema and self.calls and len(self.state) else None

    def finalize(self) -> None:
        """End a training: with ``use_ema``, write the averages into the model."""
        if self._views is not None and self.calls:
            self._views.overwrite()

    def __getstate__(self) -> dict[str, Any]:
        # Views belong to a model's vector: a copied model builds its optimizer again.
        return {**self.__dict__, "_views": None, "loop": None, "owner": None}

    # An optimizer is itself: it has state.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def formula(self) -> Formula:
        """The formula that ``explain`` shows; of a class without one, that it is a function."""
        return update_formula(self, r"\theta \leftarrow \operatorname{f}(\theta, g)")


registry: Registry[Optimizer] = Registry("optimizer", Optimizer)
register = registry.register
get = registry.get
