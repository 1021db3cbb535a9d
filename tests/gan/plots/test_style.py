"""The charts and the page of `dvc plots` have the colours, captions and axes of the other pictures."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from stages.gan.plots import loss_axis, style


def found(spec: Any, key: str) -> Iterator[Any]:
    """The values of a key anywhere in a chart."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name == key:
                yield value
            yield from found(value, key)
    elif isinstance(spec, list):
        for value in spec:
            yield from found(value, key)


def chart(root, name):
    return json.loads((root / ".dvc/plots" / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("name", "colors"),
    [
        ("losses", style.NETWORK_COLORS),
        ("run", style.NETWORK_COLORS),
        ("distances", style.COLORS),
        ("shares", style.COLORS),
    ],
)
def test_charts_have_the_words_and_colours_of_the_pictures(name, colors, root):
    scales = [scale for scale in found(chart(root, name), "scale") if "range" in scale]
    assert scales
    for scale in scales:
        assert dict(zip(scale["domain"], scale["range"], strict=True)) == colors


@pytest.mark.parametrize("name", ["losses", "run"])
def test_charts_have_the_axis_of_losses_of_the_pictures(name, root):
    linear, log = chart(root, name)["vconcat"]
    for part, test in ((linear, "<="), (log, ">")):
        assert part["transform"] == [{"filter": f"datum.largest {test} {loss_axis.MOST:g}"}]
    scale, title = (log["spec"]["encoding"]["y"][key] for key in ("scale", "title"))
    assert scale == {"type": "symlog", "constant": loss_axis.LINEAR}
    assert title.endswith(style.LOG)
    assert "scale" not in linear["spec"]["encoding"]["y"]


def test_the_axes_of_charts_are_named_as_those_of_the_pictures(root):
    labels = set(re.findall(r"y_label: (loss.*)", (root / "dvc.yaml").read_text()))
    assert labels == {style.LOSS}


def test_the_page_has_the_captions_of_the_pictures(root):
    page = (root / ".dvc/plots/page.html").read_text()
    (table,) = re.findall(r"const CAPTIONS = (\{.*?\});", page, re.DOTALL)
    assert json.loads(re.sub(r",\s*\}", "}", table)) == style.CAPTIONS
    assert f'"{style.SAME_LATENTS}"' in page


def test_a_picture_has_a_name_of_its_own():
    names = [style.name_of(file) for file in style.CAPTIONS]
    assert len({*names}) == len(names)
    assert all(names)
