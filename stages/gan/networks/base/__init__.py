"""What all networks share: finding them by name, building them from the seed, and drawing samples.

It may use ``core``.
"""
