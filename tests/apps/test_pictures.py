"""Pictures: what stands where, and that it is what the frames show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from footage import texture
from microexpr.apps.magnify_video.pictures import (
    BLACK,
    GAP_PX,
    LEFT_PX,
    TOP_PX,
    WHITE,
    Line,
    Scale,
    SlicePicture,
    beside,
    labelled,
)
from microexpr.errors import ConfigError
from microexpr.video.frame import Colour, Frame
from microexpr.video.writer import write_png


def frame(values: np.ndarray, chroma: int = 128) -> Frame:
    height, width = values.shape
    codes = np.full((2, -(-height // 2), -(-width // 2)), chroma, np.uint8)
    return Frame(np.rint(values).astype(np.uint8), codes, 8, 0)


@pytest.mark.parametrize("width", [64, 65])
def test_two_frames_beside_each_other(width):
    left, right = texture(40, width), texture(40, width, seed=1)
    both = beside(frame(left, 100), frame(right, 150))
    start = width + width % 2
    assert both.luma.shape == (40, 2 * start)
    np.testing.assert_array_equal(both.luma[:, :width], np.rint(left))
    np.testing.assert_array_equal(both.luma[:, start : start + width], np.rint(right))
    assert both.chroma.shape == (2, 20, start)
    assert np.unique(both.chroma[:, :, : start // 2]).tolist() == [100]
    assert np.unique(both.chroma[:, :, start // 2 :]).tolist() == [150]


@pytest.mark.parametrize(
    ("axis", "shape"), [("x", (40, 2 * 8 * 32 + GAP_PX)), ("y", (2 * 8 * 32 + GAP_PX, 50))]
)
def test_slices_of_few_frames_are_stretched(tmp_path, axis, shape):
    picture = SlicePicture(Line(axis, 20), Colour(full_range=True))
    for number in range(8):
        values = np.full((40, 50), 30.0 * number)
        picture.add([frame(values), frame(255 - values)])
    write_png(tmp_path / "s.png", picture.render())
    image = cv2.imread(str(tmp_path / "s.png"))
    assert image.shape == (*shape, 3)
    grey = image.mean(axis=2)
    if axis == "y":
        grey = grey.T
    for number in range(8):
        at = 32 * number + 16
        assert np.abs(grey[:, at] - 30 * number).max() <= 2
        assert np.abs(grey[:, 8 * 32 + GAP_PX + at] - (255 - 30 * number)).max() <= 2
    assert (grey[:, 8 * 32 : 8 * 32 + GAP_PX] == 255).all()


def test_slices_show_the_line_and_its_colour():
    values = np.tile(np.arange(60.0, 124.0), (40, 1))
    column = SlicePicture(Line("x", 7), Colour(full_range=True))
    row = SlicePicture(Line("y", 39), Colour(full_range=True))
    for _ in range(300):
        column.add([frame(values, 160)])
        row.add([frame(values, 160)])
    down, across = column.render(), row.render()
    assert down.shape == (40, 300, 3)
    assert across.shape == (300, 64, 3)
    # Full range, BT.601: R = Y + 1.402 (Cr - 128), B = Y + 1.772 (Cb - 128).
    np.testing.assert_allclose(down[5, 5], (67 + 45, 67 - 34, 67 + 57), atol=2)
    np.testing.assert_allclose(across[9, 30, 0], 90 + 45, atol=2)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_axes_stand_around_the_same_slice(axis):
    """The pixels are those without axes; numbers stand where the scale says."""
    pictures = []
    for titles in ((), ("original", "pmm, alpha 5")):
        picture = SlicePicture(Line(axis, 20), Colour(full_range=True), titles=titles, fps=100.0)
        for number in range(300):
            values = np.full((120, 90), 100.0 + number % 50)
            picture.add([frame(values), frame(values)])
        pictures.append(picture.render())
    plain, framed = pictures
    first = plain[:120, :300] if axis == "x" else plain[:300, :90]
    inner = framed[TOP_PX : TOP_PX + first.shape[0], LEFT_PX : LEFT_PX + first.shape[1]]
    np.testing.assert_array_equal(inner, first)
    assert (framed[:TOP_PX, LEFT_PX:].min(axis=(0, 2)) < 100).any()  # the title
    ticks = np.flatnonzero((framed[TOP_PX:, LEFT_PX - 3] == 0).all(axis=1))
    step = {"x": 20 / 120 * 119, "y": 0.5 / 3.0 * 299}[axis]
    np.testing.assert_allclose(np.diff(ticks), step, atol=1)


def test_scales_have_a_few_round_numbers():
    for length in (0.11, 0.34, 1.0, 3.0, 59.0, 640.0):
        ticks = Scale(length, "s").ticks(200)
        assert 3 <= len(ticks) <= 7
        assert [round(float(text) / length * 199) for _, text in ticks] == [x for x, _ in ticks]


def test_a_label_is_in_its_corner_and_grey():
    plain = frame(texture(200, 300), 90)
    written = labelled(plain, "pmm, alpha 12")
    changed = written.luma != plain.luma
    assert {BLACK, WHITE} <= set(np.unique(written.luma[changed]))
    assert not changed[30:].any()
    assert not changed[:, 220:].any()
    assert np.unique(written.chroma).tolist() == [90, 128]


@pytest.mark.parametrize(
    ("text", "message"),
    [("z=3", "--xt-at z=3: give a column"), ("x=-1", "give a column"), ("120", "give a column"),
     ("x=50", "the frame is 50x40 px"), ("y=40", "the frame is 50x40 px")],
)  # fmt: skip
def test_lines_outside_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        Line.of(text, 40, 50)


def test_the_middle_column_by_default():
    assert Line.of(None, 40, 50) == ("x", 25)
    assert Line.of("y=39", 40, 50) == ("y", 39)
