"""LambdaCallback: hooks from plain functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from annlib.callbacks.base import HOOKS, Callback, overrides, register
from annlib.core.checks import positional_arguments
from annlib.core.config import refuse_unknown
from annlib.core.errors import ConfigurationError, show

Hook = Callable[..., Any] | None


@register("lambda_callback")
class LambdaCallback(Callback):
    """Each argument is a hook by its name, a function of the hook's arguments.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        ``f(epoch, logs)``.
    on_train_begin, on_train_end : callable, optional
        ``f(logs)``.
    on_train_batch_begin, on_train_batch_end : callable, optional
        ``f(batch, logs)``.
    on_batch_begin, on_batch_end : callable, optional
        The same by their short names.
    on_test_begin, on_test_end : callable, optional
        ``f(logs)``.
    on_test_batch_begin, on_test_batch_end : callable, optional
        ``f(batch, logs)``.
    on_predict_begin, on_predict_end : callable, optional
        ``f(logs)``.
    on_predict_batch_begin, on_predict_batch_end : callable, optional
        ``f(batch, logs)``.
    on_gradients : callable, optional
        ``f(batch, logs)``, before the weights change.
    on_exception : callable, optional
        ``f(error)``.

    Raises
    ------
    ConfigurationError
        If one of them is no function, or no hook has the name.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> speak = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> history = model.fit(x, x, epochs=2, verbose=0, callbacks=[speak])
    0 {'loss': 0.0}
    1 {'loss': 0.0}
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
                least, most = positional_arguments(hook)
                given_to = list(inspect.signature(getattr(Callback, name)).parameters)[1:]
                if not least <= len(given_to) <= most:
                    raise ConfigurationError(
                        f"LambdaCallback: expected a function of ({', '.join(given_to)}) as "
                        f"{name}, got {show(hook)} of others."
                    )
                setattr(self, name, hook)

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) if overrides(self, name) else None for name in HOOKS}
