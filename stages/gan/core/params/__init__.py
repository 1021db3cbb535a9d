"""The parameters: the schema of ``params.yaml``, made of what the pieces declare, and reading it.

A piece is a network, a loss or a data source that ``params.yaml`` names. The blocks that are no pieces' are
in ``blocks``, the ranges in ``types``. The room may use ``runtime.errors`` alone.
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
