"""The pytest hooks: the table of contents of this package."""
