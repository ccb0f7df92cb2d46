"""The transformations that a profile names, one module per thing transformed; each is a plain function on arrays."""
