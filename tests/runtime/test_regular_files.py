"""Only regular files are read: a pipe or a device would wait for ever, or never end."""

from __future__ import annotations

import os
import socket

import pytest

from microexpr.errors import DataError, WeightsError
from microexpr.runtime.files import regular, sha256_of


def test_what_is_no_regular_file_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path has few letters
    os.mkfifo("pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name, says in {
            "pipe": "pipe is a pipe, not a regular file",
            "link": "link is a pipe, not a regular file",
            "folder": "folder is a folder, not a regular file",
            "socket": "socket is a socket, not a regular file",
            "/dev/zero": "/dev/zero is a device, not a regular file",
            "gone": "gone does not exist",
            "dangling": "dangling does not exist",
            "loop": "loop: Too many levels of symbolic links",
            "n" * 300: "File name too long",
            "a\0b": "null byte",
        }.items():
            with pytest.raises(DataError, match=says) as raised:
                regular(name)
            assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(WeightsError, match="is a pipe"):
        regular("pipe", WeightsError)
    with pytest.raises(DataError, match="is a pipe"):
        sha256_of("pipe")


def test_a_regular_file_passes_by_whatever_name(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to("a")
    assert regular(str(tmp_path / "link")) == tmp_path / "link"
    assert sha256_of(tmp_path / "link") == sha256_of(tmp_path / "a")
