"""Codes: what goes in comes out, and a region changes nothing outside."""

from __future__ import annotations

import av
import numpy as np
import pytest

from footage import texture
from microexpr.apps.magnify_video.region import MARGIN_PX, Region
from microexpr.errors import ConfigError
from microexpr.video.frame import Frame, from_rgb
from microexpr.video.picture import Orientation, Picture


def test_deep_codes_round_to_8_bits():
    codes = np.array([[0, 1, 2, 3, 4, 5, 6, 1021, 1022, 1023]], np.uint16)
    frame = Frame(codes, np.zeros((2, 1, 5), np.uint8), 10, 0)
    assert frame.luma8().tolist() == [[0, 0, 1, 1, 1, 1, 2, 255, 255, 255]]
    np.testing.assert_allclose(frame.values() * 255, codes / 4, rtol=1e-6)


def test_colours_survive_the_way_through_codes():
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (4, 5, 3), np.uint8)
    rgb = blocks.repeat(8, axis=0).repeat(8, axis=1)
    frame = from_rgb(rgb, 0)
    codes = np.concatenate([frame.luma8().ravel(), frame.chroma.ravel()]).reshape(48, 40)
    picture = av.VideoFrame.from_ndarray(codes, format="yuv420p")
    back = picture.to_ndarray(format="rgb24")[4::8, 4::8].astype(int)  # away from the edges
    assert np.abs(back - blocks).max() <= 3


def test_16_bit_images_keep_what_8_bits_cannot_hold():
    steps = np.linspace(20000, 20256, 64).astype(np.uint16)  # one 8-bit level
    frame = from_rgb(np.tile(steps[:, None], (2, 1, 3)).reshape(2, 64, 3), 0)
    assert len(np.unique(frame.luma)) > 50


def test_turning_keeps_luma_and_chroma_together():
    luma = np.arange(16, 40, dtype=np.uint8).reshape(4, 6)
    codes = np.concatenate([luma.ravel(), luma[::2, ::2].ravel(), luma[::2, ::2].ravel()])
    stored = av.VideoFrame.from_ndarray(codes.reshape(6, 6), format="yuv420p")
    quarter = Orientation(transposed=True, flipped=True)  # counterclockwise
    turned = Picture(0, stored, orientation=quarter).frame(0, full_range=False)
    assert turned.luma.shape == (6, 4)
    assert turned.luma[0].tolist() == luma[:, -1].tolist()
    np.testing.assert_array_equal(turned.chroma[0], np.rot90(luma[::2, ::2]))


@pytest.mark.parametrize("masked", [True, False])
def test_a_region_is_whole_inside_and_nothing_outside(masked):
    region = Region.of((40, 30, 60, 50), 200, 300, masked=masked)
    rows, columns = region.window
    weight = np.zeros((200, 300))
    weight[rows, columns] = region.weight
    x, y, wide, high = region.full
    assert (x, y, wide, high) == (50, 38, 40, 34)  # a sixth of the sides, 8 px at least
    assert (weight[y : y + high, x : x + wide] == 1).all()
    outside = np.ones((200, 300), bool)
    outside[30:80, 40:100] = False
    assert (weight[outside] == 0).all()
    assert (rows.start, columns.stop) == (30 - 30, 100 + MARGIN_PX)
    assert rows.start % 2 == columns.start % 2 == 0


def test_a_region_at_the_border_does_not_fade_there():
    region = Region.of((0, 0, 40, 40), 41, 100, masked=True)
    assert region.weight[0, 0] == 1
    assert region.weight[20, 39] < 0.1
    assert region.half_window == (slice(0, 21), slice(0, 36))


def test_blending_mixes_by_the_weight():
    region = Region.of((10, 10, 40, 40), 64, 64, masked=False)
    still, changed = texture(64, 64), texture(64, 64, seed=1)
    rows, columns = region.window
    blended = region.blend(still[rows, columns], changed[rows, columns])
    assert blended[0, 0] == still[rows, columns][0, 0]
    np.testing.assert_allclose(blended[30 - rows.start, 30 - columns.start], changed[30, 30])
    whole = Region.of(None, 64, 64, masked=False)
    assert whole.blend(still, changed) is changed


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        ((0, 0, 15, 50), "15x50 px is too small"),
        ((-1, 0, 50, 50), "leaves the frame of 100x80 px"),
        ((60, 0, 50, 50), r"50x50 px at \(60, 0\) leaves"),
        ((0, 31, 50, 50), "leaves"),
    ],
)
def test_regions_outside_are_refused(roi, message):
    with pytest.raises(ConfigError, match=message):
        Region.of(roi, 80, 100, masked=True)
