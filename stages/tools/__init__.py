"""What a person runs by hand: draw, classify, register, ui, sync, comment (``python -m stages.tools.NAME``).

It may use all other rooms but ``sweep``.
"""
