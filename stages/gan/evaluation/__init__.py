"""Scores of a run's samples: distances, precision and recall, coverage, copies, and their meaning.

The formulas are in ``metrics``, ``distances``, ``pairs``, ``copies`` and ``cas``. ``image_scorer`` and
``point_scorer`` combine them; ``scoring`` adds the baselines, which a ``reference`` holds. ``untold`` finds
the scores that do not fit the data; ``scores`` has the name of each score and says what is better. The room
may use ``core`` and ``judges``. ``scores`` needs no PyTorch, because the report imports it.
"""
