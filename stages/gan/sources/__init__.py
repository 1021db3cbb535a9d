"""Where data come from: built in, downloaded, or the user's own tables and folders; one module per source.

Other modules are readers that sources share. The room may use ``core``. A module with sources imports nothing
heavy at its top, so that checking params.yaml against their declarations (``core.source``) takes no time.
"""
