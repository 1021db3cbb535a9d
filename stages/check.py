"""Check params.yaml, and that dvc.lock is whole, before any other stage runs.

DVC removes what a stage has left before it runs the stage again, so that a mistake told by that stage is told
too late.

Reads:
  params.yaml, dvc.lock
  stages/gan/own.py     networks and losses of one's own
  data of one's own     that they are there, and enough
Writes:
  data/checked          always the same; all other stages depend on it
  data/sources          for each experiment a link to its own data, so that DVC sees when these change
  data/code             for each experiment what of own.py it uses, on which its training depends
Example:
  python -m stages.check
"""

from pathlib import Path

from stages import command, keeper, own_data, paths
from stages.gan import declared, files, params, portability
from stages.gan.errors import UserError


def check(path: Path) -> None:
    """Refuse a parameter file with a mistake in it, and a dvc.lock that a crash has left half written."""
    known = params.load(path)
    shapes = {}
    for name in known.settings.experiments:
        weights = known.experiments[name].evaluate.inception
        if weights is not None and not Path(weights).is_file():
            raise UserError(
                f"{path}: {name}.evaluate.inception: there is no file {weights}; set it to null, or to one "
                "with weights of Inception-V3"
            )
        shapes[name] = own_data.check(path, name, known.experiments[name])
    if known.settings.portable:
        portability.check()
    device = known.settings.device
    if device not in ("auto", "cpu"):  # PyTorch takes seconds to import
        from stages.gan import devices

        devices.find(device)
    for name in known.settings.experiments:
        experiment = known.experiments[name]
        if experiment.own:
            from stages.gan import trial

            try:
                trial.check(experiment, shapes[name])
            except UserError as error:
                raise UserError(f"{path}: {name}: {error}") from error
    lock = keeper.LOCK
    if lock.exists() and not lock.read_text(encoding="utf-8", errors="replace").endswith("\n"):
        raise UserError(
            f"{lock}: is cut short, as by a crash while DVC wrote it; take the one that git knows "
            f"(git restore {lock}) and run it again: what was done since then, DVC has in its run cache"
        )
    own_data.link({name: experiment.data for name, experiment in known.experiments.items()})
    for name, experiment in known.experiments.items():
        code = declared.code(experiment.own) or f"Nothing of {declared.PLACE}.\n"
        files.write(paths.ExperimentFiles(name).code, code)
    files.write(paths.CHECKED, "The parameters are valid.\n")


if __name__ == "__main__":
    parser = command.plain_parser(__doc__)
    command.add_params(parser)
    arguments = parser.parse_args()
    command.guard(lambda: check(arguments.params))
