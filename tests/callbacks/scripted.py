"""A model that is not trained: what a callback that watches a value sees of one."""

from __future__ import annotations

from annlib.callbacks import CallbackList
from annlib.optimizers import SGD
from annlib.testing.callbacks import through_a_file


class ScriptedModel:
    """Its weights are the number of the epoch; it notes what is saved."""

    def __init__(self, *metrics, learning_rate=0.01):
        self.metrics = list(metrics)
        self.optimizer = SGD(learning_rate)
        self.stop_training = False
        self.weights = None
        self.saved = []

    def get_weights(self):
        return [self.weights]

    def set_weights(self, weights):
        (self.weights,) = weights

    def _check_saving(self):
        pass

    def save(self, filepath):
        self.saved.append(["save", filepath])

    def save_weights(self, filepath):
        self.saved.append(["save_weights", filepath])


def resumed(hooks, model):
    """As ``hooks``, but of a new callback that has the state of the old one."""
    (callback,) = hooks.callbacks
    again = CallbackList([callback.clone()], model, "test")
    again.call("on_train_begin", {})
    again.set_state(through_a_file(hooks.get_state()))
    return again


def run(callback, epochs, model=None, resume=False):
    """The logs after each epoch of a run, of which ``epochs`` are the logs without the callback.

    With ``resume`` another callback goes on after each of them.
    """
    model = model or ScriptedModel()
    hooks = CallbackList([callback], model, "test")
    hooks.call("on_train_begin", {})
    seen = []
    for epoch, logs in enumerate(epochs):
        model.weights = epoch
        hooks.call("on_epoch_begin", epoch, {})
        seen.append(dict(logs))
        hooks.call("on_epoch_end", epoch, seen[-1])
        if model.stop_training:
            break
        if resume:
            hooks = resumed(hooks, model)
    hooks.call("on_train_end", {})
    return seen
