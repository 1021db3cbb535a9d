"""Which stages of the pipeline are not computed yet; the others are restored from DVC's run cache."""

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

FIRST = "check"  # runs in each clone: it takes no time, and makes links to files on the machine
LAST = "report"  # does not run on a worker, as it reads the results of all others


@dataclass(frozen=True)
class Plan:
    """The stages for the lists in params.yaml, in the order of ``dvc repro``, without the first and the last.

    Attributes:
        needs: by a stage's name, the names of all stages that it depends on, directly or not.
        entries: by a stage's name, the run cache's entry, if it is computed.
        pending: the names of the stages that were not computed when the plan was made.
    """

    needs: dict[str, list[str]]
    entries: dict[str, Entry]
    pending: list[str]

    @property
    def needed(self) -> list[Entry]:
        """The entries of computed stages that pending ones depend on."""
        names = {name for stage in self.pending for name in self.needs[stage]}
        return [entry for name, entry in self.entries.items() if name in names]


@contextmanager
def opened() -> Iterator[Repo]:
    """The DVC repository of this folder.

    Raises:
        UserError: an error of DVC's within the block, such as a lock that another process holds.
    """
    logging.getLogger("dvc").setLevel(logging.WARNING)  # without a line for each file from the cache
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise UserError(one_line(error)) from error


def begin(repo: Repo, remote: bool) -> None:
    """Run the first stage, which finds mistakes, and download the remote's run cache if there is a remote."""
    repo.reproduce([FIRST])
    if remote:
        repo.stage_cache.pull(None)


def take(repo: Repo, remote: bool, known: Mapping[str, Entry]) -> Plan:
    """Restore the outputs of all stages that are in the run cache, add them to dvc.lock, and make the plan.

    ``dvc repro`` does the same, but writes dvc.lock after each stage: for a thousand runs, that alone would
    take days. This writes it once.

    Args:
        repo: the repository.
        remote: download outputs that are missing in the cache from the remote.
        known: entries of stages that were computed elsewhere, by their names.
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
            with files.replacing(LOCK) as aside:  # DVC writes in place, which takes long for many stages
                if LOCK.exists():
                    shutil.copyfile(LOCK, aside)
                Lockfile(repo, str(aside)).dump_stages(restored)
        return Plan(needs, done, [name for name in needs if name not in done])


def _is_cached(repo: Repo, stage: PipelineStage, remote: bool) -> bool:
    """Whether the run cache has the outputs of a changed stage for its current dependencies.

    Afterwards, the stage is again as dvc.lock has it. With its current dependencies, DVC would take it for
    unchanged, with the outputs that are in the folder.
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
    except CollectCacheError:  # the remote does not have them
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
    for stage in stages:  # each comes after those that it depends on
        before = [other.addressing for other in repo.index.graph.successors(stage)]
        direct = [name for name in before if name != FIRST]
        needs[stage.addressing] = list(dict.fromkeys(n for name in direct for n in (*needs[name], name)))
    return needs
