"""scikit-learn's own callbacks (1.9 and newer): each epoch is a task of ``fit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from annlib.callbacks import Callback
from annlib.callbacks.base import Logs

try:
    from sklearn import callback as sklearn_callback
except ImportError:  # before 1.9
    sklearn_callback = None

Method = TypeVar("Method", bound=Callable[..., Any])


class _NoCallbacks:
    """In the place of scikit-learn's mixin, before 1.9."""


#: The base class with ``set_callbacks``, where there are callbacks.
CallbackSupport: Any = getattr(sklearn_callback, "CallbackSupportMixin", _NoCallbacks)


def with_callbacks(method: Method) -> Method:
    """Let scikit-learn's callbacks end what they have begun, however a ``fit`` ends."""
    if sklearn_callback is None:
        return method
    managed: Method = sklearn_callback.with_callbacks(method)
    return managed


class Tasks(Callback):
    """Tells scikit-learn's callbacks of the epochs; one of them may end the training.

    Parameters
    ----------
    estimator : NetworkEstimator
        One with ``set_callbacks``, in a method that is decorated by ``with_callbacks``.
    epochs : int
        At most so many.
    X, y, sample_weight
        As validated.
    fitted : dict
        The attributes that make the estimator a fitted one.
    """

    def __init__(
        self, estimator: Any, epochs: int, X: Any, y: Any, sample_weight: Any, fitted: Any
    ) -> None:
        self._told = {
            "estimator": estimator,
            "X": X,
            "y": y,
            "metadata": None if sample_weight is None else {"sample_weight": sample_weight},
            "reconstruction_attributes": fitted,
        }
        self._root = estimator._init_callback_context(max_subtasks=epochs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._root.call_on_fit_task_begin(**{**self._told, "reconstruction_attributes": None})

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._task = self._root.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(**self._told)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._task.call_on_fit_task_end(**self._told):
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._root.call_on_fit_task_end(**self._told)


def tasks(
    estimator: Any, epochs: int, X: Any, y: Any, sample_weight: Any, fitted: dict[str, Any]
) -> list[Callback]:
    """A ``Tasks`` with these arguments, where the estimator has scikit-learn's callbacks."""
    # What has none must not pay for what they are told.
    if not (hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")):
        return []
    return [Tasks(estimator, epochs, X, y, sample_weight, fitted)]
