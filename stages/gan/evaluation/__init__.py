"""Scores of a run's samples: distances, precision and recall, coverage, memorisation, and what they mean.

A score's formula is in ``metrics``, ``distances`` or ``neighbours``; ``image_scorer`` or ``point_scorer``
takes it up; ``scores`` says what it is called and what is better. The room may use ``core`` and ``judges``;
``scores`` needs no PyTorch, as the report reads it.
"""
