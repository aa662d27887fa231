"""What the processes of a job run: ``mpiexec -n 2 python jobs.py NAME FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from annlib import (
    ConfigurationError,
    DivergenceError,
    Sequential,
    layers,
    losses,
    optimizers,
    regularizers,
)
from annlib.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from annlib.data import Shards
from annlib.parallel import MPI

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(403, 7)), RNG.integers(0, 3, 403)
T = np.where(RNG.uniform(size=(403, 2)) < 0.1, np.nan, RNG.normal(size=(403, 2)))
WEIGHTS = RNG.uniform(size=403)


def everything(dtype: str, folder: Path) -> tuple[Sequential, dict[str, Any]]:
    """One hundred steps and more of what needs the other rows, by unequal shares."""
    penalties = {"kernel_regularizer": "l2", "activity_regularizer": "l2"}
    chain = [layers.Dense(16, activation="relu", **penalties), layers.BatchNormalization()]
    chain += [
        layers.Dropout(0.3),
        layers.GaussianNoise(0.1),
        layers.Dropout(0.1, random_bits=8),
        layers.Dense(3, activation="softmax"),
    ]
    model = Sequential(chain, seed=4, dtype=dtype)
    rule = optimizers.SGD(0.05, momentum=0.9, global_clipnorm=1.0, use_ema=True)
    model.compile(rule, "sparse_categorical_crossentropy", ["accuracy"])
    weights = {"class_weight": {0: 2.0, 1: 0.5}, "validation_split": 0.1}
    return model, {"x": X, "y": Y, "batch_size": 25, "epochs": 8, **weights}


def outputs(dtype: str, folder: Path) -> tuple[Sequential, dict[str, Any]]:
    """Targets that are missing, weights of rows, a penalty divided by rows, renormalization."""
    chain = [
        # A bias here would have a gradient of 0 but for rounding, of which Adam makes whole steps.
        layers.Dense(12, use_bias=False, kernel_regularizer=regularizers.Ridge(0.1)),
        layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 2, "dmax": 1}),
        layers.PReLU(),
        layers.Dense(2),
    ]
    model = Sequential(chain, seed=1, dtype=dtype)
    model.compile("adam", losses.MeanSquaredError(mask_nan=True), weighted_metrics=["mae"])
    stop = [EarlyStopping(monitor="loss", patience=2), ReduceLROnPlateau("loss", patience=1)]
    given = {"sample_weight": WEIGHTS, "shuffle": "batch", "callbacks": stop}
    return model, {"x": X, "y": T, "batch_size": 64, "epochs": 4, **given}


def few_rows(dtype: str, folder: Path) -> tuple[Sequential, dict[str, Any]]:
    """Batches with fewer rows than processes, and a last one of a single row."""
    chain = [layers.Dense(5, activation="tanh"), layers.Dropout(0.2), layers.Dense(1)]
    model = Sequential(chain, seed=2, dtype=dtype)
    rule = optimizers.AdamW(0.01, gradient_accumulation_steps=3)
    model.compile(rule, losses.BinaryCrossentropy(from_logits=True), ["auc"])
    return model, {"x": X[:21], "y": Y[:21] > 0, "batch_size": 2, "epochs": 3}


def files(dtype: str, folder: Path) -> tuple[Sequential, dict[str, Any]]:
    """Rows in files, read by the share, in epochs that end within a pass."""
    model = Sequential([layers.Dense(8, activation="gelu"), layers.Dense(3)], seed=3, dtype=dtype)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    model.compile(optimizers.RMSprop(1e-3), loss)
    x = Shards(folder / "rows-*.npy")
    return model, {"x": x, "y": Y, "batch_size": 50, "epochs": 5, "steps_per_epoch": 5}


def weighted(dtype: str, folder: Path) -> tuple[Sequential, dict[str, Any]]:
    """Several vectors a row, weights by which some processes have nothing to do, rows in files for
    validation too, and a penalty on what a layer gives there.
    """
    chain = [
        layers.Dense(6, activation="tanh", activity_regularizer="l2"),
        layers.Reshape((2, 3)),
        layers.Softmax(),
    ]
    model = Sequential(chain, seed=6, dtype=dtype)
    loss = losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile("adam", loss, ["accuracy"], weighted_metrics=["sparse_categorical_accuracy"])
    labels = np.stack([Y, Y[::-1]], 1)
    weights = WEIGHTS * (np.arange(403) // 16 % 2)
    given = {"sample_weight": weights, "shuffle": False, "validation_batch_size": 40}
    given["validation_data"] = Shards(folder / "rows-*.npy"), labels, WEIGHTS
    return model, {"x": X, "y": labels, "batch_size": 32, "epochs": 3, **given}


CASES: list[Callable[..., Any]] = [everything, outputs, few_rows, files, weighted]


def save(path: Path, model: Sequential, logs: dict[str, Any]) -> None:
    arrays = {f"w{k}": w for k, w in enumerate(model.get_weights())}
    np.savez(path, **arrays, **{f"h {name}": np.array(values) for name, values in logs.items()})


def agreement(folder: Path, strategy: Any, prefix: str) -> None:
    for make in CASES:
        for dtype in ("float64", "float32"):
            model, given = make(dtype, folder)
            history = model.fit(**given, verbose=0, strategy=strategy)
            rank = strategy.rank if strategy else 0
            save(folder / f"{prefix}-{make.__name__}-{dtype}-{rank}.npz", model, history.history)
            model.fit(
                given["x"], given["y"], batch_size=5, verbose=0
            )  # alone again, as if nothing had been
            model.predict(X[:5])


def refusals(folder: Path, strategy: MPI) -> list[str]:
    """What is refused in all processes, before a weight has changed."""
    odd, found = strategy.rank == 1, []

    def refused(change: Callable[[dict[str, Any]], Any], **given: Any) -> None:
        arguments = {"seed": 4, "units": 3, "rule": "adam", "jit_compile": "auto"} | given
        change(arguments)
        data = {"x": X, "y": Y, "batch_size": 25} | arguments.get("data", {})
        chain = [layers.Dense(arguments["units"], activation="softmax"), layers.Dense(3)]
        model = Sequential(chain, seed=arguments["seed"])
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(arguments["rule"], loss, jit_compile=arguments["jit_compile"])
        try:
            model.fit(**data, strategy=strategy, verbose=0)
        except ConfigurationError as error:
            found.append(str(error))
            assert model.optimizer is not None and model.optimizer.iterations == 0
        except DivergenceError as error:
            found.append(str(error))
        else:
            found.append("nothing")

    for name, value in (
        ("data", {"x": X[:402], "y": Y[:402]}),
        ("data", {"x": X + 1}),
        ("data", {"batch_size": 26}),
        ("data", {"epochs": 2}),
        ("data", {"validation_data": (X, Y)}),
        ("seed", 5),
        ("units", 4),
        ("rule", "sgd"),
    ):
        refused(lambda given: given.update({name: value} if odd else {}))  # noqa: B023  # at once
    refused(lambda given: None, rule=optimizers.LBFGS())
    refused(lambda given: None, jit_compile=True)
    refused(lambda given: None, data={"x": [(X, Y)], "y": None, "batch_size": None})
    refused(lambda given: None, data={"x": np.where(X.max() == X, 1e200, X)})
    return found


def writing(folder: Path, strategy: MPI) -> None:
    """Files of callbacks, of which there is one writer."""
    model, given = everything("float64", folder)
    rank = strategy.rank
    callbacks = [
        CSVLogger(folder / f"log-{strategy.size}.csv"),
        ModelCheckpoint(folder / f"best-{strategy.size}.safetensors", save_best_only=True),
        BackupAndRestore(folder / f"backup-of-{strategy.size}", delete_checkpoint=False),
    ]
    model.fit(**given, verbose=1, strategy=strategy, callbacks=callbacks)
    # A backup that not all processes see: they would begin at different places.
    model, given = everything("float64", folder)
    apart = BackupAndRestore(folder / f"backup-of-{strategy.size if rank else 'none'}")
    try:
        model.fit(**given, verbose=0, strategy=strategy, callbacks=[*callbacks[:2], apart])
    except ConfigurationError as error:
        assert "the same place of the backup in all processes" in str(error)  # noqa: PT017  # a job
    else:
        raise AssertionError("nobody noticed")
    # A callback of one process that stops the run, after a batch and between epochs, stops all.
    for hook, epochs in (("on_train_batch_end", 1), ("on_epoch_end", 2)):
        model, given = few_rows("float64", folder)

        def stop(index: int, logs: Any) -> None:
            model.stop_training = strategy.rank == strategy.size - 1 and index == 1  # noqa: B023  # at once

        given["callbacks"] = LambdaCallback(**{hook: stop})
        assert len(model.fit(**given, verbose=0, strategy=strategy).epoch) == epochs
    sys.stdout.write(f"process {rank} has ended\n")


def cut_off(folder: Path, strategy: MPI, how: str) -> None:
    """A run that goes on from its backup, and in which process 1 comes to its end."""
    model, given = everything("float64", folder)

    def end(batch: int, logs: Any) -> None:
        if model.optimizer.iterations == 40 and strategy.rank == 1:
            if how == "error":
                raise RuntimeError("a mistake in process 1")
            os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[how])

    callbacks: list[Any] = [BackupAndRestore(folder / "backup", save_freq=1)]
    if how != "none":
        callbacks.append(LambdaCallback(on_train_batch_end=end))
    history = model.fit(**given, verbose=0, strategy=strategy, callbacks=callbacks)
    save(folder / f"resumed-{strategy.size}-{strategy.rank}.npz", model, history.history)


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "alone":  # in a job, without a strategy
        model, given = few_rows("float64", folder)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                model.fit(**given, verbose=0)
        rank = os.environ["OMPI_COMM_WORLD_RANK"]
        (folder / f"warned-{rank}.txt").write_text("\n".join(str(w.message) for w in caught))
        return
    strategy = MPI(step_timeout=float(os.environ.get("STEP_TIMEOUT", "60")))
    if name == "agreement":
        agreement(folder, strategy, f"n{strategy.size}")
        writing(folder, strategy)
        found = refusals(folder, strategy)
        (folder / f"refused-{strategy.rank}.txt").write_text("\n".join(found))
        large = np.full(3_000_000, strategy.rank + 1.0)
        strategy.allreduce_(large)
        assert (large == sum(range(1, strategy.size + 1))).all()
        strategy.broadcast_(large := np.full(3, strategy.rank + 1.0))
        assert (large == 1).all()
    else:
        cut_off(folder, strategy, name)


if __name__ == "__main__":
    main()
