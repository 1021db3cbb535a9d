"""The judges: discriminative models P(y|x) by which samples are scored; and how they are fitted.

The room may use ``core``.
"""
