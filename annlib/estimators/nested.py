"""An estimator's parameters, and those of their parts: ``optimizer__learning_rate`` and the like.

They are arguments of the constructor as all others, seen by ``get_params``, set by ``set_params``,
kept by ``clone`` and varied by a search; whatever the part is, an object, a class or a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, ClassVar, NamedTuple

from annlib import callbacks
from annlib.callbacks import Callback
from annlib.core.checks import check_flag
from annlib.core.config import Configurable
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import AnnlibError, ArgumentError, ConfigurationError, quote, show
from annlib.core.registry import FAMILIES
from annlib.core.suggestion import suggest
from annlib.estimators.rules import InvalidParameterError, invalid
from annlib.layers import Input, Layer
from annlib.metrics import Metric
from annlib.models import Sequential
from annlib.optimizers import Optimizer

Changes = Mapping[str, Any]


class Part(NamedTuple):
    """A parameter that stands for an object: how to get it, and what the parameter must be."""

    #: From the estimator and the parameter's value.
    get: Callable[[Any, Any], Any]
    expected: str


class NestedParameters:
    """To inherit from, before ``BaseEstimator``: parameters that are objects have parameters.

    ``__init__(self, ..., **nested)`` is ``self._store(locals())`` and nothing else.
    """

    #: The parameters that stand for objects, whose arguments are parameters, too.
    _nests: ClassVar[dict[str, Part]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        # What inspect shows of the class are the parameters that have names; scikit-learn tries
        # each with nonsense.
        super().__init_subclass__(**keywords)
        signature = inspect.signature(cls.__init__)
        named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD][1:]
        cls.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]  # read by inspect

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep a constructor's arguments, all its ``locals()``, each under its own name."""
        nested = arguments.pop("nested")
        for name in nested:
            if not self._is_nested(name):
                raise ArgumentError(
                    f"{type(self).__name__}: expected known arguments, got an unexpected keyword "
                    f"argument {quote(name)}. {self._hint(name)}"
                )
        for name, value in {**arguments, **nested}.items():
            if name != "self":
                setattr(self, name, value)

    def _is_nested(self, name: str) -> bool:
        prefix, _, inner = name.partition("__")
        return prefix in self._nests and bool(inner)

    def _hint(self, name: str) -> str:
        known = [*type(self)._get_param_names(), *(f"{nest}__..." for nest in self._nests)]  # type: ignore[attr-defined]  # of BaseEstimator
        return suggest(name.removeprefix("fit__").removeprefix("compile__"), known, "argument")

    def _nested(self, prefix: str) -> dict[str, Any]:
        """What is set for a part, by the names that it has for it."""
        start = f"{prefix}__"
        return {
            name.removeprefix(start): value
            for name, value in vars(self).items()
            if name.startswith(start)
        }

    def _part(self, name: str) -> Any:
        """The object that a parameter stands for, with what is set for it; None if that depends
        on the data, by which ``_changed`` is called later.

        Raises
        ------
        InvalidParameterError
            If it stands for none.
        """
        part, value = self._nests[name], getattr(self, name)
        try:
            found = part.get(self, value)
        except InvalidParameterError:  # of a part of this part
            raise
        except (AnnlibError, TypeError) as error:
            raise invalid(self, name, part.expected, value, error) from error
        return None if found is None else self._changed(name, found)

    def _changed(self, name: str, part: Any) -> Any:
        """A part with the arguments that are set for it; the part itself if none are."""
        changes = self._nested(name)
        return changed(part, changes, f"{type(self).__name__}: {name}") if changes else part

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Parameters
        ----------
        deep : bool
            Whether to name those of parts, too, that have not been set.

        Returns
        -------
        dict

        Raises
        ------
        ConfigurationError
            If ``deep`` is no truth value.

        Examples
        --------
        >>> from annlib import SequentialRegressor, optimizers
        >>> net = SequentialRegressor(optimizer=optimizers.Adam(0.01))
        >>> net.get_params()["optimizer__learning_rate"]
        0.01
        >>> "optimizer__learning_rate" in net.get_params(deep=False)
        False
        """
        deep = check_flag(deep, f"{type(self).__name__}.get_params", "deep")
        params: dict[str, Any] = super().get_params(deep=False)  # type: ignore[misc]  # BaseEstimator's
        for prefix in self._nests:
            if deep:
                try:
                    part = arguments_of(self._part(prefix))
                except (AnnlibError, TypeError):  # nonsense, which fit will refuse
                    part = {}
                params |= {f"{prefix}__{name}": value for name, value in part.items()}
            params |= {f"{prefix}__{name}": v for name, v in self._nested(prefix).items()}
        return params

    def _get_params_html(self, deep: bool = True, *more: Any, **options: Any) -> Any:
        # Those of parts only where they have been set: scikit-learn would mark all of them so.
        shown = super()._get_params_html  # type: ignore[misc]  # BaseEstimator's
        return shown(False, *more, **options)  # noqa: FBT003  # as scikit-learn calls it

    def set_params(self, **params: Any) -> Any:
        """Set parameters, those of parts with the part's name and two underscores before theirs.

        Parameters
        ----------
        **params
            By name; what is to be changed in a part as ``optimizer__learning_rate=0.01``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a name that is none, or none of a part that is known before ``fit``; nothing is
            changed then.

        Examples
        --------
        >>> from annlib import SequentialRegressor
        >>> SequentialRegressor().set_params(epochs=20, optimizer__learning_rate=0.01)
        SequentialRegressor(epochs=20, optimizer__learning_rate=0.01)
        """
        own = set(type(self)._get_param_names())  # type: ignore[attr-defined]  # of BaseEstimator
        for name in params:
            if name not in own and not self._is_nested(name):
                raise ValueError(
                    f"Invalid parameter {show(name)} for estimator {show(self)}. {self._hint(name)}"
                )
        before = dict(vars(self))
        for name, value in params.items():
            setattr(self, name, value)
        try:
            self._check_nested(name for name in params if name not in own)
        except ConfigurationError:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _check_nested(self, names: Iterable[str]) -> None:
        """Raise ``ConfigurationError`` for arguments that the present parts do not have."""
        for prefix, inner in _inner(dict.fromkeys(names)).items():
            try:
                part = self._nests[prefix].get(self, getattr(self, prefix))
            except (AnnlibError, TypeError):  # what the data decide, or what fit will refuse
                part = None
            where = f"{type(self).__name__}: {prefix}"
            family = FAMILIES.get(prefix)
            if family is not None and not isinstance(part, family.base):
                known = chain.from_iterable(constructor_arguments(cls) for cls in family)
                _refuse([name for name in inner if "__" not in name], {*known}, where)
            refuse_names(part, inner, where)


def callback_objects(_estimator: Any, given: Any) -> list[Callback]:
    """The callbacks that are meant by one or by a list: objects, names, classes or None."""
    many = given if isinstance(given, list | tuple) else [given]
    return [callbacks.get(each) for each in many if each is not None]


def own_metrics(given: Any) -> list[Any]:
    """Metrics with states of their own: of a list, of one name, or none."""
    each = [given] if isinstance(given, str) else given or ()
    return [metric.clone() if isinstance(metric, Metric) else metric for metric in each]


def arguments_of(part: Any) -> dict[str, Any]:
    """The arguments of a part that can be changed, by the names that ``changed`` takes."""
    if isinstance(part, Sequential):
        return _prefixed({str(layer.name): layer for layer in part.layers})
    if isinstance(part, list | tuple):
        return _prefixed(_named(part))
    if isinstance(part, Configurable):
        return part._arguments() | _prefixed(_held_by(part))
    return {}


def changed(part: Any, changes: Changes, where: str) -> Any:
    """A new object like ``part`` with other arguments; ``a__b`` is the argument b of the part a.

    >>> from annlib import optimizers
    >>> changed(optimizers.Adam(), {"learning_rate": 0.01}, "optimizer")
    Adam(learning_rate=0.01)

    Raises
    ------
    ConfigurationError
        For a name that it does not have.
    """
    own = {name: value for name, value in changes.items() if "__" not in name}
    inner = _inner(changes)
    if isinstance(part, list | tuple):
        parts = _named(part)
        _refuse(own, [f"{name}__..." for name in parts], where)
        _refuse(inner, parts, where)
        return [
            changed(each, inner[name], f"{where}__{name}") if name in inner else each
            for name, each in parts.items()
        ]
    if not isinstance(part, Configurable):
        raise ConfigurationError(
            f"{where}: expected an object with arguments, for {', '.join(changes)}, got "
            f"{show(part)}."
        )
    _refuse(own, constructor_arguments(type(part)), where)
    held = {name: inner.pop(name) for name in _held_by(part) if name in inner}
    fresh = part._replace(**own)
    if held:
        inside = _held_by(fresh)
        _refuse(held, inside, where)
        by_id = {id(inside[n]): changed(inside[n], c, f"{where}__{n}") for n, c in held.items()}
        fresh = type(part)(**_replaced(fresh._arguments(), by_id))
    if inner:
        arguments = fresh._arguments()
        _refuse(inner, [*_held_by(fresh), *arguments], where)
        for name, those in inner.items():
            arguments[name] = changed(arguments[name], those, f"{where}__{name}")
        fresh = type(part)(**arguments)
    if isinstance(part, Optimizer) and isinstance(fresh, Optimizer):
        fresh.policy.excluded = part.policy.excluded
    return fresh


def refuse_names(part: Any, names: Iterable[str], where: str) -> None:
    """Raise ``ConfigurationError`` for what ``changed`` would not know, of any part that is known;
    of a function for what is no parameter of it.
    """
    changes = dict.fromkeys(names)
    own, inner = [name for name in changes if "__" not in name], _inner(changes)
    if isinstance(part, Sequential | list | tuple):
        layers = part.layers if isinstance(part, Sequential) else None
        parts = _named(part) if layers is None else {str(each.name): each for each in layers}
        _refuse(own, [f"{name}__..." for name in parts], where)
    elif isinstance(part, Configurable):
        _refuse(own, part._arguments(), where)
        parts = part._arguments() | _held_by(part)
    elif inspect.isfunction(part):
        _refuse(changes, keyword_defaults(part), where)
        return
    else:
        return
    _refuse(inner, parts, where)
    for name, those in inner.items():
        if name not in own:  # else it is another by now
            refuse_names(parts[name], those, f"{where}__{name}")


def changed_layers(model: Sequential, changes: Changes, where: str) -> list[Any]:
    """New layers like those of a model, its ``Input`` too, changed by the names of the layers."""
    inner = _inner(changes)
    names = [str(layer.name) for layer in model.layers]
    _refuse([name for name in changes if "__" not in name], [f"{n}__..." for n in names], where)
    _refuse(inner, names, where)
    first = [each for each in model._arguments()["layers"] if isinstance(each, Input)]
    return [each.clone() for each in first] + [
        changed(layer, inner.get(str(layer.name), {}), f"{where}__{layer.name}")
        for layer in model.layers
    ]


def keyword_defaults(function: Any) -> dict[str, Any]:
    """The parameters of a function with their defaults; ``inspect.Parameter.empty`` without."""
    parameters = inspect.signature(function).parameters.values()
    return {
        p.name: p.default for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }


def _inner(changes: Changes) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        head, _, rest = name.partition("__")
        if rest:
            found.setdefault(head, {})[rest] = value
    return found


def _held_by(part: Configurable) -> dict[str, Layer]:
    """The layers inside of a layer, by their names."""
    return {str(layer.name): layer for layer in getattr(part, "_held", ())}


def _replaced(value: Any, by_id: Mapping[int, Any]) -> Any:
    """The same dict, list or tuple with other objects in the places of some."""
    if isinstance(value, dict):
        return {name: _replaced(item, by_id) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(item, by_id) for item in value)
    return by_id.get(id(value), value)


def _named(parts: Any) -> dict[str, Any]:
    """Objects of a list by their registered names, ``_1`` and so on for those that come again."""
    found: dict[str, Any] = {}
    for part in parts:
        name = unique = part._names[0] if isinstance(part, Configurable) else str(part)
        count = 0
        while unique in found:
            count += 1
            unique = f"{name}_{count}"
        found[unique] = part
    return found


def _prefixed(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{name}__{argument}": value
        for name, part in parts.items()
        for argument, value in arguments_of(part).items()
    }


def _refuse(names: Any, known: Any, where: str) -> None:
    """Raise for names that are not known."""
    for name in names:
        if name not in known:
            hint = (
                suggest(name, known, "argument")
                if known
                else "There is nothing that has it: pass that, too."
            )
            part = where.rpartition(" ")[2]
            raise ConfigurationError(
                f"{where}: expected a known parameter, got {part}__{name}. {hint}"
            )
