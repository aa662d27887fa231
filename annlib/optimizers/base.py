"""What an optimizer is: a rule of a paper, and around it what the steps of all rules share.

To add one: a class with its state declared in ``state_names`` and its rule in ``update``,
``@register()`` above it, and a row in the tests' table of cases.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from annlib.core.arguments import CalledOtherwise
from annlib.core.arrays import Array, Shape
from annlib.core.checks import (
    all_finite,
    check_count,
    check_name,
    is_number,
    items_of,
    positional_arguments,
)
from annlib.core.config import Configurable, refuse_unknown, serialize, snake_case
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import Formula
from annlib.core.parameters import Entry, ParameterVector
from annlib.core.registry import FAMILIES, Registry
from annlib.core.scheduled import Scheduled
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.views import NumberView
from annlib.optimizers.formula import update_formula
from annlib.optimizers.loops import Loop, can_compile, compiled, waiting
from annlib.optimizers.memory import Memory
from annlib.optimizers.policy import OfPolicy, Policy
from annlib.optimizers.rule import Rule
from annlib.optimizers.state import State
from annlib.optimizers.step_buffers import (
    FLUSH_EVERY,
    StepBuffers,
    Twofold,
    apply_constraints,
    constrained,
)

# All whole numbers below are floating-point numbers, too.
_MOST_STEPS = 2**53
# A rate by which no moderate number overflows.
_MODERATE_RATE = 1e4
# Parameters from which a compiled rule saves some time of a step.
_WORTH_COMPILING = 1 << 15
_NOTHING: AbstractContextManager[None] = nullcontext()


def _is_schedule(rate: Any) -> bool:
    return isinstance(rate, FAMILIES["schedule"].base)


class Optimizer(Rule, Scheduled):
    """theta <- theta - rate * direction(gradient), in place on the model's flat vectors.

    A step is: accumulate, clip, decay the weights, the subclass' rule, average, constraints, count.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        A number, a schedule (any callable from the number of steps done to a rate), or a callable
        of nothing. A callable is asked before each step; of these a model's file can hold the
        schedules of ``annlib.schedules`` and registered classes derived from theirs.
    weight_decay : float, at least 0, or callable, optional
        Before each update, w <- w - rate * weight_decay * w, for every trainable parameter that
        ``exclude_from_weight_decay`` does not name. As the rate it may follow a schedule, and so
        may momentum and betas of the rules: any callable of the number of steps done. The
        attributes are numbers, those of the last update.
    clipnorm : float, above 0, optional
        Scale each parameter's gradient down to at most this Euclidean norm.
    clipvalue : float, above 0, optional
        Cut each element of the gradient to [-clipvalue, clipvalue].
    global_clipnorm : float, above 0, optional
        Scale the whole gradient down to at most this norm. Only one of the three may be given.
    use_ema : bool
        Average the parameters over the steps, and end ``fit`` with the averages in the model.
    ema_momentum : float, in [0, 1]
        After each step, average <- ema_momentum * average + (1 - ema_momentum) * parameters.
    ema_overwrite_frequency : int, at least 1, optional
        Write the averages into the model after every so many updates, too.
    gradient_accumulation_steps : int, at least 2, optional
        Update at every so many steps only, by the mean of their gradients. As in Keras, averages
        and constraints come at each step, and a schedule counts them all.
    name : str, optional
        That of the class in small letters by itself.
    learning_rate_factors, weight_decay_factors : dict of str to float, at least 0, optional
        Factors of the rate and of the decay for some parameters: by the name of a layer
        (``"dense"``), the path of a parameter (``"dense/bias"``) or a pattern of these
        (``"*/bias"``). Where several match they are multiplied. The weight decay goes by the rate
        of its parameter, too.

    Attributes
    ----------
    iterations : int
        The updates done.
    steps : int
        The steps done; with ``gradient_accumulation_steps`` several make one update.
    state : array, (vectors, n)
        The vectors that it remembers: those of ``state_names``, then the policy's.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range, or two contradict each
        other: two limits of the gradient, ``ema_overwrite_frequency`` without ``use_ema``.

    Examples
    --------
    >>> class Momentum(Optimizer):
    ...     state_names = ("velocity",)
    ...
    ...     def update(self, theta, gradient, rate, state, scratch):
    ...         state.velocity *= 0.9
    ...         state.velocity -= np.multiply(gradient, rate, out=scratch)
    ...         theta += state.velocity
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(Momentum(0.1), "mse")
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[3.0], [6.0]])
    >>> history = model.fit(x, y, epochs=100, verbose=0)
    >>> model.predict(x, verbose=0).round(1)
    array([[3.],
           [6.]], dtype=float32)
    """

    _memory: Memory | None
    _buffers: StepBuffers | None
    _gradient: Array | None

    _stored_as: ClassVar[dict[str, str]] = {"learning_rate": "_configured_rate", "name": "_name"}
    _one_value = {  # noqa: RUF012  # never changed
        "loss_scale_factor": (None, "Numbers have their full precision here: no loss is scaled."),
    }

    _keras_methods = dict.fromkeys(
        ("update_step", "apply_gradients", "apply", "get_updates", "_resource_apply_dense"),
        "update",
    )
    _extending = (
        "Write update(self, theta, gradient, rate, state, scratch) and state_names, as "
        "annlib.optimizers.Optimizer shows."
    )
    _settable: ClassVar[tuple[str, ...]] = (
        *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"),
        *("ema_momentum", "ema_overwrite_frequency"),
    )
    #: Those that can be set, too, as long as no model is compiled with the object.
    _settable_before: ClassVar[tuple[str, ...]] = ("use_ema", "gradient_accumulation_steps")
    _instead = "Compile again, with a new optimizer: model.compile(optimizer, ...)."

    weight_decay = OfPolicy()
    clipnorm = OfPolicy()
    clipvalue = OfPolicy()
    global_clipnorm = OfPolicy()
    use_ema = OfPolicy()
    ema_momentum = OfPolicy()
    ema_overwrite_frequency = OfPolicy()
    gradient_accumulation_steps = OfPolicy()
    learning_rate_factors = OfPolicy()
    #: Keras' name of old.
    lr = CalledOtherwise("learning_rate")
    weight_decay_factors = OfPolicy()

    def __init__(
        self,
        learning_rate: Any = 0.01,
        *,
        weight_decay: Any = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        learning_rate_factors: Mapping[str, float] | None = None,
        weight_decay_factors: Mapping[str, float] | None = None,
        **unknown: Any,
    ) -> None:
        where = type(self).__name__
        if "decay" in unknown:  # of Keras 2; Keras 3 takes it without effect
            raise ConfigurationError(
                f"{where}: expected no decay, got {show(unknown['decay'])}. The rate falls like "
                f"that by a schedule: {where}(schedules.InverseTimeDecay({show(learning_rate)}, "
                f"decay_steps=1, decay_rate={show(unknown['decay'])})). Weights decay by "
                "weight_decay."
            )
        refuse_unknown(where, unknown, type(self))
        self._configured_rate = self._checked_rate(learning_rate)
        self._set_rate(self._configured_rate)
        self.policy = Policy(
            where,
            weight_decay=self._optional_decay(weight_decay, "weight_decay"),
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            gradient_accumulation_steps=gradient_accumulation_steps,
            learning_rate_factors=learning_rate_factors,
            weight_decay_factors=weight_decay_factors,
        )
        self._name = check_name(name, where)
        self.loop: Loop | None = None
        #: What is to become ``loop`` once that is worth it.
        self._loop_later: Loop | None = None
        #: ``update`` as machine code.
        self._compiled_update: Callable[..., None] | None = None
        self.reset()
        #: A weak reference to the model that was compiled with this object.
        self._owner: Any = None

    # -- schedules ---------------------------------------------------------------------------------

    def _optional_decay(self, value: Any, name: str) -> Any:
        """A weight decay, or the first of its schedule, or None for none."""
        return None if value is None else self._number(value, name, "[0, inf)")

    def _follow(self, step: int) -> None:
        """Set the numbers of schedules to those of an update, and the state that is held over
        them.
        """
        before = [getattr(self, argument) for argument in self.held_over.values()]
        super()._follow(step)
        now = [getattr(self, argument) for argument in self.held_over.values()]
        if self._memory is None or now == before:
            return
        arrays = self._memory.arrays()
        for name, old, new in zip(self.held_over, before, now, strict=True):
            if new != old and name in arrays:
                np.multiply(arrays[name], (1 - old) / (1 - new), out=arrays[name])

    def _recall(self) -> None:
        """Set them to those of the last update, by which the state is held."""
        every = self.policy.gradient_accumulation_steps or 1
        Scheduled._follow(self, max(self.iterations * every - 1, 0))

    @property
    def name(self) -> str:
        """The name given, or that of the class in small letters, as in Keras: ``"adam_w"``."""
        return self._name or snake_case(type(self).__name__)

    # -- the learning rate -----------------------------------------------------------------------

    def _checked_rate(self, rate: Any) -> Any:
        if isinstance(rate, dict):
            return FAMILIES["schedule"].get(rate, f"{type(self).__name__}.learning_rate")
        if is_number(rate) and 0 <= rate < np.inf:
            return float(rate)
        where = type(self).__name__
        other = isinstance(rate, Configurable) and not _is_schedule(rate)
        if other or not callable(rate) or isinstance(rate, type):
            raise ConfigurationError(
                f"{where}: expected learning_rate as a number >= 0 or a schedule, got {show(rate)}."
            )
        least, most = positional_arguments(rate)
        # One argument that may be left out could be the step as well as a value that is kept.
        if not (least == 1 <= most or (least == 0 and most in (0, np.inf)) or _is_schedule(rate)):
            raise ConfigurationError(
                f"{where}: expected learning_rate as a callable that must get the step, or nothing "
                f"and can get nothing, got {rate!r}. Write lambda step: ..., or lambda: ..."
            )
        return rate

    def _set_rate(self, rate: float | Callable[..., float]) -> None:
        """Use this number or callable from the next update on."""
        self._rate = rate
        # What cannot be told gets the step.
        self._of_step = callable(rate) and (
            _is_schedule(rate) or positional_arguments(rate) != (0, 0)
        )

    @property
    def learning_rate(self) -> float:
        """The rate of the next update; setting it does not change the configuration.

        As in Keras ``optimizer.learning_rate.assign(rate)`` sets it, too.
        """
        return NumberView.of(self._next_rate, partial(setattr, self, "learning_rate"))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(self._configured_rate):
            raise TypeError(
                f"{type(self).__name__}.learning_rate: expected no assignment, since a schedule "
                f"({self._configured_rate!r}) sets the rate. Compile with a number instead."
            )
        rate = self._checked_rate(value.numpy() if isinstance(value, NumberView) else value)
        # The configured one set again is no other rate: ``get_state`` tells them by identity.
        self._set_rate(self._configured_rate if rate == self._configured_rate else rate)

    @property
    def _next_rate(self) -> float:
        """The same as a plain number."""
        rate = self._rate
        if not callable(rate):
            return rate
        asked = rate(self.steps) if self._of_step else rate()
        try:
            value = float(asked)
        except (TypeError, ValueError):
            value = np.nan
        if not 0 <= value < np.inf:
            raise ConfigurationError(
                f"{type(self).__name__}.learning_rate: expected {rate!r} to return a number >= 0, "
                f"got {asked!r} at step {self.steps}."
            )
        return value

    @property
    def iterations(self) -> int:
        """The updates done."""
        return self.steps // (self.policy.gradient_accumulation_steps or 1)

    @iterations.setter
    def iterations(self, value: int) -> None:
        count = check_count(value, type(self).__name__, "iterations", 0)
        self.steps = count * (self.policy.gradient_accumulation_steps or 1)
        self._recall()

    # -- configuration ---------------------------------------------------------------------------

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

        Raises
        ------
        ConfigurationError
            After ``compile``, and if one of them is no list of texts. ``compile`` raises it if a
            path or an expression is found in no parameter's path.

        Examples
        --------
        >>> from annlib import Sequential, layers, optimizers
        >>> adam = optimizers.AdamW(weight_decay=0.01)
        >>> adam.exclude_from_weight_decay(var_names=["bias", "gamma"])
        >>> model = Sequential([layers.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
        >>> model.compile(adam, "mse")
        """
        if self._buffers is not None:
            raise ConfigurationError(
                f"{type(self).__name__}.exclude_from_weight_decay: expected a call before "
                "compile, got one after. Compile again with a new optimizer."
            )
        where = f"{type(self).__name__}.exclude_from_weight_decay"
        for name, given in (("var_list", var_list), ("var_names", var_names)):
            texts = () if given is None else items_of(given)
            if texts is None or not all(isinstance(text, str) for text in texts):
                raise ConfigurationError(
                    f"{where}: expected {name} as a list of texts, got {show(given)}. "
                    f'Write {name}=["bias"].'
                )
        self.policy.exclude(items_of(var_list) or (), items_of(var_names) or ())

    def _checked(self, name: str, value: Any) -> Any:
        if name in self._settable_before and self._owner is None:
            return getattr(self._made_with(**{name: value}), name)
        return super()._checked(name, value)

    def _made_with(self, **changes: Any) -> Any:
        made = super()._made_with(**changes)
        # What it remembers is of the vectors that its arguments need.
        if changes and made.state_names != super()._made_with().state_names:
            (name, value), *_ = changes.items()
            self._refuse(name, f"got {value!r}, which needs other memory")
        return made

    def _parts(self) -> Sequence[Optimizer]:
        """Itself and those that it is made of."""
        return [self]

    def _trained_by(self, path: str) -> tuple[Optimizer, float]:
        """Which of its parts trains the parameter of this path, and the factor of the rate that is
        the part's own.
        """
        return self, 1.0

    def _decays(self, path: str) -> bool:
        """Whether the weight decay takes the parameter of this path."""
        return self.policy.decays(path)

    def check_parameters(self, entries: Sequence[Entry]) -> None:
        """Raise if something is said of parameters that a model does not have, or of what there is
        none of.

        Parameters
        ----------
        entries : sequence of Entry
            The model's parameters.

        Raises
        ------
        ConfigurationError
            If a factor or an exclusion fits no path, or goes with no weight decay or rate.

        Examples
        --------
        >>> from annlib import Sequential, layers, optimizers
        >>> entries = Sequential([layers.Input((2,)), layers.Dense(1)]).vector.entries
        >>> optimizers.SGD(learning_rate_factors={"dense": 0.1}).check_parameters(entries)
        >>> optimizers.SGD(learning_rate_factors={"desne": 0.1}).check_parameters(entries)
        Traceback (most recent call last):
            ...
        annlib.core.errors.UnknownNameError: SGD.learning_rate_factors: expected a layer ("dense"),
        ...
        """
        where = type(self).__name__
        self.policy.check_paths([entry.path for entry in entries], where)
        if self.learning_rate_factors and self.whole:
            raise ConfigurationError(
                f"{where}: expected no learning_rate_factors, since its rule updates all parameters"
                f" in one call, got {show(self.learning_rate_factors)}. Leave them out."
            )
        if self.weight_decay_factors and not self._can_decay:
            raise ConfigurationError(
                f"{where}: expected weight_decay with weight_decay_factors, got None. Pass "
                "weight_decay=0.004, or another number."
            )

    @property
    def _can_decay(self) -> bool:
        """Whether there is a weight decay, which may be 0."""
        return self.weight_decay is not None

    def check_run(self, steps: int | None) -> None:
        """Raise if a training of so many steps would make no update.

        Parameters
        ----------
        steps : int, at least 1, or None
            None where nobody knows.

        Raises
        ------
        ConfigurationError
            If ``gradient_accumulation_steps`` are more than these.

        Examples
        --------
        >>> from annlib import optimizers
        >>> optimizers.SGD(gradient_accumulation_steps=4).check_run(4)
        >>> optimizers.SGD(gradient_accumulation_steps=4).check_run(3)
        Traceback (most recent call last):
            ...
        annlib.core.errors.ConfigurationError: SGD: expected gradient_accumulation_steps of at most
        3, ...
        """
        every = self.policy.gradient_accumulation_steps or 1
        if steps and self.steps % every + steps < every:
            raise ConfigurationError(
                f"{type(self).__name__}: expected gradient_accumulation_steps of at most "
                f"{self.steps % every + steps}, the steps of this run, got {every}: no update "
                "would be made. Take fewer, smaller batches or more epochs."
            )

    def clone(self) -> Self:
        clone = super().clone()
        clone.policy.excluded = self.policy.excluded
        return clone

    # -- state -----------------------------------------------------------------------------------

    def build(
        self,
        vector: ParameterVector,
        jit_compile: bool | str = False,
        compiler: Callable[[Rule, Any], Callable[..., None] | None] | None = None,
    ) -> None:
        """Make what depends on the vector's layout; state that matches the layout stays.

        Parameters
        ----------
        vector : ParameterVector
        jit_compile : bool or "auto"
            Whether a rule that has a loop runs as that; by itself where it is worth it.
        compiler : callable, optional
            What makes machine code of the ``update`` of any rule, or None of one that it cannot
            do, from the rule and the type of the vector: instead of loops.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> adam = optimizers.Adam()
        >>> adam.build(vector)
        >>> adam.state_arrays()
        {'m': array([0., 0.], dtype=float32), 'v': array([0., 0.], dtype=float32)}
        """
        if not self.matches_layout(vector):
            self.reset()
            self._memory = Memory(self, vector, self.policy.state_names)
            self._initialize(self._memory.parts(vector))
            self._begun = False  # again with the first step, by the parameters that are there then
        memory = self._built
        wanted = vector.n_trainable >= _WORTH_COMPILING if jit_compile == "auto" else jit_compile
        loop = type(self).compilable if wanted and can_compile() and compiler is None else None
        now = jit_compile is True or waiting.is_over(0)
        self.loop = compiled(loop) if loop and now else None
        self._loop_later = None if now else loop
        self._compiled_update = compiler and compiler(self, vector.values.dtype)
        one_pass = self.loop is not None or self._compiled_update is not None
        divisible = not (self.whole or self.per_parameter)
        policy, factor = self.policy, self.policy.rate_factor
        self._buffers = StepBuffers(vector, memory, divisible, one_pass, factor)
        self._gradient = vector.gradients[: vector.n_trainable]
        policy.attach(vector, memory.vectors[len(self.state_names) :])
        paths = [entry.path for entry in vector.entries]
        largest = max(map(factor, paths), default=1.0)
        self._moderate_rate = _MODERATE_RATE / max(largest, 1.0)
        of_decay = max(largest * max(map(policy.decay_factor, paths), default=1.0), 1.0)
        self._moderate_decay = 1.0 / of_decay
        # Where there is no epsilon, 0 / 0 would follow.
        divides = bool(getattr(self, "epsilon", True))
        self._flushes = self.flushes_denormals and divides
        # Of a gradient whose squares sum up to no more, nothing overflows soon.
        moderate = float(np.sqrt(np.finfo(vector.values.dtype).max))
        self._most = moderate if self.bounded and divides else -1.0
        self._ready = False

    @property
    def _built(self) -> Memory:
        assert self._memory is not None, "build comes first"
        return self._memory

    def _initialize(self, parts: Iterable[tuple[Array, State]]) -> None:
        self._begun = True
        for theta, state in parts:
            self.initialize(theta, state)

    def _initialize_all(self) -> None:
        """Give the state its first values, if it has none yet, as the first step would."""
        for part in self._parts():
            if not part._begun and part._buffers is not None:
                part._initialize((own.theta, own.state) for own in part._buffers.parts)

    def matches_layout(self, vector: ParameterVector) -> bool:
        """Whether its state is of a vector with this layout.

        Parameters
        ----------
        vector : ParameterVector

        Returns
        -------
        bool

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> adam = optimizers.Adam()
        >>> adam.build(vector)
        >>> adam.matches_layout(vector)
        True
        >>> adam.matches_layout(Sequential([layers.Input((3,)), layers.Dense(1)]).vector)
        False
        """
        memory = self._memory
        return memory is not None and memory.matches(self, vector, self.policy.state_names)

    def reset(self) -> None:
        """Forget the state and the steps done.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> sgd = optimizers.SGD()
        >>> sgd.build(vector)
        >>> sgd.step(vector.gradients)
        >>> sgd.steps
        1
        >>> sgd.reset()
        >>> sgd.steps
        0
        """
        self.steps = 0
        self._memory = self._buffers = self._gradient = None
        # Whether the state has its first values, and whether all is ready for a step.
        self._begun = self._ready = False
        # Whether the model has weights to be trained, not to evaluate with; and by which thread.
        self._training, self._thread = False, 0
        self._recall()

    @property
    def state(self) -> Array:
        """The vectors that it remembers, as a matrix: those of its rule, then of the policy."""
        return np.zeros((0, 0)) if self._memory is None else self._memory.vectors

    def state_arrays(self) -> dict[str, Array]:
        """Return all that it remembers by name, in the order in which files hold it.

        Returns
        -------
        dict of str to array
            ``"m"``, ``"v"``, ..., each (n,), the size of the trainable parameters, or in the shape
            that ``state_shapes`` names.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> adam = optimizers.Adam()
        >>> adam.build(vector)
        >>> list(adam.state_arrays())
        ['m', 'v']
        """
        return {} if self._memory is None else self._memory.arrays()

    def get_state(self) -> dict[str, Any]:
        """Return what it has been through, arrays aside: the steps, a rate that was set, and
        whether the model holds the weights to be trained where others are to evaluate with.

        Returns
        -------
        dict of str to object
            Of numbers and truth values, as JSON can hold them.

        Examples
        --------
        >>> from annlib import Sequential, layers, optimizers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile(optimizers.SGD(0.1), "mse")
        >>> loss = model.train_on_batch([[1.0]], [2.0])
        >>> model.optimizer.learning_rate = 0.05
        >>> state = model.optimizer.get_state()
        >>> state
        {'calls': 1, 'learning_rate': 0.05}
        >>> other = optimizers.SGD(0.1)
        >>> other.check_state(state)
        >>> other.set_state(state)
        >>> other.steps, other.learning_rate
        (1, 0.05)
        """
        own = self._rate is not self._configured_rate
        rate = serialize(self._rate, f"{type(self).__name__}.learning_rate") if own else None
        training = {"training": True} if self._training else {}
        return {"calls": self.steps, "learning_rate": rate, **training}

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Raise unless ``get_state`` of it could have given this.

        Parameters
        ----------
        state : dict of str to object

        Raises
        ------
        ConfigurationError
            If the steps are no count, or the rate is none.

        Examples
        --------
        >>> from annlib import optimizers
        >>> optimizers.SGD().check_state({"calls": -1, "learning_rate": None})
        Traceback (most recent call last):
            ...
        annlib.core.errors.ConfigurationError: ...
        """
        where = type(self).__name__
        own = self.get_state().keys() - {"training"}
        if not isinstance(state, Mapping) or not own <= state.keys():
            raise ConfigurationError(
                f"{where}: expected a state with {', '.join(sorted(own))}, as get_state gives it, "
                f"got {show(state)}."
            )
        rate, training = state["learning_rate"], "training" in state
        steps = check_count(state["calls"], where, "calls", 0)
        known = not training or (state["training"] is True and self._keeps_two)
        settable = rate is None or not callable(self._configured_rate)
        if steps >= _MOST_STEPS or not known or not settable:
            raise ConfigurationError(
                f"{where}: expected a state that it can have, got {steps} calls, a rate of "
                f"{show(rate)} and training {training}."
            )
        if rate is not None:
            self._checked_rate(rate)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``get_state`` gave; after ``build``, which may reset it.

        Parameters
        ----------
        state : dict of str to object
            From ``get_state``.

        Raises
        ------
        ConfigurationError
            If ``get_state`` could not have given this.

        Examples
        --------
        >>> from annlib import optimizers
        >>> sgd = optimizers.SGD()
        >>> sgd.set_state({"calls": 7, "learning_rate": 0.5})
        >>> sgd.steps, sgd.learning_rate
        (7, 0.5)
        """
        self.check_state(state)
        rate, training = state["learning_rate"], "training" in state
        self._set_rate(self._configured_rate if rate is None else self._checked_rate(rate))
        self.steps, self._training, self._ready = state["calls"], training, False
        self._begun = self._begun or training or self.steps > 0
        self._recall()

    def __getstate__(self) -> dict[str, Any]:
        # Views belong to a model's vector: a copied model builds its optimizer again.
        views = ("_buffers", "_gradient", "loop", "_loop_later", "_compiled_update", "_owner")
        return {
            **self.__dict__,
            **dict.fromkeys(views),
            "_thread": 0,
            "policy": copy.copy(self.policy),
        }

    # -- the step --------------------------------------------------------------------------------

    def step(self, gradient: Array) -> None:
        """Update the parameters, once or at every ``gradient_accumulation_steps``.

        Parameters
        ----------
        gradient : array, (n,)
            Of all trainable parameters: that of the vector, which may be overwritten, or another
            of the same layout.

        Raises
        ------
        ConfigurationError
            If a schedule returns no number of at least 0, or is called where all data are needed at
            once.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> sgd = optimizers.SGD(0.1)
        >>> sgd.build(vector)
        >>> vector.gradients[:] = [4.0, -2.0]
        >>> sgd.step(vector.gradients)
        >>> vector.values
        array([-0.4,  0.2], dtype=float32)
        """
        if gradient is not self._gradient:
            gradient = self._own(gradient)
        self._step(gradient, self._due_rate())

    def checked_step(self, vector: ParameterVector, squares: float) -> int | None:
        """``step`` by the vector's gradient, unless something would become NaN or infinite.

        Parameters
        ----------
        vector : ParameterVector
            That it was built for.
        squares : float, at least 0
            The sum of the gradient's squares. Where it and the rate are moderate nothing can
            overflow; else parameters and state are copied, and copied back if it does.

        Returns
        -------
        int or None
            The first place in the vector that would not be finite; nothing has changed then.

        Raises
        ------
        ConfigurationError
            As ``step``.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> sgd = optimizers.SGD(0.1)
        >>> sgd.build(vector)
        >>> vector.gradients[:] = [4.0, np.inf]
        >>> sgd.checked_step(vector, np.inf)
        1
        >>> vector.values
        array([0., 0.], dtype=float32)
        """
        gradient = self._gradient
        assert gradient is not None, "build comes first"
        own = self.step
        if getattr(own, "__func__", None) is not Optimizer.step:  # one of the user's
            return self._tried(vector, partial(own, gradient))
        rate = self._due_rate()  # a schedule is asked once a step
        if self._is_moderate(squares, rate):
            self._step(gradient, rate)
            return None
        return self._tried(vector, partial(self._step, gradient, rate))

    def _due_rate(self) -> float:
        """The rate of the next step; 0 if that only accumulates."""
        every = self.policy.gradient_accumulation_steps
        if every is not None and (self.steps + 1) % every:
            return 0.0
        if self._schedules:
            self._follow(self.steps)
        return self._rate if type(self._rate) is float else self._next_rate

    def _step(self, gradient: Array, rate: float) -> None:
        policy, buffers = self.policy, self._buffers
        assert buffers is not None, "build comes first"
        if not self._ready:
            self._prepare(buffers)
        if policy.gradient_accumulation_steps is None or policy.accumulate(gradient, self.steps):
            policy.clip_and_decay(gradient, rate)
            if self._loop_later is not None and waiting.is_over(gradient.size):
                self.loop, self._loop_later = compiled(self._loop_later), None
            made = self._compiled_update
            joint = buffers.joint and made is None and self.loop is None
            buffers.update(made or self.update, rate, self._twofold() if joint else None)
        if policy.use_ema:
            policy.average(self.iterations)
        if buffers.constrained:
            apply_constraints(buffers.constrained)
        self.__dict__["steps"] += 1  # no argument, of which __setattr__ would have to know
        if self.steps % FLUSH_EVERY == 0 and self._flushes:
            buffers.flush_denormals()

    def _twofold(self) -> Twofold | None:
        """``update`` in two, of a rule that goes the rate times what does not depend on it."""
        return None

    def _is_moderate(self, squares: float, rate: float) -> bool:
        """Whether a step by such a gradient is far from all that overflows, its squares too."""
        decay = rate * (self.policy.weight_decay or 0.0)
        moderate = rate <= self._moderate_rate and decay <= self._moderate_decay
        return bool(squares <= self._most and moderate)

    def _tried(self, vector: ParameterVector, step: Callable[[], None]) -> int | None:
        """Make a step, and undo it if what was finite is not; the first place of that, or None."""
        theta = vector.values[: vector.n_trainable]
        arrays = [theta, *self.state_arrays().values()]
        kept = [array.copy() for array in arrays]
        progress = self.steps, self._begun, self._ready
        step()
        bad = (
            int(np.argmin(np.isfinite(now))) if now.shape == theta.shape else 0
            for now, before in zip(arrays, kept, strict=True)
            if not all_finite(now) and all_finite(before)
        )
        if (place := next(bad, None)) is not None:
            for array, before in zip(arrays, kept, strict=True):
                np.copyto(array, before)
            self.steps, self._begun, self._ready = progress
        return place

    def _own(self, gradient: Array) -> Array:
        """Return the vector's gradient, with these numbers in it."""
        own = self._gradient
        assert own is not None, "build comes first"
        given = np.asarray(gradient)
        if (given.shape, given.dtype) != (own.shape, own.dtype):
            raise ShapeError(
                f"{type(self).__name__}.step: expected the gradient of all trainable parameters, "
                f"{own.dtype} of shape {own.shape}, got {given.dtype} of {given.shape}."
            )
        if given.__array_interface__ == own.__array_interface__:  # another view of the vector's
            self._gradient = gradient
            return gradient
        np.copyto(own, given)
        return own

    def _prepare(self, buffers: StepBuffers) -> None:
        if self._keeps_two and not self._training:
            raise ConfigurationError(
                f"{type(self).__name__}.step: expected the weights to be trained in the model, got "
                "those to evaluate with. Call to_training before the gradient is computed."
            )
        if not self._begun:
            self._initialize((part.theta, part.state) for part in buffers.parts)
        self._ready = True

    # -- two sets of weights ---------------------------------------------------------------------

    def to_training(self, vector: ParameterVector) -> None:
        """Put the weights to be trained into the vector, where they are apart from those to
        evaluate with: before each step, and before its gradient. ``build`` comes first.

        Parameters
        ----------
        vector : ParameterVector

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> free = optimizers.ScheduleFreeAdamW(0.1)
        >>> free.build(vector)
        >>> for gradient in ([4.0, -2.0], [1.0, 1.0]):
        ...     free.to_training(vector)
        ...     vector.gradients[:] = gradient
        ...     free.step(vector.gradients)
        >>> vector.values.round(3)
        array([-0.119,  0.065], dtype=float32)
        >>> free.to_evaluation(vector)
        >>> vector.values.round(3)
        array([-0.117,  0.068], dtype=float32)
        """
        if not self._keeps_two:
            return
        self._thread = threading.get_ident()
        if self._training:
            return
        parts = self._built.parts(vector)
        if not self._begun:
            self._initialize(parts)
        for theta, state in parts:
            self.training_weights(theta, state)
        self._training = True

    def to_evaluation(self, vector: ParameterVector) -> None:
        """Put the weights to evaluate with into the vector: at the end of an epoch, a training.

        Parameters
        ----------
        vector : ParameterVector

        Examples
        --------
        Most optimizers evaluate with the weights that they train:

        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> sgd = optimizers.SGD(0.1)
        >>> sgd.build(vector)
        >>> vector.gradients[:] = [4.0, -2.0]
        >>> sgd.step(vector.gradients)
        >>> sgd.to_evaluation(vector)
        >>> vector.values
        array([-0.4,  0.2], dtype=float32)
        """
        if not self._training:
            return
        for theta, state in self._built.parts(vector):
            self.evaluation_weights(theta, state)
        apply_constraints(constrained(vector))
        self._training = self._ready = False

    def training(self, vector: ParameterVector) -> AbstractContextManager[None]:
        """A context in which the vector has the weights to be trained.

        Parameters
        ----------
        vector : ParameterVector

        Returns
        -------
        context manager

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> free = optimizers.ScheduleFreeAdamW(0.1)
        >>> free.build(vector)
        >>> for gradient in ([4.0, -2.0], [1.0, 1.0]):
        ...     with free.training(vector):
        ...         vector.gradients[:] = gradient
        ...         free.step(vector.gradients)
        >>> vector.values.round(3)
        array([-0.117,  0.068], dtype=float32)
        """
        if self._training or not self._keeps_two:
            return _NOTHING
        return _turned(partial(self.to_training, vector), partial(self.to_evaluation, vector))

    def evaluating(self, vector: ParameterVector) -> AbstractContextManager[None]:
        """A context in which the vector has the weights to evaluate with, if the thread that trains
        enters it; afterwards those to be trained are as they were, to the bit.

        Parameters
        ----------
        vector : ParameterVector

        Returns
        -------
        context manager

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> free = optimizers.ScheduleFreeAdamW(0.1)
        >>> free.build(vector)
        >>> for gradient in ([4.0, -2.0], [1.0, 1.0]):
        ...     free.to_training(vector)
        ...     vector.gradients[:] = gradient
        ...     free.step(vector.gradients)
        >>> with free.evaluating(vector):
        ...     print(vector.values.round(3))
        [-0.117  0.068]
        """
        if not self._training or self._thread not in (0, threading.get_ident()):
            return _NOTHING
        theta = vector.values[: vector.n_trainable]
        kept = theta.copy()

        def back() -> None:
            np.copyto(theta, kept)
            self._training = True

        return _turned(partial(self.to_evaluation, vector), back)

    @property
    def averages(self) -> Array | None:
        """The averages of the trainable parameters, as one vector; None if there are none yet."""
        return self.state[-1] if self.use_ema and self.steps and len(self.state) else None

    def finalize(self) -> None:
        """End a training: with ``use_ema``, write the averages into the model.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> sgd = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
        >>> sgd.build(vector)
        >>> for gradient in ([4.0, -2.0], [1.0, 1.0]):
        ...     vector.gradients[:] = gradient
        ...     sgd.step(vector.gradients)
        >>> vector.values
        array([-0.5,  0.1], dtype=float32)
        >>> sgd.finalize()
        >>> vector.values
        array([-0.45,  0.15], dtype=float32)
        """
        if self._buffers is not None and self.steps:
            self.policy.overwrite()

    # Optimizers have state, and are compared by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def _formula_of(self, path: str, shape: Shape) -> Formula:
        """The formula of the parameter with this path, of a rule that is another for some."""
        return self.formula()

    def formula(self) -> Formula:
        r"""The formula that ``explain`` shows; of a class without one, that it is a function.

        Returns
        -------
        Formula

        Examples
        --------
        >>> from annlib import optimizers
        >>> print(optimizers.SGD(0.1).formula().equations[0])
        \theta \leftarrow \theta - \eta g
        """
        return update_formula(self, r"\theta \leftarrow \operatorname{f}(\theta, g)")


@contextmanager
def _turned(enter: Callable[[], None], leave: Callable[[], None]) -> Iterator[None]:
    try:
        enter()
        yield
    finally:
        leave()


registry: Registry[Optimizer] = Registry("optimizer", Optimizer)
register = registry.register


@with_short_tracebacks
def get(identifier: Any, where: str = "") -> Optimizer | None:
    """The optimizer of that name, class or configuration, or the object itself.

    None is none, as in Keras.

    Parameters
    ----------
    identifier : str, type, dict, Optimizer or None
        ``"adam"``, ``Adam``, ``{"class_name": "Adam", "config": {...}}``.
    where : str, optional
        What error messages begin with; ``optimizers.get`` by itself.

    Returns
    -------
    Optimizer or None

    Raises
    ------
    UnknownNameError
        If no optimizer has this name; the message names the nearest.
    ConfigurationError
        If it is none of these, or the configuration is of no optimizer.

    Examples
    --------
    >>> from annlib import optimizers
    >>> optimizers.get("RMSprop")
    RMSprop()
    >>> optimizers.get({"class_name": "SGD", "config": {"learning_rate": 0.1}})
    SGD(learning_rate=0.1)
    """
    return None if identifier is None else registry.get(identifier, where)
