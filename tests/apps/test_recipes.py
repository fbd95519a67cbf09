"""The commands of docs/recipes.md do on small clips what they are there for."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from footage import FPS, luma_of, moving, texture, write_video
from microexpr.cli import main
from pages import blocks

FRAMES = 120
COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks("recipes.md", "console")
    for line in block.splitlines()
]
WANTED = ("baby", "face", "guitar", "camera", "crane", "shadow", "wrist")


def option(words: list[str], name: str, n: int = 1) -> list[str]:
    """Return the values of an option, or nothing."""
    return words[words.index(name) + 1 :][:n] if name in words else []


def oscillation(luma: np.ndarray, hz: float, fps: float) -> float:
    """Return the amplitude of what changes at a frequency, rms over pixels, grey levels."""
    t = np.arange(len(luma)) / fps
    waves = np.stack([np.cos(2 * np.pi * hz * t), np.sin(2 * np.pi * hz * t), np.ones_like(t)], 1)
    found = np.linalg.lstsq(waves, luma.reshape(len(luma), -1), rcond=None)[0][:2]
    return float(np.sqrt((found**2).sum(axis=0).mean()))


@pytest.mark.parametrize("command", COMMANDS)
def test_what_lies_in_the_band_grows(command, tmp_path, monkeypatch, capsys, caplog):
    """A texture sways by a twentieth of a pixel; for `amm`, a spot pulses by one grey level."""
    words = shlex.split(command)
    fps = float((option(words, "--fps") or [FPS])[0])
    low, high = map(float, option(words, "--passband", 2) or (0.5, 2))
    hz = (low + high) / 2
    wave = np.sin(2 * np.pi * hz * np.arange(FRAMES) / fps + 0.7)
    image = texture(64, 96)
    rows, columns = np.mgrid[:64, :96]
    spot = ("amm" in words) * np.exp(-((rows - 32) ** 2 + (columns - 48) ** 2) / (2 * 20**2))
    frames = [
        frame + level * spot for frame, level in zip(moving(image, 0.05 * wave), wave, strict=True)
    ]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    write_video(tmp_path / words[2], frames)
    assert main(words[1:]) == 0, capsys.readouterr().err
    before, after = (
        oscillation(np.stack(luma_of(tmp_path / name)).astype(float), hz, fps)
        for name in words[2:4]
    )
    if "--chroma-gain 1 " in command or "--alpha -1 " in command:
        assert "hardly anything became larger" not in caplog.text
    if option(words, "--alpha") == ["-1"]:
        assert after < 0.5 * before
    else:
        assert after > 2 * before


@pytest.mark.parametrize("clip", WANTED)
def test_every_clip_has_its_published_settings_and_a_command(clip):
    assert any(command.split()[2] == f"clips/{clip}.mp4" for command in COMMANDS)
    outputs = [command.split()[3] for command in COMMANDS]
    assert len(outputs) == len(set(outputs))
