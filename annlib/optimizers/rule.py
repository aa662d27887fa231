"""What an author of an optimizer writes: a rule, its state, and what it needs to be called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from annlib.core.arrays import Array, Shape
from annlib.optimizers.loops import Loop
from annlib.optimizers.state import State


class Rule:
    """The rule of an optimizer's paper.

    It gets the parameters of a model as one vector, in parts, and is element by element; what it
    makes of one number may depend on no other. A rule that needs more says ``whole`` or
    ``per_parameter``. ``testing.check_optimizer`` finds one that does not.

    A rule may train other weights than those to evaluate with (schedule-free methods). The model
    has the ones while it makes steps, and the others when it is evaluated, saved or read:
    ``training_weights`` and ``evaluation_weights`` turn them into each other.
    """

    #: The state that ``update`` gets: arrays of the shape of ``theta``. A constructor may add some.
    state_names: tuple[str, ...] = ()
    #: Whether ``update`` gets the whole vector in one call, for norms over everything.
    whole: ClassVar[bool] = False
    #: Whether ``update`` gets one parameter at a time, in its own shape.
    per_parameter: ClassVar[bool] = False
    #: Whether tiny state values may be flushed to 0 (not for sign-based rules).
    flushes_denormals: ClassVar[bool] = True
    #: Whether parameters and state stay finite where gradients, rates and they themselves are far
    #: from the ends of their type. Of other rules a copy is kept at each step of a training, to go
    #: back to. Who writes ``update`` says it: a subclass that writes another has to say it again.
    bounded: bool = False
    #: The rule as a loop for a compiler, if it has one; ``update`` calls ``loop`` if that is set.
    compilable: ClassVar[Loop | None] = None
    #: State that is kept over (1 - an argument), by its name, so that it can follow a schedule of
    #: the argument.
    held_over: ClassVar[Mapping[str, str]] = {}
    #: What Keras calls the state, by its name here, where that is another.
    keras_state: ClassVar[Mapping[str, str]] = {}
    #: What the formula calls the state, in LaTeX by its name here, where that is another letter.
    letters: ClassVar[Mapping[str, str]] = {}
    #: Whether it takes all rows at once and drives the training itself, as ``LBFGS`` does.
    full_batch: ClassVar[bool] = False

    _keeps_two: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._keeps_two = cls.evaluation_weights is not Rule.evaluation_weights
        if "update" in vars(cls) and "bounded" not in vars(cls):
            cls.bounded = False

    def numbers(self, rate: float) -> tuple[float, ...]:
        """Those by which an update computes and that are others in each, beside the rate and what
        follows a schedule: made of these, and of the updates done.

        ``update`` asks for them, so that it can be compiled: it is recorded once, and they are read
        at each update. A rule that computes such numbers in ``update`` itself runs as it stands.

        Parameters
        ----------
        rate : float, at least 0
            The learning rate of this update.

        Returns
        -------
        tuple of float

        Examples
        --------
        Adamax divides by 1 - beta_1^t, another number in each update; the state is over 1 - beta_1:

        >>> from annlib import optimizers
        >>> optimizers.Adamax(beta_1=0.9).numbers(0.5)
        (0.5,)
        """
        return ()

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        """Update theta in place.

        Parameters
        ----------
        theta : array, (n,)
            All trainable parameters or a part of them; of a rule that is ``per_parameter`` one of
            them in its own shape.
        gradient : array, (n,)
            It may be overwritten.
        rate : float, at least 0
            The learning rate of this update.
        state : State
            The arrays that are declared, by name: ``state.m``, (n,).
        scratch : array, (n,)
            For numbers that nobody reads later.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> class SignSGD(optimizers.Optimizer):
        ...     def update(self, theta, gradient, rate, state, scratch):
        ...         theta -= rate * np.sign(gradient)
        >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        >>> model.compile(SignSGD(0.1), "mse")
        >>> loss = model.train_on_batch([[1.0]], [100.0])
        >>> model.get_weights()[0]
        array([[0.1]], dtype=float32)
        """
        raise NotImplementedError

    def state_shapes(self, shape: Shape, path: str = "") -> Mapping[str, Shape]:
        """Name the further state for a ``theta`` of this shape and path, and the shape of each.

        Of a rule that is ``whole`` or ``per_parameter``: means of a matrix over its rows and its
        columns, or one number for all, of shape ().

        Parameters
        ----------
        shape : tuple of int
            Of ``theta``.
        path : str
            ``"dense/kernel"`` where a rule gets one parameter at a time.

        Returns
        -------
        dict of str to tuple of int

        Examples
        --------
        >>> from annlib import optimizers
        >>> optimizers.Adafactor().state_shapes((128, 32))
        {'r': (128,), 'c': (32,)}
        """
        return {}

    def keras_numbers(self) -> Mapping[str, float]:
        """What Keras remembers besides and annlib computes anew, by the attribute it has there.

        Returns
        -------
        dict of str to float

        Examples
        --------
        >>> from annlib import optimizers
        >>> optimizers.Nadam().keras_numbers()
        {'_u_product': 1.0}
        """
        return {}

    def initialize(self, theta: Array, state: State) -> None:
        """Give the state its first values, where they are not 0.

        Parameters
        ----------
        theta : array, (n,), or one parameter in its own shape
            The parameters, not to be changed.
        state : State
            To be filled, in place.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> vector = Sequential([layers.Input((2,)), dense]).vector
        >>> vector.allocate_gradients()
        >>> adagrad = optimizers.Adagrad(initial_accumulator_value=0.1)
        >>> adagrad.build(vector)
        >>> adagrad.state_arrays()
        {'n': array([0.1, 0.1], dtype=float32)}
        """

    def evaluation_weights(self, theta: Array, state: State) -> None:
        """Turn theta into the weights to evaluate with, in place; state stays as it is.

        Parameters
        ----------
        theta : array, (n,)
        state : State

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import optimizers
        >>> from annlib.optimizers.state import State
        >>> free = optimizers.ScheduleFreeAdamW(beta_1=0.9)
        >>> theta, state = np.array([1.0]), State({"z": np.array([2.0])})
        >>> free.evaluation_weights(theta, state)
        >>> theta.round(3)
        array([0.889])
        >>> free.training_weights(theta, state)
        >>> theta.round(3)
        array([1.])
        """

    def training_weights(self, theta: Array, state: State) -> None:
        """Turn theta, the weights to evaluate with, into those that are trained, in place.

        Parameters
        ----------
        theta : array, (n,)
        state : State

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import optimizers
        >>> from annlib.optimizers.state import State
        >>> free = optimizers.ScheduleFreeAdamW(beta_1=0.9)
        >>> theta, state = np.array([1.0]), State({"z": np.array([2.0])})
        >>> free.training_weights(theta, state)
        >>> theta.round(3)
        array([1.1])
        """
