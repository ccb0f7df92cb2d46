"""pytest for robot policies: every cell of a robustness table is a test with a proven verdict."""

__version__ = "0.1.0"
