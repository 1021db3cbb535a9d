"""The discriminative models P(y|x), by whose eyes samples are scored: what they are, and their fitting.

It may use ``core``.
"""
