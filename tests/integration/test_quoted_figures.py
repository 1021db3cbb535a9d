"""The figures that pages quote are those of the results: of benchmarks/results, and of reports."""

import csv
import json
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import median

import yaml

from benchmarks import quality, study
from benchmarks.quality import CLASSIC, FAST

ROOT = Path(__file__).parents[2]
NUMBER = r"(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"


def text(page: str) -> str:
    """A page in one line."""
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())


README = text("README.md")


def quoted(sentence: str, page: str = README) -> list[str]:
    """The numbers where a page has this sentence, which has # in their places."""
    pattern = re.escape(sentence).replace(r"\#", NUMBER)
    found = re.findall(pattern, page)
    assert len(found) == 1, f"{sentence}: {len(found)} times"
    numbers = [found[0]] if isinstance(found[0], str) else found[0]
    return [one.replace(",", "") for one in numbers]


def rounded(value: float, as_in: str) -> str:
    """A value with as many decimals as a quoted number."""
    digits = Decimal(1).scaleb(-len(as_in.partition(".")[2]))
    return str(Decimal(repr(value)).quantize(digits, ROUND_HALF_UP))


def check(sentence: str, *values: float, page: str = README) -> None:
    """Check that a page quotes these values, rounded, in a sentence with # in their places."""
    numbers = quoted(sentence, page)
    assert numbers == [rounded(value, one) for value, one in zip(values, numbers, strict=True)]


@dataclass(frozen=True)
class Speed:
    """A row of the table of speeds: milliseconds of a step, how many times as fast ours is, and the floor."""

    reference: float
    ours: float
    times: float
    floor: float


INTEL, AMD = "Intel(R) Xeon(R)", "AMD EPYC"


def results(file: str) -> str:
    """A file of results."""
    return (ROOT / "benchmarks/results" / file).read_text(encoding="utf-8")


def section(table: str, cpu: str) -> str:
    """The section on a kind of CPU in a file of results."""
    (found,) = (one for one in results(f"{table}.md").split("\n### ") if one.startswith(cpu))
    return found


def rows(table: str, cpu: str) -> list[list[str]]:
    """The cells of each row in a table that has a section for each kind of CPU."""
    return cells(section(table, cpu))


def cells(markdown: str) -> list[list[str]]:
    """The cells of each row of a table."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(cell: str) -> float:
    """The number in a cell."""
    return float(cell.replace(",", ""))


def speeds(cpu: str) -> dict[tuple[str, str], Speed]:
    """What was measured on a kind of CPU, by the experiment's name and what was timed."""
    return {
        (row[0], row[1]): Speed(*(float(re.findall(NUMBER, cell)[0]) for cell in row[3:]))
        for row in rows("speed", cpu)
    }


def test_speeds_are_those_that_were_measured():
    found, on_amd = speeds(INTEL), speeds(AMD)
    mnist, steps = found["mnist", "five epochs"], 60_000 // 32
    check("Our loop takes # times as many steps per second as the article's", mnist.times)
    check(
        "# times as many for `digits_classic` and # for `sine`",
        *(found[name, "whole training"].times for name in ("digits_classic", "sine")),
    )
    check("There a step of `mnist` takes # ms, of which", mnist.ours)
    amd = on_amd["mnist", "five epochs"]
    check("memory traffic alone need at least #; on the EPYC # and #.", mnist.floor, amd.ours, amd.floor)
    benchmarks = text("benchmarks/README.md")
    check(
        "On the Intel Xeon of [the table](results/speed.md) they are #, #, # and # times; on the AMD EPYC "
        "#, #, # and #.",
        *(row.times for table in (found, on_amd) for row in table.values()),
        page=benchmarks,
    )
    seconds = json.loads(results("quality.json"))["seconds"]
    check(
        "On an AMD EPYC it is #, # and # times; on another EPYC # times, for an epoch of `mnist`",
        *(amd.times, *(on_amd[name, "whole training"].times for name in ("digits_classic", "sine"))),
        seconds["reference"] / seconds[CLASSIC.name],
    )
    index = text("docs/README.md")
    minutes = (50 * steps * milliseconds / 60_000 for milliseconds in (mnist.ours, mnist.reference))
    check(
        "| # minutes on 2 cores, with `portable: false` | 100 minutes by its own account, # on the same",
        *minutes,
        page=index,
    )


def test_steps_by_threads_are_those_that_were_measured():
    page, figures = text("benchmarks/README.md"), []
    for cpu in (INTEL, AMD):
        found = {name: [number(cell) for cell in row] for name, *row in rows("threads", cpu)}
        figures += [found[name][column] for name in ("mnist", "sine") for column in (2, 1)]
        one, two, _ = found["mnist"]
        check("Alone, `mnist` is # times as fast with two threads", two / one, page=page)
        slowest = min(two / one for name, (one, two, _) in found.items() if name.startswith("mnist"))
        assert slowest > 1.2, "docs/parameters.md: by a quarter or more"
    check(
        "`mnist` does # per second instead of #, `sine` # instead of # on an Intel Xeon; # instead of # and "
        "# instead of # on an AMD EPYC",
        *figures,
        page=page,
    )


def test_the_overhead_is_that_which_was_measured():
    def share(cpu: str) -> float:
        return float(re.findall(r"(\d+)%, are left", section("overhead", cpu))[0])

    def slowest(cpu: str) -> float:
        return max(number(seconds) for _, seconds in rows("overhead", cpu))

    page = text("benchmarks/README.md")
    shares = (share(INTEL), share(AMD))
    check("is # percent on the Intel Xeon and # on the AMD EPYC", *shares, page=page)
    assert slowest(AMD) <= 3, "benchmarks/README.md: there the second is reached"
    check("on the Xeon stages take up to # s", slowest(INTEL), page=page)


def test_what_a_thousand_runs_cost_is_calculated_from_what_was_measured():
    scale = text("docs/scale.md")
    idle, real = results("sweep.md").split("\n\nThe real pipeline")
    by_one, *_ = cells(idle)
    _, tasks, task, each, _, after = map(number, by_one)
    check("overhead of a task: clone, Python, DVC, run cache | # s of a worker", task, page=scale)
    check("Ray: its start and its share of the tasks | # s per task", each - task, page=scale)
    check("collects the results | # s after # tasks", after, tasks, page=scale)
    (_, plain, *_), (_, alone, *_), (_, two, *_), *_ = cells(real)
    times = number(alone) / number(two)
    check("two workers on two cores are # times as fast as one, and no faster than", times, page=scale)
    assert number(plain) <= number(two)
    written, sizes = (cells(part) for part in results("writers.md").split("\n\n") if part.startswith("|"))
    check("8 writers sent # points per second through", number(written[-1][3]), page=scale)
    megabytes = {store: [number(kilobytes) / 1e3 for kilobytes in row] for store, *row in sizes}
    database, artifacts = zip(*megabytes.values(), strict=True)
    check("PostgreSQL # MB per run (SQLite #)", *reversed(database), page=scale)
    check("MLflow: artifacts | # MB per run and its checkpoints", max(artifacts), page=scale)


def test_quality_over_time_is_that_of_the_record():
    seconds = json.loads(results("quality.json"))["seconds"]
    fast, classic = quality.by_seed(FAST.name), quality.by_seed(CLASSIC.name)
    ends = [scores[-1].fid_judge for scores in fast.values()]
    check(
        "After all 7 epochs of `mnist_fast`, # s on 2 cores of an AMD EPYC, five seeds have a Fréchet "
        "distance of # to #",
        *(7 * seconds[FAST.name], min(ends), max(ends)),
    )
    first = [score.fid_judge for scores in fast.values() for score in scores if score.epoch == 1]
    check("After one epoch, # s, it is # to #", seconds[FAST.name], min(first), max(first))
    check(
        "The classic recipe has 50 epochs, and takes # s for each; the article's loop takes #",
        *(seconds[CLASSIC.name], seconds["reference"]),
    )
    good = [scores[-1].fid_judge for scores in classic.values() if not scores[-1].collapsed]
    check("The seeds that did not collapse have # to # at the end", min(good), max(good))


def test_the_study_says_what_its_record_says():
    page = text("docs/study.md")
    compared = [one for one in study.load(study.RECORD) if one.part == "runs"]
    scores: dict[tuple[str, str], list[float]] = {}
    for one in compared:
        scores.setdefault((one.data, one.loss), []).append(one.fid_judge)
    middle = {key: median(values) for key, values in scores.items()}

    def collapsed(loss: str) -> int:
        return sum(one.collapsed for one in compared if (one.data, one.loss) == ("mnist", loss))

    for sentence, key in (
        ("Its median is # instead of # with `digits`", "digits"),
        ("and # instead of # with MNIST", "mnist"),
    ):
        check(sentence, middle[key, "bce_r1"], middle[key, "bce"], page=page)
    check("its medians are # and #.", middle["digits", "hinge"], middle["mnist", "hinge"], page=page)
    check("in all pairs with `digits` (median #)", middle["digits", "relativistic"], page=page)
    check("where # of its 5 runs collapsed", collapsed("relativistic"), page=page)
    check("With MNIST # of 5 runs of least squares collapsed", collapsed("least_squares"), page=page)
    for data, loss, better in (
        ("digits", "bce_r1", True),
        ("mnist", "bce_r1", True),
        ("digits", "hinge", True),
        ("mnist", "hinge", True),
        ("digits", "relativistic", True),
        ("mnist", "relativistic", False),
        ("mnist", "wasserstein", False),
    ):
        low, high = (scores[data, loss], scores[data, "bce"])[:: 1 if better else -1]
        assert max(low) < min(high), (data, loss)
    epochs = next(one.epochs for one in compared if (one.data, one.loss) == ("mnist", "wasserstein"))
    block = study.experiments(yaml.safe_load((ROOT / "params.yaml").read_text()), {})["mnist_wasserstein"]
    step = block["train"]["batch_size"] * block["train"]["d_steps"]
    check("its generator has only # updates", block["data"]["limit"] // step * epochs, page=page)
    safe = {one.loss for one in compared} - {one.loss for one in compared if one.collapsed}
    assert safe == {"bce", "bce_r1", "hinge"}


def test_the_ranks_of_epochs_are_those_of_the_record():
    assert quality.ranks("digits") in (ROOT / "docs/scores.md").read_text(encoding="utf-8")


def test_as_many_seeds_have_collapsed_as_pages_say():
    def collapsed(experiment: str) -> dict[int, bool]:
        found = (ROOT / "reports/runs" / experiment).glob("seed-*/metrics.json")
        return {int(f.parent.name[5:]): bool(json.loads(f.read_text())["collapsed"]) for f in found}

    classic, fast = collapsed("mnist"), collapsed("mnist_fast")
    seeds = sorted(seed for seed, is_collapsed in classic.items() if is_collapsed)
    check("With # of the # seeds here, # and #, the generator", len(seeds), len(classic), *seeds)
    check("The fast recipe collapsed with none of its # seeds", len(fast))
    assert not any(fast.values())
    ideas = text("docs/ideas.md")
    check("for MNIST with # of # seeds", len(seeds), len(classic), page=ideas)
    with (ROOT / f"reports/runs/mnist/seed-{seeds[0]}/losses.csv").open(newline="") as file:
        epochs = {row["epoch"]: row for row in csv.DictReader(file)}
    (epoch, *_) = quoted("In epoch # it gave # % to real images and # % to generated ones", ideas)
    shown = [100 * float(epochs[epoch][name]) for name in ("d_real", "d_fake")]
    check("In epoch # it gave # % to real images and # % to generated ones", int(epoch), *shown, page=ideas)


def test_as_many_runs_are_reported_as_pages_say():
    index = text("docs/README.md")
    check("of # runs on small data", len([*(ROOT / "reports/runs").glob("*/*/metrics.json")]), page=index)


def test_a_run_takes_as_much_space_as_pages_say():
    scale = text("docs/scale.md")
    lock = (ROOT / "dvc.lock").read_text(encoding="utf-8")
    stages = yaml.safe_load(lock)["stages"]
    runs = [path.parent for path in (ROOT / "reports/runs").glob("*/*/metrics.json")]

    def in_data(experiment: str) -> float:
        ours = [entry for name, entry in stages.items() if name.endswith(f"@{experiment}-111")]
        outs = [out for entry in ours for out in entry["outs"] if out["path"].startswith("data/")]
        return sum(out["size"] for out in outs) / 1e6

    experiments = ("sine", "digits", "mnist_fast", "mnist", "photographs")
    check(
        "per run: `sine` # MB, `digits` #, `mnist_fast` #, `mnist` #, `photographs` #",
        *map(in_data, experiments),
        page=scale,
    )
    reports = [sum(file.stat().st_size for file in run.iterdir()) / 1e6 for run in runs]
    check("reports, in git | # to # MB per run", min(reports), max(reports), page=scale)
    entries = re.findall(
        r"^  (?:train|sample|evaluate|plot)@(\S+):\n((?:    .*\n|  - .*\n)+)", lock, re.MULTILINE
    )
    sizes: dict[str, float] = {}
    for run, entry in entries:
        sizes[run] = sizes.get(run, 0) + len(entry) / 1e3
    check("its size | # to # kB per run", min(sizes.values()), max(sizes.values()), page=scale)
