# Imported here once: pytest-in-pytest forgets what only the inner run imported, and scipy takes a second.
from toy import toy  # noqa: F401

import pytest_robustplus.audit
import pytest_robustplus.benchmarks.libero_plus.benchmark  # noqa: F401
