"""What callbacks do at scripted values: the ones that watch a value, and CSVLogger."""

import tempfile
from pathlib import Path

import numpy as np

from golden.recorder import keras, use_float64, write


class ScriptedModel:
    """All that a callback sees of a model; its weights are the number of the epoch."""

    stop_training = False
    weights = None
    metrics = ()

    def __init__(self, learning_rate=0.01):
        self.optimizer = keras.optimizers.SGD(learning_rate)
        self.saved = []

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, filepath, overwrite=True):
        self.saved.append(["save", filepath])

    def save_weights(self, filepath, overwrite=True):
        self.saved.append(["save_weights", filepath])


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


def record_reduce_lr_on_plateau():
    """Record the rate after each epoch, for 80 drawn configurations in two runs each."""
    rng = np.random.default_rng(809)
    records = []
    for _ in range(80):
        config = {
            "monitor": "watched",
            "mode": str(rng.choice(["min", "max"])),
            "factor": float(rng.choice([0.0, 0.1, 0.5, 0.75])),
            "patience": int(rng.choice([0, 1, 2, 3])),
            "min_delta": float(rng.choice([0.0, 0.125, 0.25])),
            "cooldown": int(rng.choice([0, 0, 1, 2, 4])),
            "min_lr": float(rng.choice([0.0, 0.0, 0.01, 0.1])),
        }
        callback = keras.callbacks.ReduceLROnPlateau(**config)
        runs = []
        for _ in range(2):
            values = (rng.integers(0, 9, 12) / 8).tolist()
            model, rates, reported = ScriptedModel(0.25), [], []
            callback.set_model(model)
            callback.on_train_begin()
            for epoch, value in enumerate(values):
                logs = {"watched": value}
                callback.on_epoch_end(epoch, logs)
                rates.append(float(model.optimizer.learning_rate))
                reported.append(logs["learning_rate"])
            runs.append({"values": values, "rates": rates, "reported": reported})
        records.append({"config": config, "runs": runs})
    return records


#: File names of the files that ModelCheckpoint writes, without their ends.
TEMPLATES = ["file", "a-{epoch:02d}", "b-{epoch}-{watched:.3f}", "c-{epoch}-{batch}"]


def record_model_checkpoint():
    """Record which files 60 drawn configurations write, in two runs of three epochs each."""
    rng = np.random.default_rng(810)
    records = []
    for _ in range(60):
        save_freq = ["epoch", "epoch", 1, 2, 3, 5, 9][rng.integers(7)]
        templates = TEMPLATES[: 3 if save_freq == "epoch" else 4]
        weights_only = bool(rng.integers(0, 2))
        config = {
            "filepath": str(rng.choice(templates)) + (".weights.h5" if weights_only else ".keras"),
            "monitor": "watched",
            "save_best_only": bool(rng.integers(0, 3)),
            "save_weights_only": weights_only,
            "mode": str(rng.choice(["min", "max"])),
            "save_freq": save_freq,
            "initial_value_threshold": rng.choice([None, None, 0.25, 0.75]),
        }
        callback = keras.callbacks.ModelCheckpoint(**config)
        runs = []
        for _ in range(2):
            # Four batches and the epoch.
            values = (rng.integers(0, 17, (3, 5)) / 16).tolist()
            model = ScriptedModel()
            callback.set_model(model)
            # Keras does it at the end of the first epoch, which is too late for a file before.
            callback._set_monitor_op()
            callback.on_train_begin()
            for epoch, (*batches, last) in enumerate(values):
                callback.on_epoch_begin(epoch)
                for batch, value in enumerate(batches):
                    callback.on_train_batch_end(batch, {"watched": value})
                callback.on_epoch_end(epoch, {"watched": last})
                model.saved.append([f"end of epoch {epoch}", callback.best])
            callback.on_train_end()
            runs.append({"values": values, "saved": model.saved})
        records.append({"config": config, "runs": runs})
    return records


def record_csv_logger():
    """Record the text that CSVLogger writes of scripted logs, one list a run."""
    cases = {
        "plain": ({}, [[{"loss": 0.5, "acc": 1.0}, {"acc": 0.25, "loss": 1e-30}]]),
        "validated": ({}, [[{"loss": 0.5, "val_loss": 2.0}, {"loss": 0.1, "val_loss": 1 / 3}]]),
        "validated_later": ({}, [[{"loss": 0.5}, {"loss": 0.25, "val_loss": 1.5}, {"loss": 1.0}]]),
        "separator": ({"separator": ";"}, [[{"loss": 0.5, "val_loss": 2.0}]]),
        "tabs": ({"separator": "\t"}, [[{"loss": 0.5, "val_loss": 2.0}]]),
        "twice": ({}, [[{"loss": 0.5}], [{"loss": 0.25}]]),
        "appended": ({"append": True}, [[{"loss": 0.5}, {"loss": 0.25}], [{"loss": 0.125}]]),
        "not_finite": ({}, [[{"loss": float("nan"), "val_loss": float("inf")}]]),
        "array": ({}, [[{"loss": 0.5, "f1": [0.25, 0.5]}]]),
    }
    records = {}
    for name, (arguments, runs) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log.csv"
            callback = keras.callbacks.CSVLogger(path, **arguments)
            for run in runs:
                callback.on_train_begin()
                for epoch, logs in enumerate(run):
                    arrays = {k: np.array(v) if k == "f1" else v for k, v in logs.items()}
                    callback.on_epoch_end(epoch, arrays)
                callback.on_train_end()
            text = path.read_bytes().decode()
        records[name] = {"arguments": arguments, "runs": runs, "text": text}
    return records


if __name__ == "__main__":
    use_float64()
    write(
        __file__,
        early_stopping=record_early_stopping(),
        reduce_lr_on_plateau=record_reduce_lr_on_plateau(),
        model_checkpoint=record_model_checkpoint(),
        csv_logger=record_csv_logger(),
    )
