"""The processes that train one GAN together: each computes its rows of every batch.

PyTorch's DistributedDataParallel would not do: it averages gradients in hooks of ``backward()``, which
``torch.autograd.grad`` does not call, and the gradient penalty R1 needs a second derivative, of which those
hooks know nothing. So a step's gradients are averaged explicitly, all of them in one message.
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

from stages.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.distributed import Store  # type: ignore[attr-defined]

_PATIENCE = 10.0  # seconds in which a training may end by itself once one of its processes has
_EVERY = 0.5  # seconds between two looks after the parent


class PeerLostError(UserError):
    """Another process of the training has ended."""


class ProcessGroup:
    """The processes that train one GAN together, as one of them sees it.

    Of a batch it takes every ``world_size``-th row. So its rows of [real; generated] are its rows of the real
    samples and, below them, its rows of the generated ones.

    Args:
        rank: the process's number, from 0 on.
        world_size: how many there are.

    Attributes:
        world_size: the same.
        is_main: whether it is the one that writes checkpoints and outputs, logs, and heeds signals.
        rows: of a whole batch, its own.
    """

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        self.world_size = world_size
        self.is_main = rank == 0
        self.rows = slice(rank, None, world_size)
        self._rank = rank

    def device(self, device: "torch.device") -> "torch.device":
        """The device that this process computes on: of several on GPUs, each has one of its own.

        Raises:
            UserError: there are not so many, or it is a device that has no way to average.
        """
        if self.world_size == 1 or device.type == "cpu":
            return device
        import torch

        if device.type != "cuda":
            raise UserError(
                f"train.processes: {self.world_size} need device cpu or cuda, not {device.type}; set it to 1"
            )
        here, there = int(os.environ.get("LOCAL_WORLD_SIZE", self.world_size)), torch.cuda.device_count()
        if here > there:
            raise UserError(
                f"train.processes: {here} on this machine are more than the {there} GPUs that it has"
            )
        mine = torch.device("cuda", int(os.environ.get("LOCAL_RANK", self._rank)))
        torch.cuda.set_device(mine)
        return mine

    @contextmanager
    def joined(self, device: "torch.device", command: Sequence[str]) -> Iterator[None]:
        """Within the block the processes can :meth:`mean` and :meth:`share`; all of them must come here.

        Args:
            device: that this one computes on.
            command: starts another one, unless a launcher such as torchrun, which sets ``WORLD_SIZE``, has
                started them all. Those started here end with the block.

        Raises:
            PeerLostError: they do not find each other.
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
                raise PeerLostError(f"train.processes: {self.world_size} could not join ({error})") from error
            yield
            dist.destroy_process_group()
        finally:
            over.set()
            for child in children:
                child.kill()  # it has nothing to lose
                child.wait()

    def mean(self, tensors: "Sequence[Tensor]") -> "Sequence[Tensor]":
        """The mean over all processes of each tensor, the same bytes in all of them.

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
        """The tensors that the main process has under these names.

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
        """Start the other processes, told their ranks as by torchrun; returns where all find each other."""
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        server = socket.create_server(("127.0.0.1", 0))  # a free port, and nobody's from elsewhere
        port = server.getsockname()[1]
        os.environ.setdefault("GLOO_SOCKET_IFNAME", socket.if_nameindex()[0][1])  # the loopback, too
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
                stdout=subprocess.DEVNULL,  # what there is to say, this process says
                start_new_session=True,  # Ctrl-C is for this process, which ends them
            )
            children.append(child)
            Thread(target=self._watch, args=(child, over), daemon=True).start()
        return store

    def _watch(self, child: "subprocess.Popen[bytes]", over: Event) -> None:
        """End this process where one that it waits for has ended, and it does not see that by itself.

        It does when gloo loses a connection; NCCL waits on the GPU, for minutes, and so does one that joins.
        """
        if child.wait() != 0 and not over.wait(_PATIENCE):
            print(f"error: {_lost(self.world_size)}", file=sys.stderr, flush=True)
            os._exit(1)


SINGLE = ProcessGroup()


def current(processes: int) -> ProcessGroup:
    """The group of so many processes, as this one sees it: as the first, or as what torchrun says.

    Raises:
        UserError: torchrun has started another number of them.
    """
    if (started := os.environ.get("WORLD_SIZE")) is None:
        return ProcessGroup(world_size=processes)
    rank = os.environ.get("RANK", "0")
    if started != str(processes) or not rank.isdecimal():
        raise UserError(
            f"train.processes: is {processes}, but torchrun, or who else has set WORLD_SIZE, has started "
            f"{started}; start as many as params.yaml says"
        )
    return ProcessGroup(int(rank), processes)


def exit_with_parent(parent: int) -> None:
    """End this process soon after its ``parent``, which has started it, however that ends."""

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
        f"train.processes: one of the {world_size} that train together has ended; run it again, and it "
        "goes on from its last checkpoint"
    )
