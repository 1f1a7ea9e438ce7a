"""Listening sockets: bound at once, handed down to a child, refused with a reason."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gwanje.errors import CommandError
from gwanje.listener import PAGE_VARIABLE, bind, inherited

ROOT = Path(__file__).parents[2]
CHILD = """
from gwanje.listener import PAGE_VARIABLE, inherited
with inherited(PAGE_VARIABLE) as listener:
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"hello from a child")
"""


def test_a_bound_port_is_taken_and_says_what_to_change() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CommandError, match=rf"127\.0\.0\.1:{port} .* choose another with GWANJE_MQTT_PORT"):
            bind("127.0.0.1", port, "GWANJE_MQTT_PORT")


def test_a_connection_made_before_the_child_starts_is_served_by_it() -> None:
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()[:2]) as early:
        early.settimeout(20.0)
        environment = os.environ | {PAGE_VARIABLE: str(listener.fileno()), "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([sys.executable, "-c", CHILD], env=environment, pass_fds=[listener.fileno()]) as child:
            assert early.recv(100) == b"hello from a child"
            assert child.wait(20) == 0


def test_nothing_is_inherited_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PAGE_VARIABLE, raising=False)
    assert inherited(PAGE_VARIABLE) is None


@pytest.mark.parametrize("text", ["", "page", "999999"])
def test_what_is_no_socket_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(PAGE_VARIABLE, text)
    with pytest.raises(CommandError, match="GWANJE_PAGE_FD: expected the descriptor of a listening socket"):
        inherited(PAGE_VARIABLE)


def test_a_socket_that_does_not_listen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as idle:
        monkeypatch.setenv(PAGE_VARIABLE, str(idle.fileno()))
        with pytest.raises(CommandError, match="expected the descriptor of a listening socket"):
            inherited(PAGE_VARIABLE)
        assert idle.fileno() >= 0
