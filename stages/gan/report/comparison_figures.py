"""Pictures of runs side by side: scores by seed, losses of all seeds, samples from the same latent points.

They do not use ``canvas``: it imports PyTorch, which takes longer than drawing all of these pictures.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image

from stages.gan.evaluation.scores import IN_WORDS, MEANINGS
from stages.gan.plots import image_files, lettering, loss_axis
from stages.gan.plots.style import COLLAPSED, GENERATED, NETWORK_COLORS, NOISE, REAL, STYLE
from stages.gan.report.conditions import ComparableSet, Condition
from stages.gan.report.runs import Run
from stages.runtime.errors import UserError

_COLORS = (GENERATED, "#7a4ea3", "#2f8f5b", "#8a6d3b", "#1f9aa8")  # of conditions; of more, they repeat
_STYLE: dict[Any, Any] = {
    **STYLE,
    "axes.titley": 1.0,  # the usual place; without it, matplotlib takes long to look for overlaps
    "font.size": 8,
}
_NUMBERED = 12  # runs in a panel, at most, whose seeds are written below it
_FAR = 30.0  # times: scores that differ by more have a logarithmic axis
_IN_ROW = 5  # grids side by side

Bounds = tuple[float | None, float | None]


def scores(comparable: ComparableSet, path: Path) -> None:
    """Each score of quality of every run, with the median and the range, beside real data and noise."""
    names = comparable.graded
    columns = min(4, len(names))
    marks = [_key(color, condition.name, marker="o") for condition, color in _colored(comparable.conditions)]
    if any(run.collapsed for run in comparable.runs):
        marks.append(_key(COLLAPSED, "collapsed", marker="x"))
    if any(len(condition.runs) > 1 for condition in comparable.conditions):
        marks.append(_key("black", "median, lowest to highest", marker="_", markersize=9))
    spread = any(comparable.real_spread(name) for name in names)
    marks.append(_key(REAL, "real data ± spread over draws" if spread else "real data", linestyle="--"))
    marks.append(_key(NOISE, "noise", linestyle=":"))
    rows = -(-len(names) // columns)
    named = [condition.name for condition in comparable.conditions]
    with _panels(path, rows, columns, named, size=(2, 1.15), gaps=(0.5, 0.5), legend=marks) as panels:
        for index, (axes, name) in enumerate(zip(panels.flat, names, strict=False)):
            _score(axes, comparable, name)
            _seeds(axes, comparable, index + columns >= len(names))
        for axes in panels.flat[len(names) :]:
            axes.axis("off")


def losses(comparable: ComparableSet, path: Path) -> None:
    """Losses and the discriminator's mean answers by epoch, all seeds of a condition in one panel.

    The axis of losses is logarithmic where they are large; see :mod:`stages.gan.plots.loss_axis`.
    """
    answers = ("real", "generated")
    marks = [
        _key(color, f"{network}'s loss; answers to {kind} samples", linestyle="-")
        for (network, color), kind in zip(NETWORK_COLORS.items(), answers, strict=True)
    ]
    if any(run.collapsed for run in comparable.runs):
        marks.append(_key("black", "collapsed", linestyle=":"))
    rows = len(comparable.conditions)
    named = [condition.name for condition in comparable.conditions]
    size, gaps = (4.1, 1.4), (0.7, 0.55)
    with _panels(path, rows, 2, named, size=size, gaps=gaps, margin=0.6, legend=marks) as panels:
        titles = lettering.fit(named, size[0] - 1.8)
        for (left, right), condition, title in zip(panels, comparable.conditions, titles, strict=True):
            for run in condition.runs:
                line: Any = {"linewidth": 0.9, "alpha": 0.75, "linestyle": ":" if run.collapsed else "-"}
                for axes, names in ((left, ("loss_d", "loss_g")), (right, ("d_real", "d_fake"))):
                    for name, color in zip(names, (REAL, GENERATED), strict=True):
                        axes.plot(run.losses["epoch"], run.losses[name], color=color, **line)
            shown = [
                loss for run in condition.runs for name in ("loss_d", "loss_g") for loss in run.losses[name]
            ]
            loss_axis.scale(left, shown)
            left.set_title(f"{title}: losses")
            right.set(ylabel="probability of real", title=f"{title}: the discriminator's answers")
            right.set_ylim(-0.03, 1.03)
            for axes in (left, right):
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in panels[-1]:
            axes.set_xlabel("epoch", labelpad=2)


def samples(conditions: Sequence[Condition], path: Path) -> None:
    """Samples of the runs of an experiment from the same latent points, for those with such a picture."""
    rows: list[tuple[str, list[Run]]] = []
    for condition in conditions:
        drawn = [run for run in condition.runs if run.grid]
        for start in range(0, len(drawn), _IN_ROW):
            name = condition.name if len(conditions) > 1 and not start else ""
            rows.append((name, drawn[start : start + _IN_ROW]))
    columns = max(len(row) for _, row in rows)
    pictures = {run.folder: _open(run) for _, row in rows for run in row}
    height, width = next(iter(pictures.values())).shape[:2]
    size, title = (1.75, 1.75 * height / width), 0.32 if len(conditions) == 1 else 0.5
    named = [name for name, _ in rows if name]
    with _panels(
        path, len(rows), columns, named, size=size, gaps=(0.2, title), top=title, margin=0.08
    ) as panels:
        for axes in panels.flat:
            axes.axis("off")
        shown = dict(
            zip(named, lettering.fit(named, columns * (size[0] + 0.2) - 0.2, weight="bold"), strict=True)
        )
        for line, (name, row) in zip(panels, rows, strict=True):
            heading = shown.get(name, "")
            line[0].annotate(heading, (0, 1), (0, 17), "axes fraction", "offset points", weight="bold")
            for axes, run in zip(line, row, strict=False):
                axes.imshow(pictures[run.folder], cmap="gray", vmin=0, vmax=255)
                color = COLLAPSED if run.collapsed else "black"
                about = f"seed {run.seed}{', collapsed' if run.collapsed else ''}"
                axes.set_title(about, size=8, color=color, pad=4)


def _open(run: Run) -> NDArray[np.uint8]:
    assert run.grid is not None
    try:
        with Image.open(run.grid) as picture:
            return np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))
    except (
        OSError,
        SyntaxError,
        ValueError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        raise UserError(f"{run.grid}: not a readable picture ({error}); run the plot stage") from error


def _score(axes: Axes, comparable: ComparableSet, name: str) -> None:
    real, noise = comparable.baselines(name)
    bounds = comparable.bounds(name)
    spread = comparable.real_spread(name) or 0
    band = [_possible(end, bounds) for end in (real - spread, real + spread)]
    values = [run.scores[name] for run in comparable.runs if name in run.scores]
    shown = [*values, real, noise]
    _scale(axes, shown, bounded=bounds[1] is not None or MEANINGS[name].better == "high")
    if axes.get_yscale() != "log" or min(band) > 0:  # a logarithmic axis has no place for others
        shown += band
        axes.axhspan(*band, color=REAL, alpha=0.2, linewidth=0, zorder=0)
    _within(axes, shown, bounds)
    for (condition, color), start in zip(
        _colored(comparable.conditions), _starts(comparable.conditions), strict=True
    ):
        for position, run in enumerate(condition.runs, start):
            if name in run.scores:
                marker, paint = ("x", COLLAPSED) if run.collapsed else ("o", color)
                look: Any = {"marker": marker, "color": paint, "ms": 3.5, "mew": 1.3, "zorder": 3}
                axes.plot(position, run.scores[name], **look)
        if len(found := condition.scores(name)) > 1:
            position = start + len(condition.runs)
            axes.plot([position] * 2, [min(found), max(found)], color="black", linewidth=1, zorder=4)
            ends = [position - 0.3, position + 0.3]
            axes.plot(ends, [median(found)] * 2, color="black", linewidth=1.8, zorder=4)
    for baseline, color, style in ((real, REAL, "--"), (noise, NOISE, ":")):
        axes.axhline(baseline, color=color, linestyle=style, linewidth=1, zorder=1)
    axes.tick_params(axis="y", labelsize=7)
    better = IN_WORDS[MEANINGS[name].better]
    axes.set_title(MEANINGS[name].title, pad=11)
    axes.text(0.5, 1.02, better, transform=axes.transAxes, ha="center", size=6.5, color="#555555")


def _possible(value: float, bounds: Bounds) -> float:
    """The value, clipped to the bounds."""
    least, most = bounds
    value = value if least is None else max(value, least)
    return value if most is None else min(value, most)


def _starts(conditions: Sequence[Condition]) -> list[int]:
    """Where each condition starts in a panel: it takes a place for each run, one for the range, and a gap."""
    return [
        sum(len(condition.runs) + 2 for condition in conditions[:index]) for index in range(len(conditions))
    ]


def _seeds(axes: Axes, comparable: ComparableSet, lowest: bool) -> None:
    """Write the seeds below the lowest panels, unless they are too many to read."""
    starts = _starts(comparable.conditions)
    runs = [
        (start + index, str(run.seed))
        for condition, start in zip(comparable.conditions, starts, strict=True)
        for index, run in enumerate(condition.runs)
    ]
    axes.set_xlim(-0.8, starts[-1] + len(comparable.conditions[-1].runs) + 0.8)
    axes.grid(visible=False, axis="x")
    if not lowest or len(runs) > _NUMBERED:
        axes.set_xticks([])
        return
    crowded = len(runs) > 6 or any(len(seed) > 3 for _, seed in runs)
    axes.set_xticks(*zip(*runs, strict=True), size=6, rotation=90 if crowded else 0)


def _scale(axes: Axes, shown: Sequence[float], bounded: bool = False) -> None:
    """Make the axis logarithmic where values differ by more than 30 times, unless they are bounded above.

    If some are not above zero, the axis is linear around zero: the unbiased estimate of a distance that is
    zero is sometimes a little below.
    """
    above, below = [value for value in shown if value > 0], [-value for value in shown if value < 0]
    if above and not bounded and max(above) / min(above + below) > _FAR:
        if min(shown) > 0:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(numticks=5))
        else:
            threshold = max([min(above), max(above) / 1e6, *below])
            axes.set_yscale("symlog", linthresh=threshold)
            first, last = math.ceil(math.log10(threshold)), math.floor(math.log10(max(above)))
            axes.set_yticks([0, *(10.0**power for power in range(first, last + 1))])
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        whole = all(float(value).is_integer() for value in shown)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=whole))


def _within(axes: Axes, shown: Sequence[float], bounds: Bounds) -> None:
    """Extend the panel a little beyond what is shown, so that no marker is cut; no tick is out of bounds."""
    low, high = min(shown), max(shown)
    if axes.get_yscale() == "log":
        margin = (high / low) ** 0.08
        axes.set_ylim(low / margin, high * margin)
        lettering.powers(axes.yaxis)
    elif axes.get_yscale() == "symlog":
        threshold = axes.yaxis.get_transform().linthresh  # type: ignore[attr-defined]
        axes.set_ylim(min(1.5 * low, -0.5 * threshold), 2 * high)
        lettering.powers(axes.yaxis)
    else:
        margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
        low, high = low - margin, high + margin
        axes.set_ylim(low, high)
        ticks = axes.yaxis.get_major_locator().tick_values(low, high)
        axes.set_yticks([tick for tick in ticks if low <= tick <= high and _possible(tick, bounds) == tick])


def _colored(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, str]]:
    for index, condition in enumerate(conditions):
        yield condition, _COLORS[index % len(_COLORS)]


def _key(color: str, label: str, **line: Any) -> Line2D:
    """An entry of a legend: a colour, a line or a marker, and what it means."""
    return Line2D([], [], color=color, label=label, **{"linestyle": "", "markersize": 4.5, **line})


@contextmanager
def _panels(
    path: Path,
    rows: int,
    columns: int,
    named: Sequence[str],
    *,
    size: tuple[float, float],
    gaps: tuple[float, float],
    legend: Sequence[Line2D] = (),
    margin: float = 0.5,
    top: float = 0.35,
) -> Iterator[NDArray[Any]]:
    """Give panels [rows, columns] to draw on, and write them as a PNG afterwards.

    The user's own settings of matplotlib are not used. All lengths are given, in inches: computing a layout
    from what is drawn would take most of the time.

    Args:
        path: the PNG.
        rows: of panels.
        columns: likewise.
        named: the user's names that are written on them.
        size: of a panel, without titles, ticks and labels.
        gaps: between panels, for these: to the right, and below.
        legend: one for all panels, above them.
        margin: to the left of the panels, and below; to the right it is a third of that.
        top: above them, for titles; the legend comes on top of that.
    """
    width, height = (size[i] * n + gaps[i] * (n - 1) for i, n in ((0, columns), (1, rows)))
    whole = width + margin * 4 / 3, height + margin * 0.8 + top
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        lettering.use_fonts(named)
        if legend:
            labels = lettering.fit([str(key.get_label()) for key in legend], whole[0] - 0.6)
            for key, label in zip(legend, labels, strict=True):
                key.set_label(label)
            across = max(1, int(whole[0] / (0.5 + 0.06 * max(map(lettering.width, labels)))))
            whole = whole[0], whole[1] + 0.05 + 0.18 * -(-len(legend) // across)
        figure = Figure(figsize=whole)
        spaces = {"wspace": gaps[0] / size[0], "hspace": gaps[1] / size[1]}
        edges = {
            "left": margin / whole[0],
            "right": (margin + width) / whole[0],
            "bottom": margin * 0.8 / whole[1],
            "top": (margin * 0.8 + height) / whole[1],
        }
        yield figure.subplots(rows, columns, squeeze=False, gridspec_kw={**spaces, **edges})
        if legend:
            figure.legend(
                handles=legend, loc="upper center", ncols=min(across, len(legend)), columnspacing=1.2
            )
        image_files.save(figure, path)
