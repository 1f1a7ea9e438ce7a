"""How many files, and thus connections, a process may have open."""

from __future__ import annotations

import sys

SPARE = 256
"""Files that a process has open besides the connections it is made for."""


def allow_connections(wanted: int) -> int:
    """Raise this process's limit of open files as far as needed and allowed; return the connections it leaves room for.

    Systems set a low soft limit for the sake of old programs and leave it to each process to raise it to the hard one.
    Where there is no such limit the answer is the number wanted; it is at least 1.
    """
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(min(wanted, soft - SPARE), 1)
