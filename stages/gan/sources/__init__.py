"""Where data come from: built in, downloaded, the user's own tables and folders. A module a source.

It may use ``core``. A module with sources imports nothing heavy at its top: params.yaml is checked by what
the sources declare (``core.source``), at once.
"""
