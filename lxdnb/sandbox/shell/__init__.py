"""A small POSIX shell, with what busybox's has and scripts use: read, expanded and run in memory alone.

The parser is the sandbox's own: of those for Python, bashlex is under the GPL, and bindings to others need compilers.
"""
