"""Check params.yaml before any other stage runs.

DVC removes what a stage has left before it runs the stage again, so that a mistake told by that stage is told
too late. Reads params.yaml. Writes data/checked, always the same, on which all other stages depend.
"""

from pathlib import Path

from stages import command, paths
from stages.gan import files, params


def check(path: Path) -> None:
    """Refuse a parameter file with a mistake in it."""
    device = params.load(path).settings.device
    if device not in ("auto", "cpu"):  # PyTorch takes seconds to import
        from stages.gan import devices

        devices.find(device)
    files.write(paths.CHECKED, "The parameters are valid.\n")


if __name__ == "__main__":
    parser = command.plain_parser(__doc__)
    command.add_params(parser)
    arguments = parser.parse_args()
    command.guard(lambda: check(arguments.params))
