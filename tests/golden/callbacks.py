"""Every call that a callback gets, with its logs, and trainings with callbacks in them."""

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


def record_order():
    """Record the order in which two callbacks get their calls."""
    calls = []

    def shared(name):
        def method(hook):
            return lambda self, *index, logs=None: calls.append([name, hook, *index[:1]])

        methods = {hook: method(hook) for hook in HOOKS}
        return type(name, (keras.callbacks.Callback,), methods)()

    data = training_data()
    model = small_regression(["mae"])
    fit = {"epochs": 2, "batch_size": 25, "validation_split": 0.2, "shuffle": False}
    callbacks = [shared("first"), shared("second")]
    model.fit(data["x"], data["y_value"], verbose=0, callbacks=callbacks, **fit)
    numbered = [[n, h, *([i] if isinstance(i, int) else [])] for n, h, i in calls]
    return {"fit": fit, "calls": numbered}


def record_learning_rates():
    """Record History of runs in which callbacks change the learning rate."""
    data = training_data()
    x, y = data["x"], data["y_value"]
    plateau = {"monitor": "loss", "factor": 0.5, "patience": 1, "min_delta": 1.0}
    callbacks = {
        "two_arguments": keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        "one_argument": keras.callbacks.LearningRateScheduler(lambda epoch: 0.02 / (epoch + 1)),
        "plateau": keras.callbacks.ReduceLROnPlateau(**plateau),
    }
    fit = {"epochs": 4, "batch_size": 16, "validation_split": 0.4, "shuffle": False}
    records = {"fit": fit, "plateau_arguments": plateau, "runs": {}}
    for name, callback in callbacks.items():
        model = small_regression(["mae"])
        history = model.fit(x, y, verbose=0, callbacks=[callback], **fit)
        rate = float(model.optimizer.learning_rate)
        records["runs"][name] = {"history": plain(history.history), "rate": rate}
    return records


def record_lambda_callback():
    """Record the calls of the functions that LambdaCallback was given."""
    calls = []

    def function(hook):
        return lambda *index, logs=None: calls.append([hook, *index[:1]])

    named = ["on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"]
    more = ["on_test_batch_begin", "on_test_batch_end", "on_predict_batch_end"]
    functions = {hook: function(hook) for hook in named + more}
    callback = keras.callbacks.LambdaCallback(**functions)
    data = training_data()
    model = small_regression(None)
    fit = {"epochs": 2, "batch_size": 25, "validation_split": 0.2, "shuffle": False}
    model.fit(data["x"], data["y_value"], verbose=0, callbacks=[callback], **fit)
    model.predict(data["x"], batch_size=25, verbose=0, callbacks=[callback])
    return {"hooks": list(functions), "fit": fit, "calls": calls}


def record_swap_ema_weights():
    """Record trainings with averaged weights: what is validated, what is seen, what is left."""
    data = training_data()
    x, y = data["x"], data["y_value"]
    fit = {"epochs": 3, "batch_size": 16, "validation_split": 0.4, "shuffle": False}
    runs = []
    for swap in (None, False, True):
        for overwrite in (None, 4):
            sgd = {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.75}
            sgd["ema_overwrite_frequency"] = overwrite
            model = small_regression(["mae"])
            model.compile(keras.optimizers.SGD(**sgd), "mse", metrics=["mae"])
            seen = []

            def see(epoch, logs, model=model, seen=seen):
                seen.append(plain(model.get_weights()))

            watcher = keras.callbacks.LambdaCallback(on_epoch_end=see)
            callbacks = [] if swap is None else [keras.callbacks.SwapEMAWeights(swap)]
            history = model.fit(x, y, verbose=0, callbacks=[*callbacks, watcher], **fit)
            runs.append(
                {
                    "swap_on_epoch": swap,
                    "optimizer": sgd,
                    "history": plain(history.history),
                    "weights_at_epoch_ends": seen,
                    "weights": plain(model.get_weights()),
                }
            )
    return {"fit": fit, "runs": runs}


def record_terminate_on_nan():
    """Record how trainings end that diverge at once or after a while."""
    data = training_data()
    x, y = data["x"], data["y_value"]
    runs = []
    for rate, batch_size in ((1e8, 10), (1e30, 16), (1e150, 50), (1e200, 10)):
        model = small_regression(["mae"])
        model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
        counter, calls = recorder(["on_train_batch_end"])
        callbacks = [keras.callbacks.TerminateOnNaN(), counter]
        fit = {"epochs": 5, "batch_size": batch_size, "shuffle": False}
        history = model.fit(x, y, verbose=0, callbacks=callbacks, **fit)
        runs.append(
            {
                "learning_rate": rate,
                "fit": fit,
                "batches": len(calls),
                "epoch": history.epoch,
                "history": plain(history.history),
                "weights": plain(model.get_weights()),
            }
        )
    return runs


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(
        __file__,
        hooks=record_hooks(),
        order=record_order(),
        learning_rates=record_learning_rates(),
        lambda_callback=record_lambda_callback(),
        swap_ema_weights=record_swap_ema_weights(),
        terminate_on_nan=record_terminate_on_nan(),
    )
