"""Finding perturbations at which a policy breaks, the mildest of them, and how far each axis holds: mathematics only."""
