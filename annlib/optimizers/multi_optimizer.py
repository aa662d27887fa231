"""MultiOptimizer: another rule for some of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from annlib.core.arrays import Array
from annlib.core.checks import items_of
from annlib.core.config import refuse_unknown
from annlib.core.errors import ConfigurationError, quote, show
from annlib.core.formula import Formula
from annlib.core.parameters import Entry, ParameterVector
from annlib.core.scheduled import Scheduled
from annlib.optimizers.base import Optimizer, register, registry
from annlib.optimizers.formula import update_formula
from annlib.optimizers.loops import compiled, waiting
from annlib.optimizers.paths import check_keys, check_patterns, matches
from annlib.optimizers.rule import Rule
from annlib.optimizers.state import State
from annlib.optimizers.step_buffers import FLUSH_EVERY, StepBuffers

#: What counts for all parameters together, and is said once.
_OF_ALL = (
    *("clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_overwrite_frequency"),
    "gradient_accumulation_steps",
)


class OptimizerMap(dict[str, Any]):
    """Optimizers by paths, and the one of all other parameters, as Keras writes them.

    Parameters
    ----------
    default_optimizer : Optimizer or str
        For the parameters that no key fits.
    optimizer_map : dict of str to Optimizer, optional
        What else is said of the keys: see ``MultiOptimizer``.

    Raises
    ------
    ConfigurationError
        If one of them is no optimizer, or a key no text.

    Examples
    --------
    >>> from annlib import optimizers
    >>> rules = OptimizerMap(optimizers.Adam())
    >>> rules["embedding/.*"] = optimizers.SGD(0.1)
    >>> MultiOptimizer(rules)
    MultiOptimizer({'embedding/.*': SGD(learning_rate=0.1)}, default='adam')
    """

    def __init__(
        self, default_optimizer: Any, optimizer_map: Mapping[str, Any] | None = None
    ) -> None:
        where = "OptimizerMap"
        self.default_optimizer = _rule(default_optimizer, f"{where}.default_optimizer")
        given = {} if optimizer_map is None else optimizer_map
        super().__init__(check_keys(given, where, "optimizers", '{"embedding": "sgd"}'))


@register("multioptimizer", "multi_optimizer")
class MultiOptimizer(Optimizer):
    """theta_k <- the k-th rule of theta_k, at learning_rate times the rate of that rule.

    Each rule has its own rate, schedules, weight decay and factors, and keeps the state of its own
    parameters. What counts for all of them is said here: limits of the gradient, averages,
    accumulation.

    Parameters
    ----------
    optimizer_map : dict of str to Optimizer, or OptimizerMap
        By the name of a layer (``"dense"``), the path of a parameter (``"dense/bias"``) or a
        pattern of these (``"*/bias"``, in Keras ``".*/bias"``); a parameter may be of one of them
        only.
    default : Optimizer, optional
        For all other parameters; without it there may be none. An ``OptimizerMap`` has its own.
    learning_rate : float, at least 0, or callable
        A factor of the rates of all rules, which callbacks and schedules may change: 1 leaves them
        as they are.
    clipnorm, clipvalue, global_clipnorm : float, above 0, optional
        At most one limit of the gradient, for all parameters: see ``Optimizer``.
    use_ema : bool
        Average all parameters over the steps.
    ema_momentum : float, in [0, 1]
        What the averages keep of themselves in a step.
    ema_overwrite_frequency : int, at least 1, optional
        Write the averages into the model after every so many updates, too.
    gradient_accumulation_steps : int, at least 2, optional
        Update at every so many steps only, by the mean of their gradients.
    name : str, optional
        ``multi_optimizer`` by itself.

    Raises
    ------
    ConfigurationError
        If there is no rule, one object is given twice, a rule has what counts for all parameters,
        or updates none without the others (``LBFGS``). ``compile`` raises it if a key fits no
        parameter, two fit one, or one is left without a rule.

    Examples
    --------
    >>> from annlib import Sequential, layers, optimizers
    >>> rules = MultiOptimizer({"embedding": optimizers.SGD(0.1)}, default="adam")
    >>> rules
    MultiOptimizer({'embedding': SGD(learning_rate=0.1)}, default='adam')
    >>> model = Sequential([layers.Embedding(10, 4), layers.Flatten(), layers.Dense(1)])
    >>> model.compile(rules, "mse")
    >>> [(rule.name, rule.learning_rate) for rule in rules.optimizers]
    [('sgd', 0.1), ('adam', 0.001)]
    """

    whole = True
    example_arguments: ClassVar[Mapping[str, Any]] = {
        "optimizer_map": {"embedding": "sgd"},
        "default": "adam",
    }

    def __init__(
        self,
        optimizer_map: Mapping[str, Any],
        default: Any = None,
        learning_rate: Any = 1.0,
        *,
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
        refuse_unknown("MultiOptimizer", unknown, MultiOptimizer)
        where = "MultiOptimizer.optimizer_map"
        if isinstance(optimizer_map, OptimizerMap):
            if default is not None:
                raise ConfigurationError(
                    f"MultiOptimizer: expected one default, got {show(default)} and that of the "
                    f"OptimizerMap, {show(optimizer_map.default_optimizer)}. Leave default out."
                )
            default = optimizer_map.default_optimizer
        given = check_keys(optimizer_map, where, "optimizers", '{"embedding": "sgd"}')
        self.optimizer_map = {
            key: _rule(one, f"{where}[{quote(key)}]") for key, one in given.items()
        }
        self.default = None if default is None else _rule(default, "MultiOptimizer.default")
        # A file has the patterns by the alphabet.
        rules = [self.optimizer_map[pattern] for pattern in sorted(self.optimizer_map)]
        self._rules = rules if self.default is None else [*rules, self.default]
        if len({id(rule) for rule in self._rules}) < max(len(self._rules), 1):
            raise ConfigurationError(
                f"{where}: expected an optimizer for each pattern, got "
                f"{'one object twice' if self._rules else 'none'}. Make one for each."
            )
        #: Their rates in the step that is made.
        self._rates: list[float] = [0.0 for _ in self._rules]
        super().__init__(
            learning_rate,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
        )
        self.bounded = all(rule.bounded for rule in self._rules)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The rules, in the order of their patterns by the alphabet, and the default."""
        return list(self._rules)

    # -- which parameter is whose ------------------------------------------------------------------

    def _parts(self) -> Sequence[Optimizer]:
        return [self, *self._rules]

    def _found(self, path: str) -> list[str]:
        """The patterns that are of a parameter."""
        return [pattern for pattern in sorted(self.optimizer_map) if matches(pattern, path)]

    def _trained_by(self, path: str) -> tuple[Optimizer, float]:
        for pattern in self._found(path):
            rule = self.optimizer_map[pattern]
            return rule, self._rates[self._rules.index(rule)]
        return (self, 1.0) if self.default is None else (self.default, self._rates[-1])

    def check_parameters(self, entries: Sequence[Entry]) -> None:
        where, paths = "MultiOptimizer", [entry.path for entry in entries]
        super().check_parameters(entries)
        check_patterns(self.optimizer_map, paths, f"{where}.optimizer_map")
        for path in paths:
            if len(found := self._found(path)) > 1:
                raise ConfigurationError(
                    f"{where}: expected one optimizer for each parameter, got those of "
                    f"{' and '.join(map(quote, found))} for {quote(path)}. Write patterns of which "
                    "one is of it."
                )
        learning = [e.path for e in entries if e.layer.trainable and e.parameter.trainable]
        left = [path for path in learning if self._trained_by(path)[0] is self]
        if left:
            raise ConfigurationError(
                f"{where}: expected an optimizer for each parameter, got none for "
                f'{", ".join(map(quote, left))}. Pass a default: default="adam".'
            )
        for rule in self._rules:
            rule.check_parameters(entries)

    def exclude_from_weight_decay(
        self, var_list: Sequence[str] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leave parameters out of the weight decay of all rules; see ``Optimizer``.

        Parameters
        ----------
        var_list : sequence of str, optional
            Paths of parameters: ``"dense/bias"``.
        var_names : sequence of str, optional
            Regular expressions searched for in the paths: ``["bias", "gamma"]``.

        Raises
        ------
        ConfigurationError
            After ``compile``, and if one of them is no list of texts.
        """
        super().exclude_from_weight_decay(var_list, var_names)
        for rule in self._rules:
            rule.exclude_from_weight_decay(var_list, var_names)

    def _decays(self, path: str) -> bool:
        return self._trained_by(path)[0].policy.decays(path)

    def _shares(self, vector: ParameterVector) -> list[ParameterVector]:
        """Of each rule the vector, with its own parameters as those to be trained."""
        own: list[set[str]] = [set() for _ in self._rules]
        for entry in vector.entries:
            rule, _ = self._trained_by(entry.path)
            if rule is not self:
                own[self._rules.index(rule)].add(entry.path)
        return [vector.restricted(paths) for paths in own]

    # -- state -------------------------------------------------------------------------------------

    def build(
        self,
        vector: ParameterVector,
        jit_compile: bool | str = False,
        compiler: Callable[[Rule, Any], Callable[..., None] | None] | None = None,
    ) -> None:
        super().build(vector, jit_compile, compiler)
        for rule, share in zip(self._rules, self._shares(vector), strict=True):
            rule.build(share, jit_compile, compiler)

    def matches_layout(self, vector: ParameterVector) -> bool:
        pairs = zip(self._rules, self._shares(vector), strict=True)
        return super().matches_layout(vector) and all(r.matches_layout(share) for r, share in pairs)

    def reset(self) -> None:
        super().reset()
        if self._made:  # a constructor leaves what it is given as it is
            for rule in self._rules:
                rule.reset()

    def state_arrays(self) -> dict[str, Array]:
        arrays = super().state_arrays()
        for index, rule in enumerate(self._rules):
            arrays |= {f"{index}/{name}": array for name, array in rule.state_arrays().items()}
        return arrays

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "rules": [rule.get_state() for rule in self._rules]}

    def check_state(self, state: Mapping[str, Any]) -> None:
        super().check_state(state)
        if len(items_of(state["rules"]) or ()) != len(self._rules):
            raise ConfigurationError(
                f"MultiOptimizer: expected the states of {len(self._rules)} optimizers, got "
                f"{show(state['rules'])}."
            )
        for rule, own in zip(self._rules, state["rules"], strict=True):
            rule.check_state(own)

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        for rule, own in zip(self._rules, state["rules"], strict=True):
            rule.set_state(own)
        self._recall()

    def _recall(self) -> None:
        every = self.policy.gradient_accumulation_steps or 1
        for rule in self._rules if self._made else ():
            rule.steps = self.steps
            Scheduled._follow(rule, max(self.iterations * every - 1, 0))

    # -- the step ----------------------------------------------------------------------------------

    def _due_rate(self) -> float:
        rate = super()._due_rate()
        updates = not (self.steps + 1) % (self.policy.gradient_accumulation_steps or 1)
        for rule in self._rules:
            rule.steps = self.steps
        # A rule that is asked for the rate of an update follows its schedules to there.
        self._rates = [rule._due_rate() if updates else rule._next_rate for rule in self._rules]
        return rate

    def _is_moderate(self, squares: float, rate: float) -> bool:
        pairs = zip(self._rules, self._rates, strict=True)
        return self.bounded and all(rule._is_moderate(squares, rate * own) for rule, own in pairs)

    def _prepare(self, buffers: StepBuffers) -> None:
        for rule in self._rules:
            assert rule._buffers is not None, "build comes first"
            rule._begun = self._begun
            rule._prepare(rule._buffers)
        super()._prepare(buffers)

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        flushes = (self.iterations + 1) % FLUSH_EVERY == 0
        for rule, own in zip(self._rules, self._rates, strict=True):
            buffers = rule._buffers
            assert buffers is not None, "build comes first"
            rule.policy.decay(rate * own)
            if rule._loop_later is not None and waiting.is_over(gradient.size):
                rule.loop, rule._loop_later = compiled(rule._loop_later), None
            rule.steps = self.iterations
            buffers.update(rule._compiled_update or rule.update, rate * own)
            rule.steps = self.steps + 1
            if flushes and rule._flushes:
                buffers.flush_denormals()

    def formula(self) -> Formula:
        formula = update_formula(
            self,
            r"\theta_k \leftarrow \operatorname{rule}_k(\theta_k, \eta \eta_k, g_k)",
            note="θ_k are the parameters of rule k, and η_k is its learning rate.",
        )
        whose = [*sorted(self.optimizer_map), "all others"]
        rules = tuple(
            (rf"\operatorname{{rule}}_{{{k}}}", f"{rule!r}, of {of}")
            for k, (rule, of) in enumerate(zip(self._rules, whose, strict=False), 1)
        )
        return replace(formula, symbols=(*rules, *formula.symbols))


def _rule(identifier: Any, where: str) -> Optimizer:
    """An optimizer that can be one of several; raises ``ConfigurationError``."""
    rule = registry.get(identifier, where)
    if rule.whole or rule.full_batch or rule._keeps_two or type(rule).update is Rule.update:
        raise ConfigurationError(
            f"{where}: expected an optimizer that updates some parameters without the others, got "
            f"{show(rule)}. Take another, or compile with it alone."
        )
    for name in _OF_ALL:
        if getattr(rule, name):
            raise ConfigurationError(
                f"{where}: expected no {name}, which counts for all parameters, got {show(rule)}. "
                f"Pass it to MultiOptimizer: {name}={getattr(rule, name)!r}."
            )
    return rule
