"""Generators and discriminators, one module for each pair; params.yaml names them. ``base`` is shared code.

A network may use ``core``. A new module re-runs nothing; a changed one re-runs the experiments that name it.
"""
