import os
import pty
import subprocess
import sys
import termios

from stages.runtime import progress

PROGRAM = """
from stages.runtime import progress
for _ in progress.track(range(25), 25, "epoch", "loss {}".format, every=10):
    pass
"""


def test_off_a_terminal_every_tenth_and_the_last_are_plain_lines(capsys):
    passed = list(progress.track(range(25), 25, "epoch", "loss {}".format, every=10))
    assert passed == list(range(25))
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["epoch 10/25: loss 9", "epoch 20/25: loss 19", "epoch 25/25: loss 24"]
    assert shown.err == ""


def on_a_terminal(root, program: str) -> bytes:
    """What a program shows there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 120))
    process = subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 1024)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown


def test_on_a_terminal_there_is_a_bar(root):
    shown = on_a_terminal(root, PROGRAM)
    assert b"25/25" in shown
    assert b"loss 24" in shown
    assert b"epoch 10/25" not in shown


def test_things_in_blocks_are_counted(capsys):
    assert list(progress.track_blocks([[1, 2], [3]], 3, "sample")) == [[1, 2], [3]]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")  # quiet, off a terminal


def test_a_bar_of_parts_stands_beside_what_an_item_says(root):
    shown = on_a_terminal(
        root,
        """
from stages.runtime import progress
with progress.bar(20, "step") as bar:
    def epochs():
        for epoch in range(2):
            bar.update(10)
            yield epoch
    for _ in progress.announce(epochs(), bar, 2, "epoch", "loss {}".format, every=1):
        pass
""",
    )
    assert b"20/20" in shown
    assert b"step/s, loss 1" in shown
    assert b"epoch 1/2" not in shown


def test_what_was_done_before_counts(capsys):
    assert list(progress.track(iter("cd"), 4, "letter", str, every=1, done=2)) == ["c", "d"]
    assert capsys.readouterr().out.splitlines() == ["letter 3/4: c", "letter 4/4: d"]
