"""What of the pipeline is not yet computed; what is, taken from DVC's run cache."""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from dvc.dvcfile import Lockfile
from dvc.exceptions import CollectCacheError, DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.stage import PipelineStage

from stages.runtime import files
from stages.runtime.errors import UserError, one_line
from stages.runtime.paths import LOCK
from stages.sweep import entries
from stages.sweep.entries import Entry

FIRST = "check"  # each clone does it anew: it takes no time, and leaves links to what is on the machine
LAST = "report"  # it reads what all others have left, so it is not for a worker


@dataclass(frozen=True)
class Plan:
    """The stages for the lists in params.yaml, in the order in which ``dvc repro`` takes them.

    Without the first and the last.

    Attributes:
        needs: by name of a stage, all that it depends on, directly or not.
        entries: of the run cache, of those that are computed.
        pending: those that are not, as the plan was made.
    """

    needs: dict[str, list[str]]
    entries: dict[str, Entry]
    pending: list[str]

    @property
    def needed(self) -> list[Entry]:
        """Entries of what is computed and pending stages depend on."""
        names = {name for stage in self.pending for name in self.needs[stage]}
        return [entry for name, entry in self.entries.items() if name in names]


@contextmanager
def opened() -> Iterator[Repo]:
    """The DVC repository here.

    Raises:
        UserError: what DVC says of a mistake, or of another process that is at work here.
    """
    logging.getLogger("dvc").setLevel(logging.WARNING)  # what is taken from the cache is no news
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise UserError(one_line(error)) from error


def begin(repo: Repo, remote: bool) -> None:
    """Run the first stage, which finds mistakes; and take over the remote's run cache."""
    repo.reproduce([FIRST])
    if remote:
        repo.stage_cache.pull(None)


def take(repo: Repo, remote: bool, known: Mapping[str, Entry]) -> Plan:
    """Have here, and in dvc.lock, all that the run cache has.

    As ``dvc repro`` does, only that it writes dvc.lock once, and not after each stage: of a thousand runs
    that alone would take days.

    Args:
        repo: where.
        remote: whether what the cache lacks is taken from the remote.
        known: entries that were computed elsewhere.
    """
    with repo.lock:
        entries.put(repo, known.values())
        if remote:
            entries.pull(repo, known.values())
        stages = _stages(repo)
        needs = _needs(repo, stages)
        done: dict[str, Entry] = {}
        restored = []
        for stage in stages:
            if all(name in done for name in needs[stage.addressing]):
                if stage.changed():
                    if not _is_cached(repo, stage, remote):
                        continue
                    stage.reproduce()
                    restored.append(stage)
                done[stage.addressing] = entries.save(repo, stage)
        if restored:
            with files.replacing(LOCK) as aside:  # DVC writes in place, and takes its time for many
                if LOCK.exists():
                    shutil.copyfile(LOCK, aside)
                Lockfile(repo, str(aside)).dump_stages(restored)
        return Plan(needs, done, [name for name in needs if name not in done])


def _is_cached(repo: Repo, stage: PipelineStage, remote: bool) -> bool:
    """Whether the run cache has what comes of a changed stage, as things are now.

    The stage stays as dvc.lock has it: one that knew what its dependencies are now would be taken by DVC for
    one that is as dvc.lock has it, with the outputs that are there.
    """
    known = [(dependency, dependency.hash_info, dependency.meta) for dependency in stage.deps]
    try:
        stage.save_deps()
        if (found := repo.stage_cache._load(stage)) is None:
            return False
        cached = repo.stage_cache._create_stage(found, wdir=stage.wdir)
        if remote:
            for objects in cached.get_used_objs().values():
                repo.cloud.pull(objects)
        return bool(cached.outs_cached())
    except CollectCacheError:  # the remote lacks them
        return False
    finally:
        for dependency, hash_info, meta in known:
            dependency.hash_info, dependency.meta = hash_info, meta


def _stages(repo: Repo) -> list[PipelineStage]:
    graph = get_active_graph(repo.index.graph)
    stages = plan_repro(graph, repo.stage.collect("dvc.yaml"))
    return [stage for stage in stages if stage.name not in (FIRST, LAST)]


def _needs(repo: Repo, stages: list[PipelineStage]) -> dict[str, list[str]]:
    needs: dict[str, list[str]] = {}
    for stage in stages:  # each after those that it depends on
        before = [other.addressing for other in repo.index.graph.successors(stage)]
        direct = [name for name in before if name != FIRST]
        needs[stage.addressing] = list(dict.fromkeys(n for name in direct for n in (*needs[name], name)))
    return needs
