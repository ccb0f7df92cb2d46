# noxfile.py: nox -s robustness -- --robust-budget=20
import nox

PACKAGE = "pytest-robustplus[libero,onnx,report] @ git+https://github.com/pytest-robustplus/pytest-robustplus"


@nox.session
def robustness(session: nox.Session) -> None:
    """Hold the checkpoint against the accepted run."""
    session.install(PACKAGE)
    session.run("pytest", "--robust-baseline=accepted.toml", "--robust-html=robustness.html", *session.posargs)
