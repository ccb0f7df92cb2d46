"""Who may be trusted with a cluster: whoever reaches its ports runs code on it."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from pytest_robustplus.errors import BadInputError

LOCAL = "local"
TOKEN = Path(".ray", "auth_token")


def loopback(address: str) -> bool:
    """Whether a cluster's address is one that only this machine reaches."""
    host = address.rpartition(":")[0].strip("[]") or address
    if address in (LOCAL, "auto") or host == "localhost":
        # What ``auto`` finds is refused by its own address once it is known.
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token(environment: Mapping[str, str], home: Path) -> bool:
    """Whether Ray is told to ask for a token, and has one."""
    if environment.get("RAY_AUTH_MODE", "token" if (home / TOKEN).exists() else "") != "token":
        return False
    if environment.get("RAY_AUTH_TOKEN"):
        return True
    path = environment.get("RAY_AUTH_TOKEN_PATH")
    return Path(path).is_file() if path else (home / TOKEN).is_file()


def refuse_open(address: str, *, told: bool, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a cluster that anybody on the network could run code on; raises ``BadInputError``."""
    if told or loopback(address) or token(environment, Path.home()):
        return
    raise BadInputError(
        f"--robust-cluster={address}: Ray's processes listen on every interface of their machines, and whoever reaches"
        " them runs code there. Start all of them with a token (RAY_AUTH_MODE=token, and the same secret in"
        " ~/.ray/auth_token or RAY_AUTH_TOKEN on every machine), or say --robust-cluster-open for a network of your"
        " own. A token does not encrypt."
    )


def reachable(address: str, timeout: float = 3.0) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout):
            return True
    except (OSError, ValueError):
        return False
