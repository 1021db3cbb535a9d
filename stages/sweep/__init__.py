"""Many runs at once, on one machine or many: each stage is a task, and DVC's run cache connects them.

``site`` describes what tasks share on a machine, such as the cache. This room may use all other rooms.
"""
