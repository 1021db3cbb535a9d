"""Tasks on a Ray cluster: each starts once what it needs is done, and again if its worker is lost."""

import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import ray
from ray.exceptions import RayError, RayTaskError

from stages.runtime import signals
from stages.runtime.errors import UserError, counted, one_line, warn
from stages.sweep import worker
from stages.sweep.entries import Entry
from stages.sweep.site import Site

End = Literal["done", "failed", "lost", "skipped"]

_STARTS = 3  # at most so many tries to start Ray here: it waits half a minute, too little on a busy machine
_TRIES = 4  # at most so many tries of a task whose worker is lost


@dataclass(frozen=True)
class Task:
    """One stage to compute.

    Attributes:
        name: the stage's name.
        site: where it is computed.
        entries: the run cache's entries of all stages that it depends on.
        processes: the number of its processes.
    """

    name: str
    site: Site
    entries: list[Entry]
    processes: int = 1

    def message(self) -> dict[str, Any]:
        """The task as JSON values, for :mod:`stages.sweep.worker` and :mod:`stages.sweep.task`."""
        about = {"name": self.name, "entries": [asdict(entry) for entry in self.entries]}
        return {**asdict(self.site), **about}


@dataclass
class Outcome:
    """How a task has ended.

    Attributes:
        name: the stage's name.
        end: ``done``, ``failed``, ``lost`` (its worker was lost), or ``skipped`` (a stage that it depends on
            is not done).
        entry: its entry of the run cache, if it is done.
        seconds: the time that the worker took for all of it, the clone included.
        log: the end of its log, if it has failed.
        host: the machine's name.
    """

    name: str
    end: End
    entry: Entry | None = None
    seconds: float = 0.0
    log: str = ""
    host: str = ""


class Cluster:
    """A Ray cluster: the one at an address, or a new one on this machine that ends with the block.

    Args:
        address: host and port of the cluster's head; None: a cluster on this machine.
        cpus: on this machine, the number of CPU threads for all tasks that run at once.
        device: the device in params.yaml. Tasks get GPUs if it is ``cuda``, or if it is ``auto`` and the
            cluster has GPUs.
        threads: number of CPU threads of each process of a task.
    """

    def __init__(self, address: str | None, cpus: int, device: str, threads: int) -> None:
        self._address = address
        self._cpus = cpus
        self._device = device
        self._threads = threads
        self._lost: Counter[str] = Counter()
        self._lacking: set[str] = set()  # resources whose lack was reported

    def __enter__(self) -> "Cluster":
        if self._address is not None:
            _reach(self._address)
            _begin(1, self._address)
        else:
            _begin(_STARTS, "local", num_cpus=self._cpus, include_dashboard=False)
        signals.install()  # Ray has its own handlers
        with suppress(OSError):  # this token allows to run anything on the cluster
            Path("~/.ray/auth_token").expanduser().chmod(0o600)
        self._gpu = self._device == "cuda" or (self._device == "auto" and self._most("GPU") > 0)
        return self

    def __exit__(self, *_: object) -> None:
        ray.shutdown()

    def run(
        self,
        archive: bytes,
        needs: Mapping[str, Iterable[str]],
        make: Callable[[str], Task],
        note: Callable[[Outcome, bool], None],
    ) -> None:
        """Run all tasks.

        Args:
            archive: a clone, as a tar file.
            needs: by a task's name, the names of the tasks that must be done before it.
            make: makes a task from its name, once what it needs is done.
            note: called each time a task ends, with the outcome and whether the task is tried again.

        Raises:
            UserError: a task needs more than this machine has (without a cluster).
        """
        ray.cloudpickle.register_pickle_by_value(worker)
        compute = ray.remote(max_retries=0)(
            worker.compute
        )  # only once, as each such call exports the function
        clone = ray.put(archive)
        ends: dict[str, Outcome] = {}
        waiting = {name: set(before) for name, before in needs.items()}
        running: dict[Any, str] = {}
        while waiting or running:
            signals.raise_if_stopped()  # a signal's exception may have been lost
            for name in [name for name, before in waiting.items() if before <= ends.keys()]:
                if any(ends[other].end != "done" for other in waiting.pop(name)):
                    ends[name] = Outcome(name, "skipped")
                    note(ends[name], False)
                else:
                    task = make(name)
                    running[compute.options(**self._resources(task)).remote(clone, task.message())] = name
            ready, _ = ray.wait(list(running), timeout=1.0) if running else ([], [])
            for reference in ready:
                name = running.pop(reference)
                outcome = _outcome(name, reference)
                self._lost[name] += outcome.end == "lost"
                again = outcome.end == "lost" and self._lost[name] < _TRIES
                if again:
                    waiting[name] = set(needs[name])
                else:
                    ends[name] = outcome
                note(outcome, again)

    def _resources(self, task: Task) -> dict[str, int]:
        """The resources that a task needs; warns if no machine has so many."""
        gpus, cpus = task.processes * self._gpu, task.processes * self._threads
        for kind, wanted in (("GPU", gpus), ("CPU", cpus)):
            if kind not in self._lacking and (most := self._most(kind)) < wanted:
                self._lacking.add(kind)
                if self._address is None:
                    raise UserError(f"{task.name} needs {counted(wanted, kind)}; this machine has {most}")
                needed = counted(wanted, kind)
                warn(f"{task.name} waits for a machine with {needed}; none has more than {most}")
        return {"num_cpus": cpus, "num_gpus": gpus}

    def _most(self, kind: str) -> int:
        """The largest amount of a resource that one machine has."""
        return int(max((node["Resources"].get(kind, 0) for node in ray.nodes() if node["Alive"]), default=0))


def _begin(tries: int, address: str, **options: Any) -> None:
    """Start Ray, or connect to it.

    Raises:
        UserError: Ray has failed as often as it may.
    """
    for left in reversed(range(tries)):
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
            return
        except Exception as error:  # Ray has no class of its own for a start that takes too long
            ray.shutdown()
            if not left:
                raise UserError(f"Ray: {one_line(error)}") from error


def _reach(address: str) -> None:
    """Check that something answers at an address; Ray itself would try for minutes.

    Raises:
        UserError: nothing answers.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"--address: no Ray cluster answers at {address}; give its head's host and port, as HOST:6379"
        ) from error


def _outcome(name: str, reference: Any) -> Outcome:
    try:
        found = ray.get(reference)
    except RayTaskError as error:  # such as a full disk
        return Outcome(name, "failed", log=str(error))
    except RayError as error:
        return Outcome(name, "lost", log=str(error))
    about = {"seconds": found["seconds"], "host": found["host"]}
    if found["code"] == 0:
        return Outcome(name, "done", Entry(**found["answer"]["entry"]), **about)
    return Outcome(name, "lost" if found["killed"] else "failed", log=found["log"], **about)
