"""What a person runs by hand: draw, classify, register, ui, sync, comment (``python -m stages.tools.NAME``).

The other modules here serve these. The room may use all others but ``sweep``.
"""
