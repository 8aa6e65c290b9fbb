"""Memory that is freed stays with the process."""

import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


@functools.cache
def keep_freed() -> None:
    """Called by every loop that asks for arrays of the same sizes again and again: from now on they get the same memory.

    By default glibc maps each large array anew and gives it back when it is freed, and the system hands over its pages one by
    one, filled with zeros; that is 5 to 15 % of the time of a training or an attack on a CPU. The most that a process needs at
    one time hardly changes, but it is held until the process ends. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        c_library = ctypes.CDLL(None)
        c_library.mallopt(M_MMAP_MAX, 0)
        c_library.mallopt(M_TRIM_THRESHOLD, -1)
