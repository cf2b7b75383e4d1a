"""halfpipe as a Python package: the programs, and `client`, which speaks to a
service of theirs. Import name of the wheel that scripts/wheel makes."""

try:
    from ._version import __version__
except ImportError:  # of a checkout
    __version__ = "0+checkout"
