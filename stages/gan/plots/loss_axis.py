"""The axis of losses: one rule for the pictures of runs, the report, and the charts of ``dvc plots``.

The losses of a training that diverges or collapses can be a hundred times those of the others, which a linear
axis would draw as a flat line. So an axis on which any loss is beyond ±10 is linear up to ±1 and logarithmic
beyond; all other axes are linear.
"""

import math
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from stages.gan.plots.style import LOG, LOSS

MOST = 10.0  # that a linear axis shows
LINEAR = 1.0  # the end of the linear part of a logarithmic axis
_TICKS = 4  # powers of ten on either side of 0, at most


def scale(axes: Axes, losses: Iterable[float]) -> None:
    """Give ``axes`` the vertical scale and its label for ``losses``, of which there is at least one."""
    shown = list(losses)
    low, high = min(shown), max(shown)
    if max(-low, high) <= MOST:
        axes.set_ylabel(LOSS)
        return
    axes.set_ylabel(LOSS + LOG)
    axes.set_yscale("symlog", linthresh=LINEAR)
    decades = int(math.log10(max(-low, high)))
    powers = [10.0**power for power in range(0, decades + 1, 1 + decades // _TICKS)]
    ticks = sorted(
        [0.0, *(side * power for power in powers for side in (-1, 1) if low <= side * power <= high)]
    )
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
