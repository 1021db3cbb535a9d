"""The parameters: the schema of ``params.yaml``, made from what the pieces declare, and reading the file.

A piece is a network, a loss or a data source that ``params.yaml`` names. ``blocks`` has the parameters that
do not belong to a piece, ``types`` the types and ranges. The room may use ``core.source``, ``runtime.errors``
and ``runtime.files``.
"""

from stages.gan.core.params.blocks import (
    Block,
    CnnJudge,
    Evaluate,
    Judge,
    MlpJudge,
    PieceBlock,
    Sample,
    Settings,
    Train,
)
from stages.gan.core.params.loading import Params, flatten, load, select
from stages.gan.core.params.schema import Experiment, experiment_schema

__all__ = [
    "Block",
    "CnnJudge",
    "Evaluate",
    "Experiment",
    "Judge",
    "MlpJudge",
    "Params",
    "PieceBlock",
    "Sample",
    "Settings",
    "Train",
    "experiment_schema",
    "flatten",
    "load",
    "select",
]
