"""Benchmarks, one folder each, all behind the contract in ``contract.py``."""
