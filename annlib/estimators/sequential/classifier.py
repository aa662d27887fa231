"""SequentialClassifier: any network of one's own as an estimator of classes."""

from __future__ import annotations

from typing import Any, Literal, Self

from annlib.core.errors import AnnlibError
from annlib.estimators.classifier import NetworkClassifier
from annlib.estimators.documentation import documented
from annlib.estimators.outputs import gives_probabilities, targets_of_outputs
from annlib.estimators.sequential.fitting import FittedSequential, check_trained
from annlib.estimators.sequential.parameters import ATTRIBUTES, PARAMETERS, RULES
from annlib.estimators.weights import CLASS_WEIGHT
from annlib.losses import Loss
from annlib.losses.names import LossLike
from annlib.metrics.names import MetricsLike
from annlib.models import Sequential
from annlib.optimizers.names import OptimizerLike


@documented(parameters=PARAMETERS, attributes=ATTRIBUTES)
class SequentialClassifier(FittedSequential, NetworkClassifier):
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
        ``model__activation`` and ``model__dropout``. Each fit draws new weights, or begins from
        those that the model has: it was trained, or knows the shape of its input.
    optimizer : str or Optimizer, default="auto"
        As in ``Sequential.compile``; ``"auto"`` is the one that the model was compiled with, or
        else Adam. ``optimizer__learning_rate=0.01`` is an argument of it, whatever it is.
    loss : str, Loss or pair of functions, default="auto"
        ``"auto"`` is the one that the model was compiled with, or else fits the last layer: the
        cross-entropy of its sigmoid or softmax, or of logits. ``loss__label_smoothing=0.1`` is an
        argument of it.
    {parameters}
    class_weight : dict, "balanced" or list of them, default=None
        By class label; multiplied with ``sample_weight``. A list has one for each column of y.

    Attributes
    ----------
    classes_ : ndarray or list of ndarray
        The labels, sorted; of several columns a list.
    {attributes}

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.
    ArgumentError
        For a parameter that there is not.

    See Also
    --------
    SequentialRegressor : Predicts numbers.
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
    >>> import annlib
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

    A model that is compiled says how it learns; a function makes that an argument, too:

    >>> from sklearn.model_selection import GridSearchCV
    >>> def compiled(rate=0.01, units=16):
    ...     model = Sequential([layers.Dense(units, "relu"), layers.Dense(3, "softmax")])
    ...     model.compile(annlib.optimizers.SGD(rate), "crossentropy", metrics=["accuracy"])
    ...     return model
    >>> net = SequentialClassifier(compiled, epochs=20, random_state=0)
    >>> search = GridSearchCV(net, {"model__rate": [0.0001, 0.1]}, cv=3).fit(X, names)
    >>> search.best_params_
    {'model__rate': 0.1}
    """

    _rules = RULES | {"class_weight": CLASS_WEIGHT}

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: OptimizerLike | Literal["auto"] = "auto",
        loss: LossLike | Literal["auto"] = "auto",
        metrics: MetricsLike | None = None,
        scoring: Any = None,
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
        self._store(locals())

    @classmethod
    def from_fitted(cls, model: Sequential, classes: Any = None, **parameters: Any) -> Self:
        """A trained model as a fitted classifier: it predicts as it is, without ``fit``.

        It has a copy of the model, with its optimizer's state: the model stays as it is, and
        ``partial_fit`` goes on training the copy.

        Parameters
        ----------
        model : Sequential
            Trained, or from ``annlib.load_model``.
        classes : array-like of shape (n_classes,), or list of them, default=None
            What its outputs stand for, sorted: two classes for one sigmoid, or one for each unit;
            for several columns of y a list of them. None are 0, 1, ..., and for several sigmoids
            labels of which a row has any.
        **parameters
            Of the estimator, as for its constructor.

        Returns
        -------
        SequentialClassifier

        Raises
        ------
        ConfigurationError
            If the model is not built, or the classes do not fit its last layer.

        Examples
        --------
        >>> from annlib import Sequential, SequentialClassifier, layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(3, "softmax")], seed=0)
        >>> net = SequentialClassifier.from_fitted(model, ["ant", "bee", "cicada"])
        >>> net.predict([[1.0, 0.0]]).shape, net.predict_proba([[1.0, 0.0]]).shape
        ((1,), (1, 3))
        """
        where = f"{cls.__name__}.from_fitted"
        trained = check_trained(model, where)
        return cls._of_trained(trained, targets_of_outputs(trained, classes, where), parameters)

    def _gives_probabilities(self) -> bool:
        model = self.model
        if self.__sklearn_is_fitted__() or not (isinstance(model, Sequential) and model.layers):
            return super()._gives_probabilities()
        try:
            loss = self._part("loss")
        except (AnnlibError, TypeError):  # nonsense, which fit will refuse
            return True
        return not isinstance(loss, Loss) or gives_probabilities(model, loss)
