import os
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from stages.gan.plots import canvas, lettering


@pytest.fixture(autouse=True)
def _usual_fonts():
    yield
    lettering.use_fonts(())


def drawn(text: str) -> np.ndarray:
    """What is drawn of a text."""
    figure = Figure(figsize=(3, 0.5))
    figure.text(0.05, 0.3, text)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0]


def test_names_for_which_there_is_room_stay_as_they_are():
    names = ["$10_$20", "b_$_$", "T-shirt/top", "x" * 20]
    assert lettering.fit(names, 3) == names


def test_of_long_names_there_are_both_ends_as_far_as_there_is_room():
    names = [f"class {'x' * 120} {number}" for number in ("one", "two")] + ["W" * 120, "short"]
    for inches in (0.6, 1, 2.5):
        shown = lettering.fit(names, inches)
        assert shown[3] == "short"
        assert len(set(shown)) == 4
        for name, short in zip(names[:3], shown, strict=False):
            first, last = short.split("…")
            assert name.startswith(first)
            assert name.endswith(last)
            ink = np.flatnonzero(drawn(short).min(0) < 128)
            assert 0.6 * inches < (ink[-1] - ink[0]) / mpl.rcParams["figure.dpi"] <= 1.03 * inches
    assert len(lettering.fit([names[0]], 1, size=5)[0]) > len(lettering.fit([names[0]], 1)[0])


def test_names_that_differ_in_the_middle_alone_get_their_numbers():
    names = [f"{'a' * 60}{number}{'z' * 60}" for number in range(3)]
    shown = lettering.fit(names, 1.5)
    assert [short.rpartition(" ")[2] for short in shown] == ["(1)", "(2)", "(3)"]
    assert all("…" in short for short in shown)


def test_numbers_of_logarithmic_axes_are_formulas_and_all_else_is_literal():
    figure = canvas.blank((4, 3))
    axes = figure.add_subplot(title="$x$")
    axes.plot([1, 2, 3], [1, 100, 10_000])
    axes.set_yscale("log")
    lettering.powers(axes.yaxis)
    FigureCanvasAgg(figure).draw()
    formulas = {text.get_text() for text in figure.findobj(Text) if text.get_parse_math()}
    assert r"$\mathdefault{10^{2}}$" in formulas
    assert "$x$" not in formulas
    assert not any("mathdefault" in text.get_text() for text in axes.get_xticklabels())


SCRIPT = """
import sys
import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from stages.gan.plots import lettering

for name in ("plain", *sys.argv[1:], *sys.argv[1:]):
    lettering.use_fonts([name])
    figure = Figure()
    figure.suptitle(name)
    FigureCanvasAgg(figure).draw()
    lettering.fit([name * 50], 1)
    print(len(mpl.rcParams["font.family"]))
"""


def say(root, tmp_path, *names: str, **environment: str) -> tuple[list[str], list[str]]:
    """In another process, how many fonts are for each of names, in turn, and what is on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        **{"cwd": root, "env": {**os.environ, **environment, "MPLCONFIGDIR": str(tmp_path)}},
        **{"capture_output": True, "text": True, "check": True},
    )
    return done.stdout.split(), done.stderr.splitlines()


def test_letters_that_no_font_has_are_said_once(root, tmp_path):
    fonts, said = say(root, tmp_path, "猫と犬", "हिन्दी", MPL_IGNORE_SYSTEM_FONTS="1")
    assert fonts == ["1"] * 5
    first, second = [line for line in said if not line.startswith("Matplotlib is building")]
    assert first.startswith(
        "warning: no font on this machine has と 犬 猫: pictures have boxes there; install"
    )
    assert second.startswith("warning: no font on this machine has द न ह")


def test_letters_that_the_usual_font_lacks_are_of_another(root, tmp_path):
    lettering.use_fonts(["猫"])
    if len(mpl.rcParams["font.family"]) == 1:
        pytest.skip("no font with Chinese letters is installed: only that this is said could be tested")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.array_equal(drawn("猫"), drawn("犬"))
    usual = drawn("plain")
    lettering.use_fonts(())
    assert np.array_equal(drawn("plain"), usual)
    fonts, said = say(root, tmp_path, "猫と犬")
    assert fonts == ["1", "2", "2"]
    assert [line for line in said if not line.startswith("Matplotlib is building")] == []
