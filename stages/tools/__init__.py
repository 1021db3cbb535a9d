"""Tools that a person runs by hand (``python -m stages.tools.NAME``), and the modules that serve them.

The tools: classify, comment, draw, export, invert, register, repro, resolve, smoke, sync, ui, verify. This
room may use all others except ``sweep``.
"""
