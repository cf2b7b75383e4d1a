"""Starts a program of the wheel in the place of Python.

The scripts that pip puts on the PATH end here, and the program takes over their
process: its id, signals, standard input and exit code are the program's own.
Only os, sys and signal are imported, for this is part of every start-up.
"""

import os
import signal
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))
# What the wheel's name says too (manylinux_2_36).
_LEAST_GLIBC = (2, 36)
# These load libtorch, or start those that do.
_WITH_TORCH = ("halfpipe", "halfpipe-stage0", "halfpipe-stage1")


def c_library_problem(said):
    """What is wrong with a C library, by what confstr says of it ("glibc
    2.35"); "" if nothing."""
    said = said or "another C library than glibc"
    name, _, version = said.partition(" ")
    if name == "glibc":
        numbers = version.split(".")
        if tuple(int(part) for part in numbers[:2]) >= _LEAST_GLIBC:
            return ""
    wanted = ".".join(str(part) for part in _LEAST_GLIBC)
    return (f"this system has {said}, and these programs need glibc "
            f"{wanted} or later: Debian 12, Ubuntu 24.04 or newer. Ubuntu "
            f"22.04, also in WSL, is too old for them")


def find_torch(folders):
    """torch's folder of libraries below one of the folders, else ""; torch is
    not imported, which takes seconds."""
    for folder in folders:
        found = os.path.join(folder or ".", "torch", "lib")
        if os.path.exists(os.path.join(found, "libtorch_cpu.so")):
            return found
    return ""


def _c_library():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):  # musl does not know the name
        return ""


def _start(name):
    problem = c_library_problem(_c_library())
    if not problem:
        environment = dict(os.environ)
        # bin/env.sh adds it, and NVIDIA's libraries beside it, to the dynamic
        # linker's path, and says what is wrong with it.
        if name in _WITH_TORCH and not environment.get("HP_TORCH_LIB"):
            torch = find_torch(sys.path)
            if torch:
                environment["HP_TORCH_LIB"] = os.path.abspath(torch)
        program = os.path.join(_HERE, "bin", name)
        # Python ignores these; what is ignored would stay so.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        try:
            os.execve(program, [program] + sys.argv[1:], environment)
        except OSError as error:
            problem = f"{program}: {error.strerror}"
    print(f"{name}: {problem}", file=sys.stderr)
    sys.exit(3)


def halfpipe():
    _start("halfpipe")


def coordinator():
    _start("halfpipe-coordinator")


def stage0():
    _start("halfpipe-stage0")


def stage1():
    _start("halfpipe-stage1")


def decode():
    _start("halfpipe-decode")
