"""The equations of a recorded step, derived layer by layer."""

from __future__ import annotations

from annlib.activations import Activation
from annlib.core.arrays import Array
from annlib.layers import Dense
from annlib.layers.activation import ActivationLayer
from annlib.tracing import activation, dense, layer, loss, update
from annlib.tracing.normalization import by_formula
from annlib.tracing.recording import LayerRecord, Recording, all_records
from annlib.tracing.sections import Section, rows_of


class Derivation:
    """The sections of a trace, derived from a recording.

    Attributes
    ----------
    sections : list of Section
    activations : dict of str to (Activation, array)
        By the layers' names: the function, and {Z} of all rows, (n, N).
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.activations: dict[str, tuple[Activation, Array]] = {}
        self._updates = update.Updates(recording)
        self._output_gradient = loss.output_gradient(recording)
        self.sections: list[Section] = []
        for record in all_records(recording.layers):
            if record.regularizer is None:
                self.sections.append(self._layer(record))
            else:
                self._add_penalty(record)
        if recording.fused is not None and recording.output not in self.activations:
            self.sections.append(self._fused_layer(recording.fused))
        self.sections.append(self._loss())

    def _layer(self, record: LayerRecord) -> Section:
        section = Section(record.name, self.recording.reprs[record.name])
        own = record.layer
        if isinstance(own, Dense) and type(own).forward is Dense.forward:
            self._add_dense(section, record, own)
        elif isinstance(own, ActivationLayer) and own.activation.axis == -1:
            back = None
            if record.dy is not None and record.dx is not None:
                back = record.dy, record.dx
            self._add_activation(section, own.activation, record.x, record.y, back)
        else:
            self._add_layer(section, record)
        if not record.inside:  # whose parameters have sections of their own
            section.update[:0] = self._updates.equations(record)
        return section

    def _add_layer(self, section: Section, record: LayerRecord) -> None:
        """Any other layer: by its own formula, if that can be put in numbers."""
        trainable = {*self.recording.gradients}
        own = by_formula(self.recording, record)
        if own is None:
            section.forward.append(layer.forward(record))
            if record.dy is not None:
                section.backward.extend(layer.backward(record, trainable))
            return
        section.forward.extend(own.forward())
        if record.dy is not None:
            section.backward.extend(own.backward(trainable))
        section.update.extend(own.update())

    def _add_dense(self, section: Section, record: LayerRecord, own: Dense) -> None:
        """A fully connected layer and its activation, which the loss may have taken over."""
        before, inner = self.recording.before, record.activation
        assert inner is not None, "every Dense has one"
        W, b = before.get(f"{record.name}/kernel", own.arrays["kernel"]), None
        if own.use_bias:
            b = before.get(f"{record.name}/bias", own.arrays["bias"])
        section.forward.append(dense.forward(record, W, b, inner.Z))
        if self.recording.fused is not None and record.name == self.recording.output:
            self._add_fused(section, self.recording.fused, inner.Z)
        else:
            back = None if record.dy is None else (inner.dA, inner.dZ)
            self._add_activation(section, inner.inner, inner.Z, inner.A, back)
        if record.dy is not None:
            learns = f"{record.name}/kernel" in self.recording.gradients
            section.backward.extend(dense.backward(record, W, inner.dZ, learns))

    def _add_activation(
        self,
        section: Section,
        f: Activation,
        Z: Array,
        A: Array,
        back: tuple[Array, Array] | None,
        code: str = "",
        note: str = "",
    ) -> None:
        """``back`` are dE/dA and dE/dZ, if they were computed."""
        Z = rows_of(Z)
        self.activations[section.name] = f, Z
        section.forward.append(activation.forward(section.name, f, Z, rows_of(A)))
        if back is not None:
            D_EA, D_EZ = map(rows_of, back)
            section.backward += activation.backward(section.name, f, Z, D_EA, D_EZ, code, note)

    def _add_fused(self, section: Section, f: Activation, Z: Array) -> None:
        """An activation that the loss computes on its way from the logits."""
        recording = self.recording
        back = (self._output_gradient, recording.head_gradient)
        note = "Recorded: the engine computes it from the logits, without {D_E,A} and [D_A,Z]."
        code = loss.fused_code(recording)
        self._add_activation(section, f, Z, recording.prediction, back, code, note)

    def _fused_layer(self, f: Activation) -> Section:
        """A layer that is no step of the pass, since the loss does its work."""
        recording = self.recording
        section = Section(recording.output, recording.reprs[recording.output])
        Z = recording.layers[-1].y if recording.layers else recording.x
        self._add_fused(section, f, Z)
        return section

    def _add_penalty(self, record: LayerRecord) -> None:
        """The penalty on a layer's activity, in that layer's section."""
        section = self.sections[-1]
        forward, backward = layer.penalty(record, section.name)
        section.forward.append(forward)
        if backward is not None:
            section.backward.insert(0, backward)

    def _loss(self) -> Section:
        section = Section("loss", repr(self.recording.loss))
        section.forward.extend(loss.forward(self.recording))
        section.backward.append(loss.backward(self.recording, self._output_gradient))
        return section
