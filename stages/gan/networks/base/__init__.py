"""What all networks share: found by name, built from the seed, and drawn samples from.

It may use ``core``.
"""
