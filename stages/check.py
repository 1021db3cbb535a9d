"""Check params.yaml, and that dvc.lock is whole, before any other stage runs.

DVC removes what a stage has left before it runs the stage again, so that a mistake found by that stage is
found too late.

Reads:
  params.yaml, dvc.lock
  stages/gan            what the pieces (networks, losses, sources) declare, those of custom.py among them
  the user's own data   that they are there, and enough
Writes:
  data/sources          for each experiment a link to its own data, so that DVC sees when these change
  data/code             for each experiment and stage the code of the pieces that it names; and its parameters
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
