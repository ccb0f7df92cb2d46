"""Perturbations at which a policy breaks, the mildest of them, and how far each axis holds; knows no simulator."""
