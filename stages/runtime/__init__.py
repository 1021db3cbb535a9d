"""What every process needs: one-line errors, files, locks, signals, progress, the command line, git, DVC.

Machinery: no byte of a result depends on it. All code may use ``errors`` and ``files``; the science
(``stages.gan``) may not use the rest.
"""
