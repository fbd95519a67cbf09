"""Figures of clips: crops, windows, features, slices and videos."""

from __future__ import annotations

import av
import numpy as np
import pytest

import listed
from microexpr import cache
from microexpr.config import Config, Windows
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, ConfigError, DataError
from microexpr.figures import clips_shown, methods_explained, style
from microexpr.figures.inputs import (
    ClipFeatures,
    Crop,
    crop_sheet,
    embedding,
    same_neighbour,
    window_coverage,
)
from microexpr.figures.motion import side_by_side, slice_column, time_slices, write_video
from microexpr.training.windows import windows


def test_a_crop_is_read_with_its_box_in_its_own_pixels(image_cache):
    path = image_cache(size=16, clips=2, frames=3)
    with cache.open_cache(path) as faces:
        clip = next(iter(faces))
        attributes = {"transform": np.array([[0.5, 0, 1], [0, 0.5, 2]]).ravel()}
        attributes |= {"jitter_px": 0.5, "detected_share": 1.0}
        crop = Crop.read(_With(clip, attributes))
        x, y, width, height = clip["box"][0]
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        np.testing.assert_allclose(crop.box, np.array(corners) / 2 + (1, 2), rtol=1e-6)
        np.testing.assert_array_equal(crop.image, clip.data[0])
    assert crop.landmarks is None
    assert crop.doubtful


class _With(cache.ClipCache):
    """A clip with some more attributes."""

    def __init__(self, clip: cache.ClipCache, more: dict) -> None:
        super().__init__(clip.clip_id, clip.group, clip.dataset)
        object.__setattr__(self, "more", more)

    @property
    def attributes(self):
        return super().attributes | self.more


def test_doubtful_crops_stand_out():
    image = np.zeros((8, 8, 3), np.uint8)
    good = Crop("good", image, None, None, 0.1, 1.0)
    shaky, unseen = (
        Crop("shaky", image, None, None, 0.6, 1.0),
        Crop("gone", image, None, None, 0, 0.5),
    )
    figure = crop_sheet([good, shaky, unseen], page=1, pages=1, synthetic=False)
    titles = [axes.title for axes in figure.axes[:3]]
    assert [t.get_color() == style.VERMILION for t in titles] == [False, True, True]
    assert "2 doubtful" in figure.texts[0].get_text()


def test_coverage_counts_the_windows_that_training_takes():
    settings = Windows(n=[7, 9])
    figure = window_coverage([12, 20, 30], settings, synthetic=False)
    image = figure.axes[1].images[0].get_array()
    for row, n in zip(image, settings.n, strict=True):
        taken = windows(20, n, modes=settings.modes, even=settings.even, short="pad")
        np.testing.assert_array_equal(row.filled(0), np.bincount(taken.ravel(), minlength=20))


def test_features_that_tell_people_apart_are_called_so():
    rng = np.random.default_rng(0)
    subjects = np.repeat(["s1", "s2", "s3", "s4"], 6)
    labels = np.tile(["a", "b"], 12)
    vectors = rng.normal(size=(24, 5)) + 20 * rng.normal(size=(4, 5)).repeat(6, axis=0)
    assert same_neighbour(vectors, subjects)[0] == 1
    assert same_neighbour(vectors, subjects)[1] == pytest.approx(5 / 23)
    assert same_neighbour(rng.permutation(vectors), labels)[0] < 0.8
    # Clips that are alike altogether are no neighbours of themselves.
    assert same_neighbour(np.zeros((4, 2)), ["a", "b", "c", "d"])[0] == 0


def test_features_are_joined_with_the_manifest(tmp_path):
    rng = np.random.default_rng(0)
    frames = {name: rng.normal(size=(4, 6, 2, 2)).astype(np.float16) for name in "abc"}
    path = tmp_path / "features.h5"
    with cache.create(path, "features", cache.Provenance()) as out:
        for name, values in frames.items():
            with out.clip(name) as clip:
                clip.append(values, frame=np.arange(4), time=np.arange(4) / 100)
    clips = listed.rows("cab", ["s3", "s1", "s2"], "zxy")
    found = ClipFeatures.read([path], clips)
    assert (found.subjects, found.labels) == (("s3", "s1", "s2"), ("z", "x", "y"))
    means = np.stack([frames[name].astype(np.float32).mean(axis=(0, 2, 3)) for name in "cab"])
    # Standardised channel by channel: who is largest stays so.
    np.testing.assert_array_equal(found.vectors["raw"].argmax(axis=0), means.argmax(axis=0))
    with pytest.raises(CacheError, match=r"features\.h5: clip b is not in the manifest"):
        ClipFeatures.read([path], clips[:2])


def test_embedding_needs_some_clips_and_draws_all():
    def features(count: int) -> ClipFeatures:
        vectors = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
        names = [f"s{k % 3}" for k in range(count)]
        return ClipFeatures(
            {"raw": vectors}, tuple(names), tuple("ab"[k % 2] for k in range(count))
        )

    figure = embedding(features(8), ["a", "b"], title="t", synthetic=False)
    for axes in figure.axes:
        assert sum(len(points.get_offsets()) for points in axes.collections) == 8
    with pytest.raises(DataError, match="t-SNE needs 5 clips, there are 4"):
        embedding(features(4), ["a", "b"], title="t", synthetic=False)


def test_slices_are_one_column_of_pixels():
    rng = np.random.default_rng(0)
    clips = {name: rng.integers(0, 256, (7, 20, 30, 3), np.uint8) for name in ("none", "pmm")}
    figure = time_slices(clips, 11, fps=100, title="t", synthetic=False)
    for axes, images in zip(figure.axes[1:], clips.values(), strict=True):
        shown = axes.images[0].get_array()
        assert shown.shape == (20, 7, 3)
        np.testing.assert_array_equal(shown[:, 4], images[4, :, 11])
    clips["pmm"] = clips["pmm"][:5]
    with pytest.raises(DataError, match="different lengths"):
        time_slices(clips, 11, fps=100, title="t", synthetic=False)
    landmarks = np.array([(10, 5), (20, 5), (15, 10), (12, 15), (18, 15)])
    assert slice_column(landmarks, 30) == 11
    assert slice_column(None, 30) == 10


def test_a_video_plays_everywhere_and_shows_the_arms_beside_each_other(tmp_path):
    count, size = 9, 33
    dark, light = (np.full((count, size, size, 3), level, np.uint8) for level in (40, 200))
    light[4] = 90
    path = tmp_path / "motion.mp4"
    write_video(path, side_by_side({"none": dark, "pmm": light}, count, synthetic=True))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 10
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == count
    assert frames[0].shape == (44 + 66 + 4, 132, 3)
    left, right = frames[3][60:100, 10:56], frames[3][60:100, 76:122]
    assert abs(left.mean() - 40) < 3
    assert abs(right.mean() - 200) < 3
    assert abs(frames[4][60:100, 76:122].mean() - 90) < 4
    # The bar below grows with time.
    assert frames[-1][-2, -3, 2] > frames[-1][-2, -3, 0] + 60
    assert frames[0][-2, -3, 0] > 200


CLIPS = [
    Clip(
        clip_id=f"s{s}_{label}",
        subject=f"s{s}",
        label=label,
        kind="images",
        source=f"s{s}_{label}",
        frames=9,
        first=0,
        last=8,
        fps=100,
    )
    for s in range(1, 6)
    for label in ("negative", "positive", "surprise")
]


def test_the_first_tested_clip_of_each_class_is_shown():
    names = [clip.clip_id for clip in clips_shown(Config(), CLIPS)]
    assert names == ["s1_negative", "s1_positive", "s1_surprise"]
    config = Config.parse({"figures": {"clips": ["s4_positive", "s2_negative", "s4_positive"]}})
    assert [c.clip_id for c in clips_shown(config, CLIPS)] == ["s4_positive", "s2_negative"]
    holdout = Config.parse({"protocol": {"name": "holdout", "test_share": 0.2}})
    shown = clips_shown(holdout, CLIPS)
    assert [clip.label for clip in shown] == ["negative", "positive", "surprise"]
    assert len({clip.subject for clip in shown}) == 1


def test_unknown_clips_and_arms_are_refused():
    with pytest.raises(ConfigError, match="figures.clips: there is no clip s9"):
        clips_shown(Config.parse({"figures": {"clips": ["s9"]}}), CLIPS)
    few = {"magnify": {"methods": ["pmm", "none", "filter_only"]}}
    assert methods_explained(Config.parse(few)) == ["pmm", "none"]
    with pytest.raises(ConfigError, match="explain.methods: amm is not in magnify.methods"):
        methods_explained(Config.parse(few | {"explain": {"methods": ["amm"]}}))
