"""Policies: the contract, and one module per way of reaching one."""
