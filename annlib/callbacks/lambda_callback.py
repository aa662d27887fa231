"""LambdaCallback: hooks from plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annlib.callbacks.base import HOOKS, Callback, overrides, register
from annlib.core.config import refuse_unknown
from annlib.core.errors import ConfigurationError, show

Hook = Callable[..., Any] | None


@register("lambda_callback")
class LambdaCallback(Callback):
    """Each argument is a hook by its name, a function of the hook's arguments.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, ... : callable, optional
        Any hook of ``Callback``.

    Examples
    --------
    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    LambdaCallback(on_epoch_end=<function <lambda> at ...>)
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        *,
        on_batch_begin: Hook = None,
        on_batch_end: Hook = None,
        on_test_begin: Hook = None,
        on_test_end: Hook = None,
        on_test_batch_begin: Hook = None,
        on_test_batch_end: Hook = None,
        on_predict_begin: Hook = None,
        on_predict_end: Hook = None,
        on_predict_batch_begin: Hook = None,
        on_predict_batch_end: Hook = None,
        on_gradients: Hook = None,
        on_exception: Hook = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("LambdaCallback", unknown, LambdaCallback)
        given = locals()
        for name in HOOKS:
            hook = given[name]
            if hook is not None and not callable(hook):
                raise ConfigurationError(
                    f"LambdaCallback: expected a function as {name}, got {show(hook)}."
                )
            if hook is not None:
                setattr(self, name, hook)

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) if overrides(self, name) else None for name in HOOKS}
