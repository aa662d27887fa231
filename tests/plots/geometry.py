"""Where the texts of a figure are: in it, and not on each other."""

from __future__ import annotations

import itertools

import numpy as np


def shown_texts(figure):
    """The texts that a reader sees, with their boxes in pixels."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    texts = [*figure.texts, figure._suptitle]
    for ax in figure.axes:
        texts += [ax.title, ax._left_title, ax._right_title, *ax.texts]
        if ax.axison:
            texts += [ax.xaxis.label, ax.yaxis.label]
            for axis in (ax.xaxis, ax.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
                texts += [label for place, label in ticks if low <= place <= high]
        if ax.get_legend() is not None:
            texts += ax.get_legend().get_texts()
    drawn = [t for t in texts if t is not None and t.get_visible() and t.get_text()]
    return [(text, text.get_window_extent(renderer)) for text in drawn]


def check_texts(figure):
    """``AssertionError`` for a text that is cut off, or lies on another."""
    width, height = figure.bbox.size
    found = shown_texts(figure)
    assert found
    for text, box in found:
        fits = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert fits, (text.get_text(), box, figure.bbox)
    for (text, box), (other, second) in itertools.combinations(found, 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        down = min(box.y1, second.y1) - max(box.y0, second.y0)
        assert across < 2 or down < 2, (text.get_text(), other.get_text())


def legend_covers(ax):
    """How many points of the curves, those between the measured ones too, the legend lies on."""
    figure = ax.figure
    figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent(figure.canvas.get_renderer())
    count = 0
    for line in ax.lines:
        points = ax.transData.transform(np.column_stack([line.get_xdata(), line.get_ydata()]))
        steps = np.linspace(0, 1, 20)[:, None]
        between = [a + steps * (b - a) for a, b in itertools.pairwise(points)]
        points = np.concatenate([points, *between])
        x, y = points.T
        count += ((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).sum()
    return count
