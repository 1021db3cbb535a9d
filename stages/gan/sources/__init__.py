"""Where data come from: built in, downloaded, the user's own tables and folders. A module a source.

Beside the sources are the readers that they share. The room may use ``core``. A module with sources imports
nothing heavy at its top: params.yaml is checked by what the sources declare (``core.source``), at once.
"""
