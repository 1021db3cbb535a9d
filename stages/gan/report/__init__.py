"""Runs side by side: conditions of several seeds, statistics, verdicts; ``comparison`` writes the report.

It may use ``core``, ``evaluation.scores`` and ``plots``; but not PyTorch, which takes seconds to import.
"""
