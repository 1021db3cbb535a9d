import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stages.gan.report import comparison, comparison_figures, conditions, runs
from stages.runtime.errors import UserError

CLASSES = [f"class_share_{label}" for label in range(1, 10)]
REST = {
    "diversity": 0.5,
    "x1_coverage": 0.5,
    "fid_judge_real": 0.5,
    "fid_judge_noise": 2000.0,
    "kid_judge_real": -1e-4,
}


@pytest.fixture
def comparable_sets(write_run, tmp_path):
    """Two comparable conditions, one with a collapsed run, and a condition of one seed without a grid."""
    random = np.random.default_rng(0)
    for name, count in (("fast", 3), ("slow", 6)):
        for seed in range(count):
            scores = {"fid_judge": 9.0 + seed, "kid_judge": 0.1 * seed, "recall": 0.5, "collapsed": seed == 1}
            folder = write_run(name, seed, scores | REST, lr=name)
            picture = random.integers(0, 255, (44, 44), dtype=np.uint8)
            Image.fromarray(picture).save(folder / "grid.png")
    untold = {"recall": "distances tie"}  # nor is there a verdict
    write_run("sine", 1, {"curve_distance": 0.1}, left_out=untold, **{"data.source": "sine"})
    return conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))


def test_every_figure_is_drawn_with_the_same_bytes_each_time(comparable_sets, tmp_path):
    before = dict(mpl.rcParams)
    comparison.draw(comparable_sets, tmp_path / "a")
    assert dict(mpl.rcParams) == before  # what others draw stays as it is
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black"}):  # a user's own settings
        comparison.draw(comparable_sets, tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "losses-fast-slow-787cec.png", "losses-sine.png", "samples-fast.png", "samples-slow.png",
        "scores-fast-slow-787cec.png", "scores-sine.png",
    ]  # fmt: skip
    for name in names:
        first, second = (tmp_path / folder / name for folder in "ab")
        assert first.read_bytes() == second.read_bytes()
        picture = np.asarray(Image.open(first).convert("L"))
        assert picture.std() > 5  # there is something on it
        assert picture.shape[1] < 1200  # it fits a page


def test_the_report_names_the_figures_that_are_drawn(comparable_sets, tmp_path):
    folder = tmp_path / "reports"
    comparison.draw(comparable_sets, folder / "figures")
    text = comparison.markdown(comparable_sets, folder, folder / "figures")
    named = {part.split(")")[0] for part in text.split("](figures/")[1:]}
    assert named == {path.name for path in (folder / "figures").iterdir()}


def test_names_of_conditions_are_drawn_as_they_are_and_break_no_figure(write_run, tmp_path):
    for seed, path in enumerate(("a/$10_$20.csv", "a/$x$.csv", f"a/{'long/' * 30}b.csv", "a/猫.csv")):
        folder = write_run("x" * 64, seed, {"energy_distance": 10.0**seed, "recall": 0.5}, start=path)
        Image.fromarray(np.full((44, 44), 99, np.uint8)).save(folder / "grid.png")
    found = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
    assert len(found[0].conditions) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Glyph .* missing")
        for path in comparison.draw(found, tmp_path / "figures"):
            picture = np.asarray(Image.open(path).convert("L"))
            assert picture.shape[1] < 1200
            assert (picture[:, [0, -1]] == 255).all()  # nothing is cut at the sides


def test_no_two_names_have_the_same_figure(write_run, tmp_path):
    for seed, names in enumerate((("a", "b"), ("a-b",), tuple(f"{n}-{'x' * 90}" for n in range(3)))):
        for name in names:
            write_run(name, 1, {"recall": 0.5}, **{"data.seed": seed})
    comparison.draw(
        conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs")), tmp_path / "figures"
    )
    assert len(list((tmp_path / "figures").glob("scores-*.png"))) == 3


def test_a_damaged_grid_is_named(comparable_sets, tmp_path):
    (tmp_path / "reports" / "runs" / "fast" / "seed-0" / "grid.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"grid\.png: not a readable picture"):
        comparison.draw(comparable_sets, tmp_path / "a")


@pytest.mark.parametrize("scores", [[0.0, 0.0], [-1.0, -0.001], [0.0, 1000.0], [1e-9, 1.0]])
def test_any_scores_can_be_drawn(write_run, tmp_path, scores):
    for seed, score in enumerate(scores):
        write_run("sine", seed, {"kernel_distance": score})
    (comparable,) = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
    comparison_figures.scores(comparable, tmp_path / "x.png")
    assert (tmp_path / "x.png").exists()


@pytest.fixture
def panel(write_run, tmp_path):
    """The axes of a score's panel, of runs with these scores."""

    def panel(name: str, scores: list[float], **more: float) -> Axes:
        for seed, score in enumerate(scores):
            write_run(
                "mnist", seed, {name: score, "class_share_0": 1.0, **dict.fromkeys(CLASSES, 0.0), **more}
            )
        (comparable,) = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
        axes = Figure().subplots()
        comparison_figures._score(axes, comparable, name)
        return axes

    return panel


@pytest.mark.parametrize(
    ("name", "scores", "possible"),
    [
        ("recall", [0.0, 0.0, 0.35, 0.24, 0.25], (0, 1)),  # whose mean less its interval was below 0
        ("precision", [1.0, 1.0, 0.98], (0, 1)),
        ("classes_covered", [10, 10, 1, 1, 10], (0, 10)),
        ("class_entropy", [0.99, 0.0, 0.98], (0, 1)),
        ("fid_judge", [0.0, 1.0, 2.0], (0, np.inf)),
    ],
)
def test_no_panel_shows_what_is_impossible(panel, name, scores, possible):
    axes = panel(
        name, scores, **{f"{name}_real": scores[0], f"{name}_noise": scores[1], f"{name}_real_spread": 0.7}
    )
    (least, most), (low, high) = possible, axes.get_ylim()
    assert all(least <= tick <= most for tick in axes.get_yticks())
    drawn = [value for line in axes.lines for value in line.get_ydata()]
    (band,) = axes.patches
    drawn += [band.get_y(), band.get_y() + band.get_height()]
    assert least <= min(drawn)
    assert max(drawn) <= most
    room = 0.1 * (max(drawn) - min(drawn))  # for whole markers
    assert low > least - room
    assert high < most + room


def test_a_panel_has_each_seed_the_median_and_the_range(panel):
    axes = panel("recall", [0.1, 0.2, 0.6], recall_real=0.75, recall_noise=0.0)
    lines = [[float(value) for value in line.get_ydata()] for line in axes.lines]
    assert lines == [[0.1], [0.2], [0.6], [0.1, 0.6], [0.2, 0.2], [0.75, 0.75], [0.0, 0.0]]
