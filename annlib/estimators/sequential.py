"""SequentialClassifier and SequentialRegressor: any network of one's own as an estimator."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.multiclass import is_multilabel

from annlib.estimators.estimator import NetworkClassifier, NetworkRegressor
from annlib.estimators.fitting import RULES, FittedSequential
from annlib.estimators.parameters import Rule, invalid
from annlib.estimators.weights import is_class_weight


class SequentialClassifier(NetworkClassifier, FittedSequential):
    """A classifier around a ``Sequential``.

    Parameters
    ----------
    model : Sequential or function, default=None
        A network, which is copied and stays as it is; or a function that builds one, which is
        called with what it asks for by name: ``n_features_in``, ``n_classes``, ``n_outputs`` (the
        units of a last layer that fits), ``output_activation``, and arguments of its own, which
        are parameters: ``model__units=64``. Of a network, ``model__dense__units=64`` is an
        argument of the layer named ``dense``. None is two hidden layers of ReLU units, of a width
        that follows from the data, with the arguments ``model__units``, ``model__depth``,
        ``model__activation`` and ``model__dropout``. Weights are drawn anew for each fit.
    optimizer : str or Optimizer, default="auto"
        As in ``Sequential.compile``; ``"auto"`` is Adam. ``optimizer__learning_rate=0.01`` is an
        argument of it, whatever it is.
    loss : str, Loss or function, default="auto"
        ``"auto"`` fits the last layer: the cross-entropy of its sigmoid or softmax, or of logits.
        ``loss__label_smoothing=0.1`` is an argument of it.
    metrics : list, default=None
        As in ``Sequential.compile``; they heed the weights.
    batch_size : int, default=32
    epochs : int, default=100
    validation_split : float in [0, 1), default=0
        The share of the rows to validate on after each epoch: random ones, and of each class as
        many as there are.
    callbacks : list, default=None
        Callbacks, or names of them, for ``fit``; ``callbacks__early_stopping__\
patience=5`` is an argument of the one of that name.
    class_weight : dict, "balanced" or list of them, default=None
        By class label; multiplied with ``sample_weight``. A list has one for each column of y.
    shuffle : bool, default=True
        Whether rows are drawn in a new order every epoch.
    verbose : {0, 1, 2, "auto"} or bool, default=0
        1 is a bar an epoch, 2 a line.
    warm_start : bool, default=False
        Whether ``fit`` goes on with network and optimizer as they are.
    random_state : int, RandomState or None, default=None
        For weights, shuffling, dropout and the validation split. None draws a seed; the model's
        own, if it has one, counts then.
    dtype : {"float32", "float64"}, default=None
        The arithmetic; None is that of X. Of a ``model``, too, whatever it says.
    **nested
        Arguments of the parts, as above.

    Attributes
    ----------
    classes_ : ndarray or list of ndarray
        The labels, sorted; of several columns a list.
    model_ : Sequential
        The trained network.
    history_ : dict of str to list
        ``loss``, the metrics, and the same of the validation data with ``val_``, by epoch.
    n_iter_ : int
        The epochs done.
    n_features_in_ : int
    feature_names_in_ : ndarray
        Where X had names.

    See Also
    --------
    SequentialRegressor : The same for numbers.
    HiddenLayerTransformer : What the hidden layers of a fitted network make of X.

    Notes
    -----
    X should be scaled, by a ``StandardScaler`` for one. y may hold two or more classes of any
    type, a matrix of indicators (multilabel), or several columns of classes; the last layer must
    have 1 unit with a sigmoid or 2 with a softmax, a softmax unit a class, a sigmoid unit a label,
    or a linear unit for each class of each column.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from annlib import Sequential, SequentialClassifier, layers
    >>> X, y = load_iris(return_X_y=True)
    >>> names = load_iris().target_names[y]
    >>> def build(n_classes, units=16):
    ...     return Sequential([layers.Dense(units, "relu"), layers.Dense(n_classes, "softmax")])
    >>> net = SequentialClassifier(build, epochs=50, random_state=0, optimizer__learning_rate=0.01)
    >>> net.fit(X, names).score(X, names) > 0.95
    True
    >>> net.predict(X[:2]).tolist()
    ['setosa', 'setosa']
    """

    _classifies = True
    _rules = RULES | {
        "class_weight": Rule("a dict, 'balanced', a list of them or None", is_class_weight)
    }

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: Any = "auto",
        loss: Any = "auto",
        metrics: Any = None,
        batch_size: int = 32,
        epochs: int = 100,
        validation_split: float = 0.0,
        callbacks: Any = None,
        class_weight: Any = None,
        shuffle: bool = True,
        verbose: Any = 0,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Any = None,
        **nested: Any,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.class_weight = class_weight
        self.shuffle = shuffle
        self.verbose = verbose
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self._nest(nested)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these rows; network and optimizer stay for the next call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like, default=None
            All classes that will come, at the first call; a list of them for several columns.

        Returns
        -------
        self
        """
        if isinstance(self.class_weight, str):
            allowed = "a dict or None for partial_fit, which sees a part of y"
            raise invalid(self, "class_weight", allowed, self.class_weight)
        goes_on = hasattr(self, "model_")
        if not goes_on and classes is None and not is_multilabel(y):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if goes_on and classes is not None and not self._targets.has_classes(classes):
            raise ValueError(
                f"{type(self).__name__}.partial_fit: expected the classes of the first call, "
                f"{self.classes_!r}, got {classes!r}."
            )
        return self._train(X, y, sample_weight, None, goes_on=goes_on, classes=classes)


class SequentialRegressor(NetworkRegressor, FittedSequential):
    """A regressor around a ``Sequential``.

    Parameters
    ----------
    model : Sequential or function, default=None
        As of ``SequentialClassifier``; a function may ask for ``n_features_in``, ``n_outputs``
        (the columns of y) and ``output_activation``.
    optimizer : str or Optimizer, default="auto"
        ``"auto"`` is Adam.
    loss : str, Loss or function, default="auto"
        ``"auto"`` is the mean squared error.
    metrics, batch_size, epochs, validation_split, callbacks, shuffle, verbose, warm_start, \
random_state, dtype, **nested
        As of ``SequentialClassifier``.

    Attributes
    ----------
    model_, history_, n_iter_, n_features_in_, feature_names_in_
        As of ``SequentialClassifier``.

    See Also
    --------
    SequentialClassifier : The same for classes.
    sklearn.compose.TransformedTargetRegressor : Scales y, which helps where it is large.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from annlib import SequentialRegressor
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> net = SequentialRegressor(random_state=0, model__units=32).fit(X, y / y.std())
    >>> net.score(X, y / y.std()) > 0.95
    True
    """

    _classifies = False

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: Any = "auto",
        loss: Any = "auto",
        metrics: Any = None,
        batch_size: int = 32,
        epochs: int = 100,
        validation_split: float = 0.0,
        callbacks: Any = None,
        shuffle: bool = True,
        verbose: Any = 0,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Any = None,
        **nested: Any,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.shuffle = shuffle
        self.verbose = verbose
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self._nest(nested)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows; network and optimizer stay for the next call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        return self._train(X, y, sample_weight, None, goes_on=hasattr(self, "model_"))
