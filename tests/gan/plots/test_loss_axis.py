import numpy as np
import pytest
from matplotlib.figure import Figure

from stages.gan.plots import loss_axis


def axes(losses):
    drawn = Figure().add_subplot()
    drawn.plot(losses)
    loss_axis.scale(drawn, losses)
    return drawn


@pytest.mark.parametrize("losses", [[0.7, 1.4], [0, 10], [-10, 0.5], [-3, -2]])
def test_small_losses_have_a_linear_axis(losses):
    drawn = axes(losses)
    assert drawn.get_yscale() == "linear"
    assert drawn.get_ylabel() == "loss (nats)"


@pytest.mark.parametrize(
    ("losses", "ticks"),
    [
        ([0.001, 1.4, 2000.0], [0, 1, 10, 100, 1000]),
        ([-150.0, 0.5], [-100, -10, -1, 0]),
        ([-2.0, 11.0], [-1, 0, 1, 10]),
        ([0.5, 2e4], [0, 1, 100, 10_000]),
        ([-2e7, 0.5, 3e8], [-1e6, -1000, -1, 0, 1, 1000, 1e6]),
    ],
)
def test_large_losses_do_not_flatten_the_others(losses, ticks):
    drawn = axes(losses)
    assert drawn.get_yscale() == "symlog"
    assert drawn.get_ylabel() == "loss (nats), log beyond ±1"
    assert list(drawn.get_yticks()) == ticks
    heights = drawn.transData.transform([(0, loss) for loss in sorted(losses)])[:, 1]
    assert np.diff(heights).min() > 0.1 * np.ptp(heights)
