"""Scores of a run's samples: distances, precision and recall, coverage, copies, and what they mean.

A score's formula is in ``metrics``, ``distances``, ``pairs``, ``copies`` or ``cas``; ``image_scorer`` or
``point_scorer`` takes it up; ``scoring`` adds the baselines, which a ``reference`` holds; ``untold`` says
which scores the data do not allow, ``scores`` what each is called and what is better. The room may use
``core`` and ``judges``; ``scores`` needs no PyTorch, as the report reads it.
"""
