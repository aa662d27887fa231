"""Every call that a callback gets, with its logs, and what early stopping does."""

import numpy as np
import torch

from golden.recorder import keras, plain, use_float64, write
from golden.training import small_regression, training_data

HOOKS = [
    f"on_{hook}"
    for hook in (
        *(f"{run}_{end}" for run in ("train", "test", "predict") for end in ("begin", "end")),
        *("epoch_begin", "epoch_end"),
        *(f"{run}_batch_{end}" for run in ("train", "test", "predict") for end in ("begin", "end")),
    )
]


def recorder(hooks, stop_at=None):
    """Return a callback that overrides these hooks, and the list that its calls go to.

    At the call ``stop_at``, a hook and a number, it sets ``stop_training``.
    """
    calls = []

    def hook_method(hook):
        def method(self, *arguments, **keywords):
            *index, logs = [*arguments, *keywords.values()]
            calls.append({"hook": hook, "index": plain(index), "logs": plain(logs)})
            if stop_at == (hook, *index):
                self.model.stop_training = True

        return method

    methods = {hook: hook_method(hook) for hook in hooks}
    return type("Recorder", (keras.callbacks.Callback,), methods)(), calls


def record_hooks():
    """Record the calls of the hooks by ``fit``, ``evaluate`` and ``predict``."""
    data = training_data()
    x, y = data["x"], data["y_value"]
    fit = {"epochs": 2, "batch_size": 16, "validation_split": 0.4, "shuffle": False}
    aliases = ["on_batch_begin", "on_batch_end"]
    cases = {
        "fit": (HOOKS, None),
        "fit_aliases": (aliases, None),
        "fit_stopped_by_batch": (HOOKS, ("on_train_batch_end", 0)),
        "fit_stopped_by_epoch": (HOOKS, ("on_epoch_end", 0)),
    }
    result = {"model": "Dense(1, kernel ones, bias zeros), sgd, mse, metrics mae", "fit": fit}
    result["calls"] = {}
    for name, (hooks, stop_at) in cases.items():
        callback, calls = recorder(hooks, stop_at)
        small_regression(["mae"]).fit(x, y, verbose=0, callbacks=[callback], **fit)
        result["calls"][name] = calls
    callback, calls = recorder(HOOKS)
    small_regression(["mae"]).evaluate(x, y, batch_size=16, verbose=0, callbacks=[callback])
    result["calls"]["evaluate"] = calls
    callback, calls = recorder(HOOKS)
    small_regression(["mae"]).predict(x[:20], batch_size=16, verbose=0, callbacks=[callback])
    result["calls"]["predict"] = calls
    return result


class ScriptedModel:
    """All that EarlyStopping sees of a model; its weights are the number of the epoch."""

    stop_training = False
    weights = None
    metrics = ()

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def record_early_stopping():
    """Record what 80 drawn configurations do; the values are dyadic, so that ties are exact."""
    rng = np.random.default_rng(808)
    records = []
    for _ in range(80):
        values = (rng.integers(0, 9, 8) / 8).tolist()
        config = {
            "monitor": "watched",
            "mode": str(rng.choice(["min", "max"])),
            "patience": int(rng.choice([0, 1, 2, 3, 6])),
            "min_delta": float(rng.choice([0.0, 0.125, 0.25])),
            "baseline": rng.choice([None, 0.25, 0.75]),
            "restore_best_weights": bool(rng.integers(0, 2)),
            "start_from_epoch": int(rng.choice([0, 0, 2])),
        }
        callback, model = keras.callbacks.EarlyStopping(**config), ScriptedModel()
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            model.weights = epoch
            callback.on_epoch_end(epoch, {"watched": value})
            if model.stop_training:
                break
        callback.on_train_end()
        records.append(
            {
                "config": config,
                "values": values,
                "last_epoch": epoch,
                "stopped_epoch": callback.stopped_epoch,
                "best_epoch": callback.best_epoch,
                "best": callback.best,
                "weights_of_epoch": model.weights,
            }
        )
    return records


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, hooks=record_hooks(), early_stopping=record_early_stopping())
