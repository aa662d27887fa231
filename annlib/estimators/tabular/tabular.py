"""What both estimators of tables share: the steps of ``fit``, and what it leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from annlib.core.arrays import Array
from annlib.core.errors import DataError, show
from annlib.core.threads import blas_threads, processors
from annlib.core.tracebacks import warn_user
from annlib.estimators.documentation import Documented
from annlib.estimators.files import describe_parameters, restore_parameters
from annlib.estimators.graphs import Exportable
from annlib.estimators.persistence import Persistent
from annlib.estimators.rules import Rule, check_parameters
from annlib.estimators.tabular import files
from annlib.estimators.tabular.distinct import distinct_rows
from annlib.estimators.tabular.ensemble import Ensemble, combine
from annlib.estimators.tabular.features import Features, Prepared
from annlib.estimators.tabular.frame import read_table
from annlib.estimators.tabular.graph import tabular_outputs
from annlib.estimators.tabular.held_out import HeldOut, assign_folds, out_of_fold
from annlib.estimators.tabular.importances import (
    contributions,
    permutation_importances,
    typical_row,
)
from annlib.estimators.tabular.marks import find_marks
from annlib.estimators.tabular.pack import KINDS, Plan
from annlib.estimators.tabular.parameters import (
    FOLDS,
    MOST_IN_FOLD,
    PRESETS,
    Preset,
    course_of,
)
from annlib.estimators.tabular.progress import Progress
from annlib.estimators.tabular.report import as_html, decisions
from annlib.estimators.tabular.task import Task
from annlib.estimators.tabular.training import Clock, Curves, Lessons, Trained, train
from annlib.estimators.target_checks import check_y, require_targets
from annlib.estimators.targets import Targets, learn_targets
from annlib.estimators.weights import mean_one, sample_weights
from annlib.models import Sequential
from annlib.training.interruption import Interruption

#: The share of ``time_limit`` that packs may take.
_OF_LIMIT = 0.9


class Data(NamedTuple):
    """Rows to learn from, as arrays."""

    rows: Prepared
    targets: Array
    #: With a mean of 1, or None where all count the same.
    weights: Array | None
    #: How often each row came, if it came often, and else 1.
    repeats: Array


class TabularEstimator(Documented, Exportable, Persistent, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of ``TabularClassifier`` and ``TabularRegressor``."""

    _classifies: ClassVar[bool]
    _rules: ClassVar[dict[str, Rule]]
    #: What ``feature_importances_`` count in, for pictures.
    _importance_measure: ClassVar[str]
    #: What ``loss_out_of_fold_`` is.
    _loss_name: ClassVar[str]

    history_: dict[str, list[float]]
    _features: Features
    _targets: Targets
    _ensemble: Ensemble
    _typical: Prepared

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None
    ) -> Self:
        """Learn from a table.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Numbers, booleans, texts and categories; values may be missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        X_val : array-like or frame of shape (n_rows, n_features), default=None
            Rows of one's own to judge by after each epoch; then all networks learn from all of X.
        y_val : array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
            Their targets.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            For a parameter that cannot be meant; also a ``ConfigurationError``.
        DataError
            If X holds infinite values, dates or other objects, or y is missing for a row.
        ValueError
            If X, y and weights do not fit together.
        """
        began = time.perf_counter()
        self._require_parameters("fit")
        check_parameters(self, self._rules)
        where = f"{type(self).__name__}.fit"
        new = type(self)(**self.get_params(deep=False))  # what fails leaves this one as it is
        columns = read_table(new, X, where, reset=True, categorical=self.categorical_features)
        y = self._check_y(y, where)
        check_consistent_length(columns[0].values, y)
        targets = learn_targets(y, classifier=self._classifies)
        class_weight = getattr(self, "class_weight", None)
        weights = sample_weights(y, y, sample_weight, class_weight, targets)
        if weights is not None and weights.ndim > 1:
            raise DataError(
                f"{where}: expected sample_weight of shape ({len(y)},), one a row, got "
                f"{weights.shape}."
            )
        new._targets = targets
        columns, encoded, weights, repeats = distinct_rows(columns, new._encode(y), weights)
        weights = mean_one(weights)
        task = self._task_of(targets)
        scaled = new._learn_scale(encoded, weights)
        find = partial(
            find_marks,
            targets=scaled,
            blocks=task.blocks,
            weights=weights,
            columns=len(columns),
        )
        new._features = Features.learn(columns, repeats, find)
        data = Data(new._features.prepare(columns, where), scaled, weights, repeats)
        seed = int(check_random_state(self.random_state).randint(2**31))
        held_out, learned = new._hold_out(data, X_val, y_val, np.random.default_rng([seed, 2]))
        with blas_threads.limited(1):
            packs, cut = new._train(data, task, held_out, learned, seed, began)
            curves = {kind: pack.curves for kind, pack in packs.items()}
            models = [pack.model for pack in packs.values()]
            judges = [pack.judges for pack in packs.values()]
            ensemble = combine(models, judges, held_out, task, data.rows.size)
            typical = typical_row(data.rows, new._features.places())
            new.__dict__.update(_ensemble=ensemble, _typical=typical)
            new._judge(judges, held_out, np.random.default_rng([seed, 3]))
        new._remember(curves)
        self.__dict__.update(
            {name: value for name, value in vars(new).items() if name not in self.get_params()}
        )
        for name in ("feature_names_in_", "_errors"):  # of an earlier fit
            if not hasattr(new, name):
                self.__dict__.pop(name, None)
        if diverged := {kind: pack.curves for kind, pack in packs.items() if pack.diverged}:
            epochs = " and ".join(f"{len(c.loss) + 1} of {kind}" for kind, c in diverged.items())
            warn_user(
                f"{where}: expected finite losses, got some that are not in epoch {epochs}, and "
                "kept the epochs before. Look at the range of y, and at columns of huge numbers."
            )
        if cut:
            epochs = ", ".join(f"{len(c.loss)} of {kind}" for kind, c in curves.items())
            warn_user(
                f"{where}: time_limit={self.time_limit} has ended the training early, after "
                f"{epochs} epochs. The result depends on the speed of this machine."
            )
        return self

    # -- the steps -------------------------------------------------------------------------------

    def _check_y(self, y: Any, where: str, name: str = "y") -> Array:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        require_targets(y, where, name, classifier=self._classifies)
        if not self._classifies:
            return np.asarray(
                check_array(y, ensure_2d=False, dtype=np.float64, input_name=name, allow_nd=False)
            )
        from sklearn.utils.validation import _check_y

        y = _check_y(y, multi_output=True)
        if y.dtype == object:  # of numbers alone they are such
            plain = np.array(y.tolist())
            y = plain if plain.dtype.kind in "biuf" and plain.shape == y.shape else y
        try:
            return check_y(y, classifier=True)
        except ValueError as error:
            raise DataError(
                f"{where}: expected classes in {name}, got {show(y)}. {error} Of numbers take "
                "TabularRegressor; classes are all texts, or all numbers."
            ) from None

    def _encode_other(self, y: Any, where: str) -> Array:
        """Encoded targets of rows to judge by."""
        y = self._check_y(y, where, "y_val")
        try:
            return self._encode(y)
        except (DataError, TypeError):  # texts beside numbers cannot be compared
            known = getattr(self._targets, "classes", None)
            what = "columns of numbers" if known is None else f"classes {show(known)}"
            raise DataError(
                f"{where}: expected y_val with the {what} of y, got {show(y)}. Put a row of each "
                "class into X and y, or leave out what they lack."
            ) from None

    def _encode(self, y: Array) -> Array:
        """Targets as codes of classes, or as numbers: a column each."""
        raise NotImplementedError

    def _learn_scale(self, targets: Array, weights: Array | None) -> Array:
        """Encoded targets as packs take them."""
        raise NotImplementedError

    def _scaled(self, targets: Array) -> Array:
        """Other encoded targets, as packs take them."""
        raise NotImplementedError

    def _strata(self, targets: Array) -> Array:
        """What the folds are to have alike shares of."""
        raise NotImplementedError

    def _hold_out(
        self, data: Data, X_val: Any, y_val: Any, rng: np.random.Generator
    ) -> tuple[HeldOut, Array]:
        """The rows to judge by, and what each row counts for each member."""
        n, members = data.rows.size, self._preset.members
        if (X_val is None) != (y_val is None):
            given, lacking = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
            raise ValueError(f"{given} is provided, but {lacking} was not provided.")
        if X_val is None:
            count = max(min(FOLDS, n), n // MOST_IN_FOLD)
            folds = assign_folds(self._strata(data.targets), count, rng)
            return out_of_fold(*data, folds, members)
        rows = self._prepare(X_val, "fit, X_val")
        encoded = self._encode_other(y_val, f"{type(self).__name__}.fit")
        check_consistent_length(rows.numbers, encoded)
        counts = np.ones(n) if data.weights is None else data.weights
        held_out = HeldOut([(rows, list(range(members)))], self._scaled(encoded), None)
        return held_out, np.broadcast_to(counts, (members, n)).astype(np.float32)

    @property
    def _preset(self) -> Preset:
        preset = PRESETS[self.preset]
        return preset if self.members is None else preset._replace(members=int(self.members))

    def _train(
        self,
        data: Data,
        task: Task,
        held_out: HeldOut,
        learned: Array,
        seed: int,
        began: float,
    ) -> tuple[dict[str, Trained], bool]:
        """The trained packs by their kinds, and whether time has cut them short."""
        n = data.rows.size
        came = int(data.repeats.sum())
        kinds = KINDS if data.rows.numbers.shape[1] else KINDS[1:]  # which would be alike
        jobs = min(_jobs(self.n_jobs), len(kinds))
        limit = None if self.time_limit is None else float(self.time_limit) * _OF_LIMIT
        labels = self._features.sizes()
        plans = {
            kind: course_of(self._preset, kind, n, came, self._classifies, self.epochs)
            for kind in kinds
        }
        total = sum(course.epochs for _, course in plans.values())
        lessons = Lessons(data.rows, data.targets, learned, task)
        found: dict[str, Trained] = {}
        cuts = []

        def one(index: int, kind: str) -> None:
            activation, course = plans[kind]
            left = None
            if limit is not None:
                waiting = 1 if jobs > 1 else len(kinds) - index
                left = max(0.0, limit - (time.perf_counter() - began)) / waiting
            clock = Clock(left, lambda: interruption.asked)
            own = int(np.random.default_rng([seed, index]).integers(2**31))
            plan = Plan.of(kind, activation, data.rows, labels, task.outputs)
            found[kind] = train(
                plan, lessons, held_out, course, own, clock, lambda loss: progress.tell(kind, loss)
            )
            cuts.append(clock.cut)

        with Interruption() as interruption, Progress(int(self.verbose), total) as progress:
            try:
                if jobs > 1:
                    with ThreadPoolExecutor(jobs) as pool:
                        waiting = [pool.submit(one, *pair) for pair in enumerate(kinds)]
                    for each in waiting:
                        each.result()
                else:
                    for pair in enumerate(kinds):
                        one(*pair)
            except KeyboardInterrupt:
                if not found or interruption.insisted:
                    raise
        if interruption.asked:
            warn_user("Training interrupted by user.")
        return {kind: found[kind] for kind in kinds if kind in found}, any(cuts)

    def _judge(
        self, judges: list[list[Sequential]], held_out: HeldOut, rng: np.random.Generator
    ) -> None:
        """Set what is known from the rows held out."""
        self.score_out_of_fold_ = self.loss_out_of_fold_ = float("nan")
        if held_out.size:
            predicted = self._ensemble.predict_held_out(held_out, judges)
            self._judge_held_out(predicted, held_out)
            self.loss_out_of_fold_ = self._shown_loss(predicted, held_out)
        self.feature_importances_ = permutation_importances(
            self._ensemble, judges, held_out, self._features.places(), rng
        )

    def _judge_held_out(self, predicted: Array, held_out: HeldOut) -> None:
        raise NotImplementedError

    def _shown_loss(self, predicted: Array, held_out: HeldOut) -> float:
        raise NotImplementedError

    def _remember(self, curves: Mapping[str, Curves]) -> None:
        """Set the attributes that tell how the packs were trained, and what became of columns."""
        self.history_ = {}
        for kind, curve in curves.items():
            self.history_[f"{kind}_loss"] = curve.loss
            if curve.held_out:
                self.history_[f"{kind}_val_loss"] = curve.held_out
        self.best_epochs_ = {kind: curve.kept for kind, curve in curves.items()}
        self.shares_ = dict(zip(curves, self._ensemble.shares, strict=True))
        self.columns_ = self._features.by_kind()

    # -- other rows ------------------------------------------------------------------------------

    def _prepare(self, X: Any, method: str) -> Prepared:
        """Rows to predict, as arrays."""
        where = f"{type(self).__name__}.{method}"
        mask = self._features.categories()
        return self._features.prepare(
            read_table(self, X, where, reset=False, categorical=mask), where
        )

    def _outputs_of(self, where: str) -> Any:
        return tabular_outputs(self, where)

    def _predicted(self, X: Any, method: str) -> Array:
        check_is_fitted(self)
        rows = self._prepare(X, method)
        with blas_threads.limited(1):
            return self._ensemble.predict(rows)

    def contributions(self, X: Any, orders: int = 4) -> Array:
        """What each column adds to the prediction of each row.

        Counted from the prediction for a typical row, with numbers at their medians and what is
        most frequent of all else: with it, the contributions of a row add up to its prediction. Of
        classes these are logarithms of probabilities; of two classes the log odds of the second.

        From the typical row on, the columns are replaced by those of the row one after the other,
        and what the prediction changes by is the column's: the mean over some orders, each also
        backwards, an estimate of Shapley's value. The derivative by a column, which a network has
        too, would tell nothing of flags and categories, and of numbers only what a small change
        does.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        orders : int in [1, inf), default=4
            More are nearer to the mean over all orders.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_samples, n_features, n_outputs)
            With ``typical_prediction_`` those of a row add up to its prediction.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ConfigurationError
            If ``orders`` is no count of at least 1.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        """
        check_is_fitted(self)
        orders = self._check_orders(orders)
        rows = self._prepare(X, "contributions")
        with blas_threads.limited(1):
            found, _ = contributions(
                self._explained,
                rows,
                self._typical,
                self._features.places(),
                np.random.default_rng(0),
                orders,
            )
        return found[:, :, 0] if found.shape[2] == 1 else found

    @property
    def typical_prediction_(self) -> Array:
        """What ``contributions`` count from, (n_outputs,): what they say of the typical row."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("typical_prediction_")
        with blas_threads.limited(1):
            found: Array = self._explained(self._typical)[0]
        return found

    @staticmethod
    def _check_orders(orders: Any) -> int:
        from annlib.core.checks import check_count

        return check_count(orders, "contributions", "orders")

    def _explained(self, rows: Prepared) -> Array:
        """What contributions add up to, (n, outputs)."""
        raise NotImplementedError

    def _explained_outputs(self) -> tuple[list[Any], list[str]]:
        """What each output of ``contributions`` is of, a class or a column, and its name."""
        raise NotImplementedError

    # -- files -----------------------------------------------------------------------------------

    def _evaluating(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def _describe(self) -> tuple[dict[str, Any], dict[str, Array]]:
        tensors: dict[str, Array] = {}
        header = describe_parameters(self, tensors)
        more, own = files.describe(self, f"{type(self).__name__}.save")
        return header | more, tensors | own

    @classmethod
    def _from_file(
        cls,
        header: Mapping[str, Any],
        tensors: Mapping[str, Array],
        kinds: Mapping[str, Any],  # noqa: ARG003  # of those that have estimators in them
    ) -> Any:
        estimator = cls(**restore_parameters(header, tensors))
        files.restore(estimator, header, tensors)
        return estimator

    @staticmethod
    def _task_of(targets: Any) -> Task:
        """What is predicted, for targets that mean this."""
        raise NotImplementedError

    # -- what is shown -----------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_ensemble")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def summary(self) -> str:
        """What ``fit`` has decided, in a few lines: columns, labels, epochs, what packs count.

        Returns
        -------
        str
        """
        check_is_fitted(self)
        first = f"{type(self).__name__} on {self.n_features_in_:,} columns"
        return "\n  ".join([first, *(": ".join(line) for line in decisions(self))])

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """The parameters, and once fitted what was decided."""
        found = str(super().__repr__(N_CHAR_MAX))
        return f"{found}\n{self.summary()}" if self.__sklearn_is_fitted__() else found

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + self._decisions_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        found: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in found:
            found["text/html"] += self._decisions_html()
        return found

    def _decisions_html(self) -> str:
        return as_html(decisions(self)) if self.__sklearn_is_fitted__() else ""


def _jobs(n_jobs: int | None) -> int:
    """How many packs may train at once; negative numbers count from that of the processors."""
    if n_jobs is None:
        return 1
    return int(n_jobs) if n_jobs > 0 else max(1, processors() + 1 + int(n_jobs))
