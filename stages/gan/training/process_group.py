"""The processes that train one GAN together: each computes its own rows of every batch.

PyTorch's DistributedDataParallel does not work here. It averages gradients in hooks of ``backward()``, which
``torch.autograd.grad`` does not call, and these hooks do not support the second derivative that the gradient
penalty R1 needs. So the gradients of a step are averaged explicitly, all of them in one message.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from stages.runtime.errors import UserError, counted

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.distributed import Store  # type: ignore[attr-defined]

_PATIENCE = 10.0  # seconds that this process has to end by itself after another one of the training has ended
_EVERY = 0.5  # seconds between two checks whether the parent is alive


class PeerLostError(UserError):
    """Another process of the training has ended."""


class ProcessGroup:
    """The processes that train one GAN together, as one of them sees it.

    A process takes every ``world_size``-th row of a batch. So its rows of [real; generated] are its rows of
    the real samples, followed by its rows of the generated ones.

    Args:
        rank: number of this process, from 0 on.
        world_size: number of processes.

    Attributes:
        world_size: number of processes.
        is_main: whether this is the process that writes checkpoints and outputs, logs, and reacts to signals.
        rows: the rows of a whole batch that this process computes.
    """

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        self.world_size = world_size
        self.is_main = rank == 0
        self.rows = slice(rank, None, world_size)
        self._rank = rank

    def device(self, device: "torch.device") -> "torch.device":
        """The device that this process computes on; each of several processes has its own GPU.

        Args:
            device: the device that the parameters name.

        Raises:
            UserError: there are fewer GPUs than processes, or the device is neither CPU nor CUDA.
        """
        if self.world_size == 1 or device.type == "cpu":
            return device
        import torch

        if device.type != "cuda":
            raise UserError(
                f"train.processes: {self.world_size} processes need device cpu or cuda, not {device.type}; "
                "set it to 1"
            )
        here, there = int(os.environ.get("LOCAL_WORLD_SIZE", self.world_size)), torch.cuda.device_count()
        if here > there:
            raise UserError(
                f"train.processes: {here} on this machine, but it has {counted(there, 'GPU')}; each process "
                "needs its own"
            )
        mine = torch.device("cuda", int(os.environ.get("LOCAL_RANK", self._rank)))
        torch.cuda.set_device(mine)
        return mine

    @contextmanager
    def joined(self, device: "torch.device", command: Sequence[str]) -> Iterator[None]:
        """Connect the processes, so that they can call :meth:`mean` and :meth:`share` within the block.

        All processes must enter the block. Those that were started here end with it.

        Args:
            device: the device that this process computes on.
            command: the command that starts another process. It is not used if a launcher such as torchrun,
                which sets ``WORLD_SIZE``, has started all of them.

        Raises:
            PeerLostError: the processes do not find each other.
        """
        if self.world_size == 1:
            yield
            return
        import torch.distributed as dist
        from torch.distributed.rendezvous import rendezvous

        over = Event()
        children: list[subprocess.Popen[bytes]] = []
        try:
            try:
                if "WORLD_SIZE" in os.environ:
                    store: Store = next(rendezvous("env://"))[0]
                else:
                    store = self._start(command, children, over)
                backend = "nccl" if device.type == "cuda" else "gloo"
                dist.init_process_group(backend, store=store, rank=self._rank, world_size=self.world_size)
            except (RuntimeError, ValueError) as error:
                raise PeerLostError(
                    f"train.processes: {self.world_size} processes could not connect ({error}); run it again"
                ) from error
            yield
            dist.destroy_process_group()
        finally:
            over.set()
            for child in children:
                child.kill()  # it writes nothing, so nothing is lost
                child.wait()

    def mean(self, tensors: "Sequence[Tensor]") -> "Sequence[Tensor]":
        """The mean of each tensor over all processes, with the same bytes in all of them.

        Args:
            tensors: of the same type and device, with the same shapes in all processes.

        Raises:
            PeerLostError: another process has ended.
        """
        if self.world_size == 1:
            return tensors
        import torch
        import torch.distributed as dist

        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        with _peer_errors(self.world_size):
            dist.all_reduce(flat)
        flat /= self.world_size
        parts = flat.split([tensor.numel() for tensor in tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def share(self, tensors: "Mapping[str, Tensor]", device: "torch.device") -> "dict[str, Tensor]":
        """Copy tensors from the main process to all.

        Args:
            tensors: tensors by name, with the same names, types and shapes in all processes.
            device: the device through which they are sent.

        Returns:
            The main process's tensors by name, each on the device of this process's tensor.

        Raises:
            PeerLostError: another process has ended.
        """
        import torch.distributed as dist

        shared = {}
        for name, tensor in tensors.items():
            sent = tensor.detach().to(device, copy=True)
            with _peer_errors(self.world_size):
                dist.broadcast(sent, src=0)
            shared[name] = sent.to(tensor.device)
        return shared

    def _start(
        self, command: Sequence[str], children: "list[subprocess.Popen[bytes]]", over: Event
    ) -> "Store":
        """Start the other processes, with the environment that torchrun would set.

        Args:
            command: the command that starts a process.
            children: the started processes are appended here.
            over: set once the training is over.

        Returns:
            The store by which the processes find each other.
        """
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        server = socket.create_server(("127.0.0.1", 0))  # a free port, not reachable from other machines
        port = server.getsockname()[1]
        os.environ.setdefault("GLOO_SOCKET_IFNAME", socket.if_nameindex()[0][1])  # loopback, too
        store = TCPStore(
            "127.0.0.1", port, self.world_size, True, wait_for_workers=False, master_listen_fd=server.detach()
        )
        own = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        own |= {"WORLD_SIZE": str(self.world_size), "LOCAL_WORLD_SIZE": str(self.world_size)}
        own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCH_CPP_LOG_LEVEL": "ERROR"}
        for rank in range(1, self.world_size):
            child = subprocess.Popen(
                command,
                env={**own, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # only the main process prints
                start_new_session=True,  # only the main process gets Ctrl-C, and then ends the others
            )
            children.append(child)
            Thread(target=self._watch, args=(child, over), daemon=True).start()
        return store

    def _watch(self, child: "subprocess.Popen[bytes]", over: Event) -> None:
        """End this process if a ``child`` has failed and this process has not noticed it.

        With gloo, it notices the lost connection. But NCCL waits on the GPU for minutes, and a process that
        is joining the group waits as well.
        """
        if child.wait() != 0 and not over.wait(_PATIENCE):
            print(f"error: {_lost(self.world_size)}", file=sys.stderr, flush=True)
            os._exit(1)


SINGLE = ProcessGroup()


def current(processes: int) -> ProcessGroup:
    """The group of so many ``processes``; this process's rank is 0, or what torchrun has set.

    Raises:
        UserError: torchrun has started another number of processes.
    """
    if (started := os.environ.get("WORLD_SIZE")) is None:
        return ProcessGroup(world_size=processes)
    rank = os.environ.get("RANK", "0")
    if started != str(processes) or not rank.isdecimal():
        raise UserError(
            f"train.processes: is {processes}, but torchrun, or another launcher that sets WORLD_SIZE, has "
            f"started {started}; start as many as params.yaml says"
        )
    return ProcessGroup(int(rank), processes)


def exit_with_parent(parent: int) -> None:
    """End this process soon after its parent, however the parent ends.

    Args:
        parent: process id of the process that has started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_EVERY)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def _peer_errors(world_size: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo has lost a connection
        raise PeerLostError(_lost(world_size)) from error


def _lost(world_size: int) -> str:
    return (
        f"train.processes: one of the {world_size} processes has ended; run it again, and the training goes "
        "on from its last checkpoint"
    )
