"""The privileged expert of LIBERO: it reads poses from the simulator and plays tasks from their goal predicates."""

from pytest_robustplus.benchmarks.libero_plus.oracle.expert import Oracle

__all__ = ["Oracle"]
