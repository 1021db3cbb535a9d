"""MLflow's pages: the tags that make them say what a run is, and their addresses.

A view is what MLflow's UI stores when somebody shares one: which charts a page has, in which order.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from stages.tracking.tags import CHANGED, COMMIT, DVC_EXPERIMENT, NAME

NOTE = "mlflow.note.content"  # tag: the description, in Markdown
RUN_ID = "__run_id__"  # stands in a tag for MLflow's name of the run, which is known when it is sent
EXPERIMENT_ID = "__experiment_id__"  # likewise
ORIGIN = "__origin__"  # likewise; for what :func:`origin` says of the run's tags
PREVIEW = "preview"  # key of the pictures along a training
DIFF = "changes.diff"  # artifact: how code and parameters differ from the commit's

_LONGEST = 60  # signs of a run's name
_VIEW = "losses"
_SHARED = f"mlflow.sharedViewState.{_VIEW}"


def origin(tags: Mapping[str, str]) -> str:
    """From which commit a run with these tags is, for its description; nothing where that is not known."""
    if COMMIT not in tags:
        return ""
    changed = f", changed since (`{DIFF}`)" if tags.get(CHANGED, "no") != "no" else ""
    return f", of commit `{tags[COMMIT][:7]}`{changed}"


def told_apart(
    name: str, tags: Mapping[str, str], params: Mapping[str, str], others: Mapping[str, str]
) -> str:
    """A run's name with the parameters by which it differs from one that has the name already.

    The page with the charts shows nothing else of a run.

    Args:
        name: of both.
        tags: of the run that is named.
        params: its parameters.
        others: those of the other run.
    """
    differing = {key: value for key, value in params.items() if others.get(key) != value}
    ends = [key.rpartition(".")[2] for key in differing]
    short = [end if ends.count(end) == 1 else key for key, end in zip(differing, ends, strict=True)]
    named = ", ".join([name, *map(" ".join, zip(short, differing.values(), strict=True))])
    if len(named) <= _LONGEST:
        return named
    return f"{name}, {tags[DVC_EXPERIMENT]}" if DVC_EXPERIMENT in tags else f"{named[: _LONGEST - 1]}…"


def picture(path: str, run_id: str = RUN_ID) -> str:
    """A run's artifact, as Markdown that shows it in the run's description."""
    return f"![](get-artifact?{urlencode({'path': path, 'run_uuid': run_id})})"


def charts(experiment_id: str, view: bool = True) -> str:
    """The address, from the server's on, of the page with the charts of all runs of an experiment.

    Args:
        experiment_id: MLflow's name for it.
        view: whether it has a view; see :func:`has_view`.
    """
    query = {"workflowType": "machine_learning", "compareRunsMode": "CHART"}
    query |= {"viewStateShareKey": _VIEW} if view else {}
    return f"#/experiments/{experiment_id}/runs?{urlencode(query)}"


def has_view(tags: Mapping[str, str]) -> bool:
    """Whether an experiment with these tags has what :func:`view` makes."""
    return _SHARED in tags


def about(text: str) -> dict[str, str]:
    """The tags of an experiment that say what it is, in Markdown, and that it is none of language models."""
    link = f"[Losses, pictures and scores of all runs]({charts(EXPERIMENT_ID)})"
    return {NOTE: f"{text}\n\n{link}", "mlflow.experimentKind": "custom_model_development"}


def view(losses: Sequence[str], epochs: int, scores: Sequence[str] = ()) -> dict[str, str]:
    """The tag of an experiment with the view that :func:`charts` opens.

    Losses are lines, the previews have a slider, scores are bars, and columns of the table.

    Args:
        losses: names of the metrics that have a value at each epoch.
        epochs: those of a training; the view shows the pictures after so many.
        scores: names of the metrics that have one.
    """
    lines, pictures, bars = "Losses and mean D", "Pictures by epoch", "Scores"
    line = {
        **{"type": "LINE", "yAxisKey": "metric", "scaleType": "linear", "range": {}, "yAxisExpressions": []},
        **{"xAxisKey": "step", "xAxisScaleType": "linear", "selectedXAxisMetricKey": ""},
        **{"lineSmoothness": 0, "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True},
    }
    image = {"type": "IMAGE", "imageKeys": [PREVIEW], "step": epochs, "showRunParams": False}
    sections = [_section(lines, columns=2, height=320), _section(pictures, columns=1, height=420)]
    sections += [_section(bars, columns=4, height=240)] if scores else []
    content = {
        "searchFilter": "tags.seed != ''",  # trainings alone
        # Sorted by time, MLflow would fetch their parents, too, and hide them below these.
        "orderByKey": f"tags.`{NAME}`",
        "orderByAsc": True,
        "compareRunCharts": [
            *(_card(lines, name, {**line, "metricKey": name}) for name in losses),
            _card(pictures, PREVIEW, image),
            *(_card(bars, name, {"type": "BAR", "metricKey": name}) for name in scores),
        ],
        "compareRunSections": sections,
        "isAccordionReordered": True,
        "selectedColumns": ["params.`seed`", *(f"metrics.`{name}`" for name in scores)],
    }
    return {_SHARED: json.dumps(content, separators=(",", ":"))}


def _card(section: str, name: str, chart: dict[str, Any]) -> dict[str, Any]:
    common: dict[str, Any] = {
        "uuid": name,
        "metricSectionId": section,
        "displayName": name,
        "runsCountToCompare": 10,
    }
    return {**common, "deleted": False, "isGenerated": False, **chart}


def _section(name: str, columns: int, height: int) -> dict[str, Any]:
    size: dict[str, Any] = {"uuid": name, "name": name, "columns": columns, "cardHeight": height}
    return {**size, "display": True, "isReordered": True, "deleted": False, "isGenerated": False}
