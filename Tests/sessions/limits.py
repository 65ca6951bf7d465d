"""The limits of the process that a case runs in."""
import contextlib
import ctypes
import os
import resource

ROOMY = 1 << 30  # finite, so that the library expects the signal that goes with the limit

_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes, _libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


def churn():
    """Takes and returns memory, so that what was freed is another's by now."""
    taken = [_libc.malloc(size) for size in range(16, 256, 16)]
    for memory, size in zip(taken, range(16, 256, 16)):
        ctypes.memset(memory, 0x41, size)
    for memory in taken:
        _libc.free(memory)


def file_size(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@contextlib.contextmanager
def no_descriptors():
    """Nothing can be opened meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # what is open stays open, but nothing takes the place of what is closed
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
