"""Tasks on a Ray cluster: each as soon as what it needs is done, and again if its worker is lost."""

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
from stages.runtime.errors import UserError, warn
from stages.sweep import worker
from stages.sweep.entries import Entry
from stages.sweep.site import Site

End = Literal["done", "failed", "lost", "skipped"]

_TRIES = 4  # of a task whose worker is lost


@dataclass(frozen=True)
class Task:
    """One stage to compute.

    Attributes:
        name: the stage's.
        site: see there.
        entries: of the run cache, of all that it depends on.
        processes: in how many it computes.
    """

    name: str
    site: Site
    entries: list[Entry]
    processes: int = 1

    def message(self) -> dict[str, Any]:
        """It, as :mod:`stages.sweep.worker` and :mod:`stages.sweep.task` read it."""
        about = {"name": self.name, "entries": [asdict(entry) for entry in self.entries]}
        return {**asdict(self.site), **about}


@dataclass
class Outcome:
    """What came of a task.

    Attributes:
        name: the stage's.
        end: ``done``, ``failed``, ``lost`` (so was every worker that tried), or ``skipped``, as what it
            depends on was not done.
        entry: of the run cache, where it is done.
        seconds: that the worker took for it, in all, the clone included.
        log: its end, where it has failed.
        host: the machine's name.
    """

    name: str
    end: End
    entry: Entry | None = None
    seconds: float = 0.0
    log: str = ""
    host: str = ""


class Cluster:
    """A Ray cluster: the one at an address, or one of this machine's own that ends with the block.

    Args:
        address: host and port of the cluster's head, or None.
        cpus: where there is no address, CPU threads of all tasks at a time.
        device: what tasks compute on, as params.yaml has it. They get GPUs if it is ``cuda``, or ``auto`` and
            there are any.
        threads: CPU threads of a process of a task.
    """

    def __init__(self, address: str | None, cpus: int, device: str, threads: int) -> None:
        self._address = address
        self._cpus = cpus
        self._device = device
        self._threads = threads
        self._lost: Counter[str] = Counter()
        self._lacking: set[str] = set()  # resources that were said to lack

    def __enter__(self) -> "Cluster":
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is not None:
            _reach(self._address)
        try:
            if self._address is not None:
                ray.init(self._address, **quiet)
            else:
                ray.init("local", num_cpus=self._cpus, include_dashboard=False, **quiet)
        except (RayError, ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"Ray: {error}") from error
        signals.install()  # Ray has its own handlers
        with suppress(OSError):  # who reads this token may run what they like on the cluster
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
        """Do all tasks.

        Args:
            archive: a clone, as a tar file.
            needs: by name, the names of the tasks that come before it.
            make: makes a task, once what it needs is done.
            note: called with what came of each, and whether it is tried again.

        Raises:
            UserError: this machine alone is too small for one.
        """
        ray.cloudpickle.register_pickle_by_value(worker)
        compute = ray.remote(max_retries=0)(worker.compute)  # once, as Ray exports it at each such call
        clone = ray.put(archive)
        ends: dict[str, Outcome] = {}
        waiting = {name: set(before) for name, before in needs.items()}
        running: dict[Any, str] = {}
        while waiting or running:
            signals.raise_if_stopped()  # a signal that came where Python drops what its handler raises
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
        """What a task needs; a line says if no machine has so much."""
        gpus, cpus = task.processes * self._gpu, task.processes * self._threads
        for kind, wanted in (("GPU", gpus), ("CPU", cpus)):
            if kind not in self._lacking and (most := self._most(kind)) < wanted:
                self._lacking.add(kind)
                if self._address is None:
                    raise UserError(f"{task.name} needs {wanted} {kind}s; this machine has {most}")
                warn(f"{task.name} waits for a machine with {wanted} {kind}s; none has more than {most}")
        return {"num_cpus": cpus, "num_gpus": gpus}

    def _most(self, kind: str) -> int:
        """The most of a resource that a machine has."""
        return int(max((node["Resources"].get(kind, 0) for node in ray.nodes() if node["Alive"]), default=0))


def _reach(address: str) -> None:
    """Refuse an address where nobody answers: Ray would try for minutes."""
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
    except RayTaskError as error:  # a disk that is full, say
        return Outcome(name, "failed", log=str(error))
    except RayError as error:
        return Outcome(name, "lost", log=str(error))
    about = {"seconds": found["seconds"], "host": found["host"]}
    if found["code"] == 0:
        return Outcome(name, "done", Entry(**found["answer"]["entry"]), **about)
    return Outcome(name, "lost" if found["killed"] else "failed", log=found["log"], **about)
