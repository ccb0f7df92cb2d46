"""LIBERO-PRO, on MuJoCo."""
