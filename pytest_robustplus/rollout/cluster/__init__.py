"""Simulators on many machines: what is decided about them here, and what Ray does."""
