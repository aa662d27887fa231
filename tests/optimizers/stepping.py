"""Layers that are parameters alone, and steps of an optimizer on them."""

from __future__ import annotations

import numpy as np

from annlib.core.parameters import Parameter, ParameterVector


class FakeLayer:
    """All that a parameter vector needs of a layer."""

    def __init__(self, name="layer", trainable=True, frozen=(), constrained=None, **values):
        self.name = name
        self.trainable = trainable
        self.start = {key: np.asarray(value, float) for key, value in values.items()}
        self.now = self.start
        self._parameters = [
            Parameter(
                key,
                value.shape,
                lambda *arguments: None,
                constraint=(constrained or {}).get(key),
                trainable=key not in frozen,
            )
            for key, value in self.start.items()
        ]

    def _leaves(self):
        yield self.name, self

    def _values(self):
        return self.now

    def _attach(self, values, gradients):
        self.now, self.gradients = values, gradients


def vector_of(*fakes):
    vector = ParameterVector(fakes, "float64")
    vector.allocate_gradients()
    for fake in fakes:
        fake.vector = vector
    return vector


def step_by(optimizer, vector):
    """A step by what the vector's gradients are."""
    optimizer.step(vector.gradients[: vector.n_trainable])


def steps_of(optimizer, fake, gradients, before=lambda step: None):
    """The parameters of the layer after each step, as a list of dicts."""
    optimizer.build(vector_of(fake))
    return list(more_steps(optimizer, fake, gradients, before))


def more_steps(optimizer, fake, gradients, before=lambda step: None):
    optimizer.to_training(fake.vector)
    for step, gradient in enumerate(gradients):
        for name, value in gradient.items():
            fake.gradients[name][...] = value
        before(step)
        step_by(optimizer, fake.vector)
        yield {name: value.copy() for name, value in fake.now.items()}


def assert_same(actual, expected, rtol=1e-10):
    for step, (mine, theirs) in enumerate(zip(actual, expected, strict=True)):
        assert list(mine) == list(theirs)
        for name in mine:
            np.testing.assert_allclose(
                mine[name], theirs[name], rtol=rtol, atol=1e-14, err_msg=f"{name}, step {step}"
            )


def drawn(n_steps, shape=(3, 2), seed=0):
    """A layer with one parameter, and gradients for it."""
    rng = np.random.default_rng(seed)
    fake = FakeLayer(w=rng.normal(size=shape))
    return fake, [{"w": rng.normal(size=shape)} for _ in range(n_steps)]
