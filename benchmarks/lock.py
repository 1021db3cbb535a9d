"""What a kill of DVC costs that comes while it writes dvc.lock: ``python -m benchmarks.lock``.

DVC writes the file in place after each stage, so that who ends it meanwhile leaves the file's beginning. Here
it is killed there, again and again; then ``check`` mends the file, and ``dvc repro`` goes on. Printed is for
each kill what was left of the file, how many stages then ran anew (those that the run cache lacks), and how
long mending and going on took.

``python -m benchmarks.lock --runs 100 300`` prints how long DVC takes to read and to write a ``dvc.lock`` of
so many runs.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from dvc.utils.serialize import load_yaml, modify_yaml

from benchmarks import pipeline

KILLS = 20
_TRIES = 40  # of which not each is in time


def times(runs: int) -> tuple[int, float, float]:
    """The bytes of a lock of so many runs, and the CPU seconds of reading it and of changing it once."""
    published = yaml.safe_load((pipeline.ROOT / "dvc.lock").read_text())["stages"]
    run = json.dumps({name: entry for name, entry in published.items() if name.endswith("@sine-111")})
    stages = {
        name.replace("-111", f"-{seed}"): entry
        for seed in range(runs)
        for name, entry in json.loads(run).items()  # copies, as YAML writes an object only once
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dvc.lock")
        path.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))
        start = time.process_time()
        load_yaml(str(path))
        read = time.process_time()
        with modify_yaml(str(path)) as lock:
            lock["stages"]["another"] = {"cmd": "true"}
        return path.stat().st_size, read - start, time.process_time() - read


def kill() -> None:
    """Kill DVC in its writing of the lock, and print what each kill costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline.checkout(folder)
        pipeline.make_idle(folder)
        pipeline.change_params(folder, {}, seeds=[1, 2, 3], experiments=["sine", "digits"])
        _run(folder, "git", "add", "--all")
        _run(folder, "git", "commit", "--quiet", "--message", "tiny")
        _run(folder, "dvc", "repro")
        whole = (folder / "dvc.lock").read_bytes()
        _run(folder, "git", "add", "--all")
        _run(folder, "git", "commit", "--quiet", "--message", "results")
        print(f"dvc.lock: {len(whole.splitlines())} lines, {len(whole)} bytes")
        print("kill  left of it      mended  seconds  stages run  seconds  same lock")
        done = 0
        for _ in range(_TRIES):
            if done == KILLS:
                break
            if (left := _kill(folder, len(whole))) is None:
                continue
            done += 1
            start = time.monotonic()
            said = _run(folder, sys.executable, "-m", "stages.check")
            mended = time.monotonic()
            output = _run(folder, "dvc", "repro")
            end = time.monotonic()
            ran = sum(line.startswith("Running stage") for line in output.splitlines())
            same = (folder / "dvc.lock").read_bytes() == whole
            print(
                f"{done:4}  {left:6} bytes  {'yes' if 'restored' in said else 'no':>10}"
                f"  {mended - start:7.1f}"
                f"  {ran:10}  {end - mended:7.1f}  {'yes' if same else 'NO':>9}",
                flush=True,
            )


def _kill(folder: Path, size: int) -> int | None:
    """Have DVC write the lock anew, and kill it in that; returns what is left, or None: it was too late."""
    lock = folder / "dvc.lock"
    text = lock.read_text()
    # The last stage's entry goes, so that DVC takes the stage from its run cache and writes the file.
    lock.write_text(text[: text.index("  report:\n")] if "  report:\n" in text else text)
    shutil.rmtree(folder / "reports" / "figures", ignore_errors=True)
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=folder,
        env={**pipeline.environment(), **pipeline.IDENTITY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    before = lock.stat()
    while process.poll() is None:
        about = lock.stat()
        if about.st_mtime_ns != before.st_mtime_ns and about.st_size < size:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    left = lock.stat().st_size
    return left if process.returncode == -signal.SIGKILL and left < size else None


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**pipeline.environment(), **pipeline.IDENTITY},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def main() -> None:
    """Kill DVC, or measure locks of many runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", help="only read and write a dvc.lock of so many runs")
    counts = parser.parse_args().runs
    for runs in counts or ():
        size, read, changed = times(runs)
        print(
            f"{runs} runs: {size / 1e6:.1f} MB, read in {read:.1f} s, changed in {changed:.1f} s", flush=True
        )
    if not counts:
        kill()


if __name__ == "__main__":
    main()
