"""annlib and its peers, each written as its own documentation recommends for speed.

A contender makes, for a workload, a function that trains so many epochs and returns the seconds of
each, and a function that predicts. It imports its library when it is made.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.speed.workloads import Workload

Train = Callable[[int], list[float]]
Predict = Callable[[], Any]

LEARNING_RATE = 0.001


def timed(epoch: Callable[[], None]) -> Train:
    """Seconds of each of so many calls."""

    def train(epochs: int) -> list[float]:
        seconds = []
        for _ in range(epochs):
            start = time.perf_counter()
            epoch()
            seconds.append(time.perf_counter() - start)
        return seconds

    return train


class Contender:
    """A library under the name of its distribution."""

    distribution = ""

    def version(self) -> str:
        return importlib.metadata.version(self.distribution)

    def training(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Train | None:
        """None where the library cannot do that."""
        raise NotImplementedError

    def prediction(self, work: Workload, X: np.ndarray) -> Predict | None:
        raise NotImplementedError

    def fitting(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Predict | None:
        """A whole ``fit`` of a new model; None where there is no such thing."""
        return None


class FitsLikeKeras(Contender):
    """annlib and Keras: the same lines."""

    package: Any
    options: dict[str, Any]

    def model(self, work: Workload) -> Any:
        layers = self.package.layers
        stack = [layers.Input((work.sizes[0],))]
        for size in work.sizes[1:-1]:
            stack.append(layers.Dense(size, activation="relu"))
            if work.normalized:
                stack += [layers.BatchNormalization(), layers.Dropout(0.2)]
        stack.append(
            layers.Dense(work.sizes[-1], activation=None if work.is_regression else "softmax")
        )
        model = self.package.Sequential(stack)
        loss = "mse" if work.is_regression else "sparse_categorical_crossentropy"
        model.compile("adam", loss, **self.options)
        return model

    def training(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Train:
        model = self.model(work)
        ends: list[float] = []
        callbacks = self.package.callbacks

        class Clock(callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                ends.append(time.perf_counter())

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                ends[-1] = time.perf_counter() - ends[-1]

        clock = Clock()

        def train(epochs: int) -> list[float]:
            ends.clear()
            model.fit(X, y, batch_size=work.batch, epochs=epochs, verbose=0, callbacks=[clock])
            return list(ends)

        return train

    def prediction(self, work: Workload, X: np.ndarray) -> Predict:
        model = self.model(work)
        return lambda: model.predict(X, verbose=0)

    def fitting(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Predict:
        return lambda: self.model(work).fit(
            X, y, batch_size=work.batch, epochs=work.epochs, verbose=0
        )


class Annlib(FitsLikeKeras):
    distribution = "annlib"

    def __init__(self, *, jit_compile: bool | str = False) -> None:
        import annlib

        self.package = annlib
        self.options = {"jit_compile": jit_compile}


class Keras(FitsLikeKeras):
    distribution = "keras"

    def __init__(self, backend: str, threads: int) -> None:
        os.environ["KERAS_BACKEND"] = backend
        if backend == "torch":
            import torch

            torch.set_num_threads(threads)
        import keras

        self.package = keras
        self.options = {}


class PyTorch(Contender):
    distribution = "torch"

    def __init__(self, threads: int, *, compiled: bool = False) -> None:
        import torch

        self.torch = torch
        self.compiled = compiled
        torch.set_num_threads(threads)

    def network(self, work: Workload) -> Any:
        nn = self.torch.nn
        steps: list[Any] = []
        for before, after in zip(work.sizes[:-2], work.sizes[1:-1], strict=True):
            steps += [nn.Linear(before, after), nn.ReLU()]
            if work.normalized:
                steps += [nn.BatchNorm1d(after), nn.Dropout(0.2)]
        return nn.Sequential(*steps, nn.Linear(*work.sizes[-2:]))

    def training(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Train:
        torch = self.torch
        network = self.network(work)
        loss_of = torch.nn.MSELoss() if work.is_regression else torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
        rows, labels = torch.from_numpy(X), torch.from_numpy(y)
        called = torch.compile(network) if self.compiled else network

        def epoch() -> None:
            total = torch.zeros(())
            network.train()
            for index in torch.randperm(len(rows)).split(work.batch):
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(called(as_float(rows[index])), labels[index])
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(index)
            total.item()

        def as_float(batch: Any) -> Any:
            return batch if batch.is_floating_point() else batch.float()

        return timed(epoch)

    def prediction(self, work: Workload, X: np.ndarray) -> Predict:
        torch = self.torch
        network = torch.nn.Sequential(*self.network(work), torch.nn.Softmax(1)).eval()
        called = torch.compile(network) if self.compiled else network

        def predict() -> Any:
            with torch.inference_mode():
                return called(torch.from_numpy(X)).numpy()

        return predict


class Jax(Contender):
    distribution = "jax"

    def __init__(self) -> None:
        import jax

        self.jax = jax

    def parameters(self, work: Workload) -> Any:
        rng = np.random.default_rng(0)
        layers = []
        for before, after in zip(work.sizes[:-1], work.sizes[1:], strict=True):
            limit = np.sqrt(6 / (before + after))
            W = rng.uniform(-limit, limit, (before, after)).astype(np.float32)
            layer = {"W": W, "b": np.zeros(after, np.float32)}
            if work.normalized and after != work.sizes[-1]:
                layer |= {"gamma": np.ones(after, np.float32), "beta": np.zeros(after, np.float32)}
            layers.append(layer)
        return self.jax.tree.map(self.jax.numpy.asarray, layers)

    def network(self, work: Workload) -> Callable[..., Any]:
        jax, jnp = self.jax, self.jax.numpy

        def forward(layers: Any, X: Any, key: Any) -> tuple[Any, list[Any]]:
            statistics = []
            for layer in layers[:-1]:
                X = jax.nn.relu(X @ layer["W"] + layer["b"])
                if work.normalized:
                    mean, variance = X.mean(0), X.var(0)
                    statistics += [mean, variance]
                    X = (X - mean) * (layer["gamma"] * jax.lax.rsqrt(variance + 0.001))
                    key, own = jax.random.split(key)
                    kept = jax.random.bernoulli(own, 0.8, X.shape)
                    X = jnp.where(kept, (X + layer["beta"]) / 0.8, 0)
            return X @ layers[-1]["W"] + layers[-1]["b"], statistics

        return forward

    def training(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Train:
        jax, jnp = self.jax, self.jax.numpy
        forward = self.network(work)

        def loss_of(layers: Any, batch: Any, target: Any, key: Any) -> Any:
            Z, statistics = forward(layers, batch, key)
            if work.is_regression:
                return jnp.mean((Z - target) ** 2), statistics
            own = jnp.take_along_axis(Z, target[:, None], 1)[:, 0]
            return jnp.mean(jax.nn.logsumexp(Z, 1) - own), statistics

        def step(state: Any, batch: Any, target: Any) -> Any:
            layers, m, v, t, total, moving, key = state
            key, own = jax.random.split(key) if work.normalized else (key, key)
            (loss, statistics), gradient = jax.value_and_grad(loss_of, has_aux=True)(
                layers, batch.astype(jnp.float32), target, own
            )
            t = t + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
            alpha = LEARNING_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            layers = jax.tree.map(
                lambda w, m, v: w - alpha * m / (jnp.sqrt(v) + 1e-7), layers, m, v
            )
            moving = [0.99 * old + 0.01 * new for old, new in zip(moving, statistics, strict=True)]
            return layers, m, v, t, total + loss * len(batch), moving, key

        step = jax.jit(step, donate_argnums=0)
        layers = self.parameters(work)
        slots = [jax.tree.map(jnp.zeros_like, layers) for _ in range(2)]
        moving = [jnp.zeros(s) for s in work.sizes[1:-1] for _ in range(2) if work.normalized]
        state = (layers, *slots, jnp.zeros(()), jnp.zeros(()), moving, jax.random.key(0))
        rng = np.random.default_rng(0)

        def epoch() -> None:
            nonlocal state
            order = rng.permutation(len(X))
            for start in range(0, len(X), work.batch):
                index = order[start : start + work.batch]
                state = step(state, X[index], y[index])
            jax.block_until_ready(state)

        return timed(epoch)

    def prediction(self, work: Workload, X: np.ndarray) -> Predict:
        jax = self.jax
        forward, layers = self.network(work), self.parameters(work)
        predict = jax.jit(lambda layers, X: jax.nn.softmax(forward(layers, X, None)[0]))
        return lambda: np.asarray(predict(layers, X))


class ScikitLearn(Contender):
    distribution = "scikit-learn"

    def __init__(self) -> None:
        from sklearn import neural_network

        warnings.simplefilter("ignore")
        self.package = neural_network

    def model(self, work: Workload) -> Any:
        kind = "MLPRegressor" if work.is_regression else "MLPClassifier"
        return getattr(self.package, kind)(
            hidden_layer_sizes=work.sizes[1:-1], batch_size=work.batch, alpha=0.0, random_state=0
        )

    def training(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Train | None:
        if work.normalized:
            return None
        model, target = self.model(work), y.ravel()
        classes = {} if work.is_regression else {"classes": np.arange(work.sizes[-1])}
        return timed(lambda: model.partial_fit(X, target, **classes))

    def prediction(self, work: Workload, X: np.ndarray) -> Predict:
        classes = work.sizes[-1]
        model = self.model(work._replace(batch=classes))
        rng = np.random.default_rng(0)
        rows = rng.random((classes, work.sizes[0]), np.float32)
        model.partial_fit(rows, np.arange(classes), classes=range(classes))
        return lambda: model.predict_proba(X)


class Bare(Contender):
    """The limit: the matrix products of a step on arrays that stand ready, one pass over the
    optimizer's vectors, and nothing else; for predictions, the NumPy calls of the forward pass.
    """

    distribution = "numpy"

    def training(self, work: Workload, X: np.ndarray, y: np.ndarray) -> Train:
        f4, n = np.float32, work.batch
        rng = np.random.default_rng(0)
        A = [rng.random((n, size), f4) for size in work.sizes]
        D = [rng.random((n, size), f4) for size in work.sizes]
        pairs = list(zip(work.sizes[:-1], work.sizes[1:], strict=True))
        W = [rng.random(pair, f4) for pair in pairs]
        dW = [np.empty(pair, f4) for pair in pairs]
        count = sum(w.size for w in W) + sum(work.sizes[1:])
        gradient = rng.random(count, f4)
        read_and_written = [rng.random(count, f4) for _ in range(3)]

        def epoch() -> None:
            for _ in range(work.steps):
                for i in range(len(W)):
                    np.dot(A[i], W[i], out=A[i + 1])
                for i in reversed(range(len(W))):
                    np.dot(A[i].T, D[i + 1], out=dW[i])
                    if i:
                        np.dot(D[i + 1], W[i].T, out=D[i])
                np.dot(gradient, gradient)
                for vector in read_and_written:
                    np.negative(vector, out=vector)

        return timed(epoch)

    def prediction(self, work: Workload, X: np.ndarray) -> Predict:
        rng = np.random.default_rng(0)
        pairs = list(zip(work.sizes[:-1], work.sizes[1:], strict=True))
        W = [rng.standard_normal(pair, np.float32) / 10 for pair in pairs]
        B = [np.zeros(after, np.float32) for _, after in pairs]

        def predict() -> np.ndarray:
            A = X
            for i in range(len(W)):
                A = np.dot(A, W[i])
                A += B[i]
                if i < len(W) - 1:
                    np.maximum(A, 0, out=A)
            A -= A.max(axis=1, keepdims=True)
            np.exp(A, out=A)
            A /= A.sum(axis=1, keepdims=True)
            return A

        return predict


#: By the name in the table; made with the number of threads, in a process of its own.
CONTENDERS: dict[str, Callable[[int], Contender]] = {
    "annlib": lambda threads: Annlib(),
    "annlib[jit]": lambda threads: Annlib(jit_compile="auto"),
    "annlib compiled": lambda threads: Annlib(jit_compile=True),
    "limit": lambda threads: Bare(),
    "jax": lambda threads: Jax(),
    "torch": lambda threads: PyTorch(threads),
    "torch.compile": lambda threads: PyTorch(threads, compiled=True),
    "keras-jax": lambda threads: Keras("jax", threads),
    "keras-torch": lambda threads: Keras("torch", threads),
    "sklearn": lambda threads: ScikitLearn(),
}
