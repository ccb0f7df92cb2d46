"""Transports: one module per way of reaching a checkpoint that runs somewhere else or in another shape."""
