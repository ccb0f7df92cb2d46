from toy import toy  # noqa: F401

import pytest_robustplus.audit
import pytest_robustplus.report.html
import pytest_robustplus.report.plots  # noqa: F401
