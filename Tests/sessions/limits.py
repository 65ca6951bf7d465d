"""Sets the limits of the process that a case runs in."""
import contextlib
import ctypes
import os
import resource

ROOMY = 1 << 30  # this is finite, so that the library expects the signal of the limit

_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes, _libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


def churn():
    """Allocates memory and frees it, so that memory that was freed before is overwritten."""
    taken = [_libc.malloc(size) for size in range(16, 256, 16)]
    for memory, size in zip(taken, range(16, 256, 16)):
        ctypes.memset(memory, 0x41, size)
    for memory in taken:
        _libc.free(memory)


def file_size(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@contextlib.contextmanager
def no_descriptors():
    """Takes all free descriptors from the process for the time of a `with`, so that nothing can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # what is open stays open, and what is closed cannot be replaced
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
