"""Scores of a run's samples: distances, precision and recall, coverage, memorisation, and what they mean.

It may use ``core`` and ``judges``. ``scores`` needs no PyTorch: the report reads it.
"""
