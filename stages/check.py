"""Check params.yaml, and repair a damaged dvc.lock, before any other stage runs.

DVC deletes the outputs of a stage before it runs the stage again. A mistake that the stage itself found would
be found too late.

Reads:
  params.yaml, dvc.lock
  stages/gan            what the pieces (networks, losses, sources) declare, those in custom.py included
  the user's own data   whether they exist, can be read, and are enough
Writes:
  data/sources          for each experiment, a link to the user's own data, so that DVC sees when they change
  data/code             for each experiment, its parameters and, by stage, the code of the pieces that it uses
Example:
  python -m stages.check
"""

from stages.runtime import command


def main() -> None:
    """Check the parameter file that the command line names."""
    parser = command.plain_parser(__doc__)
    command.add_params(parser)
    arguments = parser.parse_args()
    from stages.pipeline.check import check

    command.guard(lambda: check(arguments.params))


if __name__ == "__main__":
    main()
