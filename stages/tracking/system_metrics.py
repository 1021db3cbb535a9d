"""Metrics of the machine during a run: CPU, memory, disk, network and GPUs, the same as MLflow's own.

MLflow's own thread ends if its server is away for a moment. This one writes to a journal, like all that is
logged, so nothing is lost, and a failing store delays nothing.
"""

import os
import threading
from pathlib import Path
from typing import Any

from stages.runtime.errors import warn
from stages.tracking.journal import Journal, now
from stages.tracking.messages import LogMetrics, Start

_WANTED = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
_INTERVAL = 10.0  # seconds between two samples, as in MLflow


class SystemMetrics:
    """Samples this machine until it is stopped.

    Args:
        folder: the folder of the journal to write.
        begun: the first message of the run.
    """

    def __init__(self, folder: Path, begun: Start) -> None:
        from mlflow.environment_variables import (
            MLFLOW_SYSTEM_METRICS_NODE_ID,
            MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING,
            MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL,
        )

        node = MLFLOW_SYSTEM_METRICS_NODE_ID.get()
        self._interval = MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or _INTERVAL
        self._samples = MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING.get() or 1
        self._prefix = f"system/{node}/" if node else "system/"
        self._begun = begun.time
        self._step = -1
        self._monitors = _monitors()
        self._journal = Journal(folder, Start(experiment=begun.experiment, key=begun.key, time=now()))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling and end the journal; it contains at least one sample."""
        self._stopped.set()
        self._thread.join()
        self._journal.close()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                for _ in range(self._samples):
                    if self._stopped.wait(self._interval) and self._step >= 0:
                        return
                    for monitor in self._monitors:
                        monitor.collect_metrics()
                self._log()
        except Exception as error:  # such as an error of a GPU's driver
            warn(f"the metrics of this machine end in MLflow: {error}")

    def _log(self) -> None:
        """Log the means of the samples. Steps count from the run's beginning, also after it is resumed."""
        passed = (now() - self._begun) / 1000 / (self._interval * self._samples)
        self._step = max(self._step + 1, round(passed))
        metrics: dict[str, float] = {}
        for monitor in self._monitors:
            metrics |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        named = {self._prefix + name: float(value) for name, value in metrics.items()}
        self._journal.append(LogMetrics(metrics=named, step=self._step))


def start(folder: Path, begun: Start) -> SystemMetrics | None:
    """Begin to sample this machine for a run, if MLflow's environment variable enables it.

    Args:
        folder: the folder of the journal to write.
        begun: the first message of the run's own journal.
    """
    if _WANTED not in os.environ:
        return None
    from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING

    try:
        if MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():
            return SystemMetrics(folder, begun)
    except Exception as error:  # a value that is not valid, or any error of a monitor
        warn(f"no metrics of this machine in MLflow: {error}")
    return None


def _monitors() -> list[Any]:
    """MLflow's monitors, with the one for GPUs if there are any and their library is installed."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor
    from mlflow.system_metrics.metrics.rocm_monitor import ROCMMonitor

    found = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    for kind in (GPUMonitor, ROCMMonitor):
        try:
            return [*found, kind()]
        except Exception:  # there are many kinds
            continue
    return found
