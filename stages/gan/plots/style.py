"""The colours, the captions and the style of all pictures.

The charts and the page of ``dvc plots`` (.dvc/plots) have the same; a test compares them.
"""

from typing import Any

REAL, GENERATED, NOISE, COLLAPSED = "#3b6fb6", "#e07b39", "#777777", "#b8324f"
WRONG = COLLAPSED  # a judge's wrong answer

# What the colours stand for, in the words of legends.
COLORS = {"generated": GENERATED, "collapsed": COLLAPSED, "real data": REAL, "noise": NOISE}
NETWORK_COLORS = {"discriminator": REAL, "generator": GENERATED}

LOSS, LOG = (
    "loss (nats)",
    ", log beyond ±1",
)  # the label of an axis, and what is added where it is logarithmic
SAME_LATENTS = "Samples of all runs from the same latent points"

# The pictures of a run, and of an experiment's data and judge, by the names of their files. What stands
# before the colon is the picture's name.
CAPTIONS = {
    "samples.png": "samples: real beside generated",
    "evolution.gif": "animation: samples from the same latent points, at most 40 epochs of the training",
    "evolution.png": "evolution: samples from the same latent points after some epochs",
    "losses.png": "losses: those of both networks, and the discriminator's answers",
    "coverage.png": "coverage: generated samples over real ones",
    "data.png": "data: real training samples",
    "judge.png": "judge: its answers on test data",
}

STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.dpi": 110,
    "font.size": 9,
    "text.parse_math": False,  # names are drawn as they are, whatever characters they have
}


def name_of(file: str) -> str:
    """The name of a picture, by the name of its file; see :data:`CAPTIONS`."""
    return CAPTIONS[file].split(":")[0]
