"""The step and the evaluation of a compiled network, made when needed and kept for later."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from annlib.network.network import Network
from annlib.training.compiled import Compiled
from annlib.training.dataset import Dataset
from annlib.training.evaluation import Evaluation
from annlib.training.fused_loss import check_output
from annlib.training.processes import Communicator
from annlib.training.running_metrics import RunningMetrics
from annlib.training.step import Compiler, Step
from annlib.training.stream_dataset import StreamDataset


def build_for(network: Network, compiled: Compiled, data: Dataset | StreamDataset) -> bool:
    """Build the network for a data set with targets, and resolve what "accuracy" and
    "crossentropy" mean; returns whether that is new.
    """
    shape = (None, *data.row_shape)
    network.build(shape, data.feature_names)
    assert data.target_shape is not None, "checked in fit"
    deferred = compiled.loss is None
    output_shape = network.compute_output_shape(shape)
    resolved = compiled.resolve(compiled.outputs(network.layers, data.target_shape, output_shape))
    if deferred and compiled.loss is not None:
        check_output(network.layers, compiled.loss, "Sequential.fit")
    return resolved


class Functions:
    """What training and testing a network need in memory, for one layout, loss and metrics.

    Attributes
    ----------
    network : Network
    compiled : Compiled
    outdated : bool
        Whether the network was compiled again, or its layers changed, since it was made.
    """

    def __init__(
        self,
        network: Network,
        compiled: Compiled,
        compiler: Callable[[], Compiler | None] | None = None,
    ) -> None:
        self.network, self.compiled, self._compiler = network, compiled, compiler
        self._dropped = False
        self._vector = network.vector if network.built else None
        self._step: Step | None = None
        self._evaluation: Evaluation | None = None
        self._metrics: RunningMetrics | None = None
        self._communicator: Communicator | None = None

    @property
    def outdated(self) -> bool:
        """See above."""
        return self._dropped or self.network.has_left(self._vector)

    def drop(self) -> None:
        """Make it outdated."""
        self._dropped = True

    def divide(self, communicator: Communicator) -> None:
        """From now on take batches of which other processes have other rows."""
        self._communicator, self._evaluation = communicator, None
        self.step.divide(communicator)

    @property
    def step(self) -> Step:
        """The training step, with its memory."""
        if self._step is None:
            self.network.check_ownership("Sequential.fit")
            if self.network.relayout(refreeze=False):
                self._evaluation = None
            self._vector = self.network.vector
            self._step = Step(self.network, self.compiled, self._compiler)
        return self._step

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation, with its memory."""
        if (
            self._evaluation is None or not self.network.owns_all
        ):  # others may have moved the weights
            self._evaluation = Evaluation(self.network, self.compiled, self._communicator)
        return self._evaluation

    @contextlib.contextmanager
    def running(self, run: Step | Evaluation) -> Iterator[RunningMetrics]:
        """Make the metrics of ``run`` current; on exit restore the previous ones and drop
        references to the batch.
        """
        before, self._metrics = self._metrics, run.metrics
        run.metrics.reset()
        try:
            yield run.metrics
        finally:
            run.clear()
            self._metrics = before or run.metrics

    def results(self) -> dict[str, float]:
        """The current loss and metrics, in the order of their names."""
        metrics = self.step.metrics if self._metrics is None else self._metrics
        return dict(sorted(metrics.results().items()))
