"""Trains the reference policies from the expert's demonstrations; not part of the installed package."""
