"""From a name, a class or an object to its formula."""

from __future__ import annotations

from typing import Any

from annlib.core.checks import check_known
from annlib.core.config import Configurable
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError, UnknownNameError, quote, show
from annlib.core.registry import FAMILIES
from annlib.core.suggestion import suggest
from annlib.core.tracebacks import with_short_tracebacks
from annlib.formulas.formula import Formula, write

#: The families whose members have formulas, in the order in which a name is looked up.
WITH_FORMULAS = ("activation", "loss", "optimizer", "layer", "regularizer", "schedule")
#: And those of which words say what they are.
KINDS = (*WITH_FORMULAS, "metric", "initializer", "constraint", "callback")


@with_short_tracebacks
def of(obj: Any, kind: str | None = None) -> Formula:
    """The formula of a registered name, a class or an object, with the object's own arguments.

    Parameters
    ----------
    obj : str, type or object
        Of an activation, loss, optimizer, layer, regularizer or schedule; of a metric,
        initializer, constraint or callback words say what it is.
    kind : str, optional
        The family of a name that several share: ``of("softmax", kind="layer")``.

    Returns
    -------
    Formula

    Raises
    ------
    UnknownNameError
        For a name that is not registered, or a class of one's own without a formula.
    ConfigurationError
        For anything else that has none.

    Examples
    --------
    >>> of("sigmoid").text, of("sigmoid").derivative_text, of("sigmoid").section
    ('aᵢ = 1 / (1 + exp(−zᵢ))', '∂aᵢ/∂zᵢ = aᵢ (1 − aᵢ)', '8.2')
    """
    return write(*resolve(obj, kind))


def resolve(obj: Any, kind: str | None = None) -> tuple[Any, str]:
    """The object that is meant, one with the default arguments for a name, and its family."""
    if kind is not None:
        check_known(kind, "explain", "a known kind", KINDS)
    kinds = KINDS if kind is None else (kind,)
    if isinstance(obj, tuple):
        obj = _pair(obj, kinds[0])
    if isinstance(obj, str):
        return _named(obj, kinds)
    cls = obj if isinstance(obj, type) else type(obj)
    for family in kinds:
        if issubclass(cls, FAMILIES[family].base):
            of_class = isinstance(obj, type) and family in WITH_FORMULAS
            return (example(cls) if of_class else obj), family
    raise ConfigurationError(
        f"explain: expected the name, a class or an object of one of these: {_listed(kinds)}, got "
        f"{show(obj)}."
    )


def _pair(pair: tuple[Any, ...], kind: str) -> Any:
    """A function and its derivative, as layers and compile take them."""
    from annlib.activations import get as activation
    from annlib.losses import get as loss

    return loss(pair) if kind == "loss" else activation(pair)


def _named(name: str, kinds: tuple[str, ...]) -> tuple[Any, str]:
    known: list[str] = []
    for family in kinds:
        registry = FAMILIES[family]
        names = [alias for cls in registry for alias in (*cls._names, cls.__name__)]
        if name.replace("_", "").lower() in (alias.replace("_", "").lower() for alias in names):
            cls = registry.find(name)
            return (example(cls) if family in WITH_FORMULAS else cls), family
        known += sorted(alias for cls in registry for alias in cls._names)
    raise UnknownNameError(
        f"explain: expected a known {_listed(kinds)}, got {quote(name)}. "
        f"{suggest(name, known, most=5)}"
    )


def _listed(kinds: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))


def example(cls: type[Configurable]) -> Any:
    """An object of a class, as the class offers it."""
    missing = [
        name
        for name, argument in constructor_arguments(cls).items()
        if argument.default is argument.empty and name not in cls.example_arguments
    ]
    if missing:
        raise ConfigurationError(
            f"explain: expected an object of {cls.__name__}, which needs {', '.join(missing)}, "
            "got its class alone."
        )
    return cls(**cls.example_arguments)
