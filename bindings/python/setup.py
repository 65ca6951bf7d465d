import sysconfig

from setuptools import setup

# One wheel is for CPython 3.9 and all that follow. A free-threaded Python loads no module with that stable interface, and gets a wheel of its own.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
setup(cffi_modules=["build_native.py:ffi"], options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp39"}})
