"""What a fit has decided, as lines to read: of columns, of packs, and of rows held out."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from annlib.estimators.tabular.features import Category

#: Columns that are named; of the others there is the number.
_NAMED = 8
_STYLE = (
    "table.annlib-decisions{font-size:13px;margin:6px 0}"
    ".annlib-decisions th,.annlib-decisions td{text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}.annlib-decisions th{white-space:nowrap}"
)


def decisions(estimator: Any) -> list[tuple[str, str]]:
    """What the fit of an estimator of tables has decided: titles, and what there is to say."""
    features = estimator._features
    lines = [
        (kind, f"{len(names):,} ({_some(names)})")
        for kind, names in estimator.columns_.items()
        if names
    ]
    pairs = list(zip(features.names, features.features, strict=True))
    labels = [f"{n} {len(f.labels):,}" for n, f in pairs if isinstance(f, Category)]
    if labels:
        lines.append(("labels", _some(labels)))
    flagged = [name for name, feature in pairs if getattr(feature, "flagged", False)]
    flagged += [name for name, feature in pairs if getattr(feature, "missing", False)]
    if flagged:
        lines.append(("missing values known by a flag", f"{len(flagged):,} ({_some(flagged)})"))
    marked = [f"{name} ({count})" for name, count in features.marked().items()]
    if marked:
        lines.append(("values with flags of their own", _some(marked)))
    packs = estimator._ensemble.packs
    for (kind, share), pack in zip(estimator.shares_.items(), packs, strict=True):
        members = pack.output_shape[1] or 0
        epochs = len(estimator.history_[f"{kind}_loss"])
        told = f"{members} network{'s' * (members > 1)}"
        told += f", epoch {estimator.best_epochs_[kind] + 1} of {epochs}, counts {share:.2f}"
        lines.append((f"{kind} pack", f"{told}, {pack.count_params():,} weights"))
    if estimator._classifies:
        lines.append(("temperature", f"{estimator.temperature_:.2f}"))
    score, loss = estimator.score_out_of_fold_, estimator.loss_out_of_fold_
    lines.append(("out of fold", f"score {score:.4f}, {estimator._loss_name} {loss:.4g}"))
    return lines


def as_html(lines: Sequence[tuple[str, str]]) -> str:
    """The lines as a table, without anything from the network."""
    rows = "".join(
        f"<tr><th>{html.escape(title)}</th><td>{html.escape(text)}</td></tr>"
        for title, text in lines
    )
    return f'<style>{_STYLE}</style><table class="annlib-decisions">{rows}</table>'


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
