"""Generators and discriminators, a module a pair, found by name in params.yaml; in ``base`` what they share.

A network may use ``core``. Who adds a module here re-runs nothing; who edits one re-runs what names it.
"""
