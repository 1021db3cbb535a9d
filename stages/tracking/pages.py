"""MLflow's pages: the tags with their descriptions and views, and their addresses.

A view is what MLflow's UI stores when somebody shares one: a filter, columns and charts, in their order.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from stages.tracking.tags import CHANGED, COMMIT, DVC_EXPERIMENT, NAME, SEED

NOTE = "mlflow.note.content"  # tag: the description, in Markdown
RUN_ID = "__run_id__"  # in a tag, stands for MLflow's name of the run, which is known once it is sent
EXPERIMENT_ID = "__experiment_id__"  # likewise
ORIGIN = "__origin__"  # likewise; for what :func:`origin` says of the run's tags
DIFFERING = "__differing__"  # likewise, in a view: for the columns that :func:`with_columns` makes
TRAININGS = f"tags.{SEED} != ''"  # finds trainings: neither the judge nor the parents of conditions
PREVIEW = "preview"  # key of the pictures along a training
DIFF = "changes.diff"  # artifact: the differences of code and parameters from the commit

_LONGEST = 60  # characters of a run's name
_COLUMNS = 8  # parameters that differ, as columns of a view, at most
_VIEW = "losses"
_SHARED = f"mlflow.sharedViewState.{_VIEW}"
_LINE: dict[str, Any] = {
    **{"type": "LINE", "yAxisKey": "metric", "scaleType": "linear", "range": {}, "yAxisExpressions": []},
    **{"xAxisKey": "step", "xAxisScaleType": "linear", "selectedXAxisMetricKey": ""},
    **{"lineSmoothness": 0, "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True},
}
_DIFFERENCE: dict[str, Any] = {
    **{"type": "DIFFERENCE", "compareGroups": ["Parameters", "Model metrics"], "baselineColumnUuid": ""},
    **{"showChangeFromBaseline": False, "showDifferencesOnly": True},
}


def origin(tags: Mapping[str, str]) -> str:
    """The commit of a run with these tags, in words for its description; empty if it is not known."""
    if COMMIT not in tags:
        return ""
    changed = f", changed since (`{DIFF}`)" if tags.get(CHANGED, "no") != "no" else ""
    return f", of commit `{tags[COMMIT][:7]}`{changed}"


def told_apart(
    name: str, tags: Mapping[str, str], params: Mapping[str, str], others: Mapping[str, str]
) -> str:
    """A run's name with the parameters by which it differs from an earlier run, except the seed.

    The page with the charts shows only the names of runs.

    Args:
        name: the run's name, with its seed if it has one.
        tags: its tags.
        params: its parameters.
        others: the parameters of the earlier run.
    """
    differing = {key: value for key, value in params.items() if others.get(key) != value and key != SEED}
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
    """The address, relative to the server's, of the page with the charts of all runs of an experiment.

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


def shown(tags: Mapping[str, str]) -> str:
    """The filter of the view of an experiment with these tags; empty if it has none."""
    try:
        return str(json.loads(tags[_SHARED])["searchFilter"])
    except (KeyError, ValueError, TypeError):
        return ""


def with_columns(view: str, params: Sequence[str]) -> str:
    """A view with the first of these parameters as columns of its table, beside the seed's."""
    names = [name for name in params if name != SEED][:_COLUMNS]
    return view.replace(f',"{DIFFERING}"', "".join(f",{json.dumps(_param(name))}" for name in names))


def about(text: str) -> dict[str, str]:
    """The tags of an experiment with its description, in Markdown, and its kind: no language model."""
    link = f"[Losses, pictures and scores of all runs]({charts(EXPERIMENT_ID)})"
    return {NOTE: f"{text}\n\n{link}", "mlflow.experimentKind": "custom_model_development"}


def view(
    losses: Sequence[str], epochs: int, scores: Sequence[str] = (), main: Sequence[str] = ()
) -> dict[str, str]:
    """The tag of an experiment with the view of its trainings, which :func:`charts` opens.

    Losses are lines, the previews have a slider, scores are bars. One card lists what differs. The table has
    the parameters that differ and the main scores as columns.

    Args:
        losses: names of the metrics that have a value at each epoch.
        epochs: of a training; the view shows the pictures after the last one.
        scores: names of the metrics that are shown as bars.
        main: names of those that come first, and are columns of the table.
    """
    lines, pictures, bars, differences = "Losses and mean D", "Pictures by epoch", "Scores", "What differs"
    others = [name for name in scores if name not in main]
    image = {"type": "IMAGE", "imageKeys": [PREVIEW], "step": epochs, "showRunParams": False}
    sections = [_section(lines, columns=2, height=320), _section(pictures, columns=1, height=420)]
    sections += [_section(differences, columns=1, height=420)]
    sections += [_section(bars, columns=3, height=240)] if scores else []
    cards = [
        *(_line(lines, name) for name in losses),
        _card(pictures, PREVIEW, image),
        _card(differences, differences, _DIFFERENCE | {"chartName": differences}),
        *(_card(bars, name, {"type": "BAR", "metricKey": name}) for name in (*main, *others)),
    ]
    columns = [_param(SEED), DIFFERING, *map(_metric, main)]
    return _view(TRAININGS, cards, sections, columns)


def judge_view(losses: Sequence[str]) -> dict[str, str]:
    """The same for an experiment that has only a judge so far: all runs, and the judge's losses."""
    lines = "Losses of the judge"
    cards = [_line(lines, name) for name in losses]
    return _view("", cards, [_section(lines, columns=2, height=320)], [])


def _view(
    runs: str, cards: Sequence[dict[str, Any]], sections: Sequence[dict[str, Any]], columns: Sequence[str]
) -> dict[str, str]:
    content = {
        "searchFilter": runs,
        # Sorted by time, MLflow would fetch the parents, too, and hide the trainings below these.
        "orderByKey": f"tags.`{NAME}`",
        "orderByAsc": True,
        "compareRunCharts": cards,
        "compareRunSections": sections,
        "isAccordionReordered": True,
        "selectedColumns": columns,
    }
    return {_SHARED: json.dumps(content, separators=(",", ":"))}


def _param(name: str) -> str:
    return f"params.`{name}`"


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _line(section: str, name: str) -> dict[str, Any]:
    return _card(section, name, {**_LINE, "metricKey": name})


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
