"""Servers of ours around the evaluation functions of models whose repositories have none for LIBERO.

Each is one file that runs in the model's own environment, beside ``http_act.py`` and without this package:
``python $(python -m pytest_robustplus.policies.serving)/cosmos.py --port 8777`` in a checkout of the model. None
has the name of the model's own package, which may be one without ``__init__`` and would then be hidden by it.
"""
