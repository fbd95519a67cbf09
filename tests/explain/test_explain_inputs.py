"""What an explanation rests on: the fold's own model, caches of the same clips, a file of maps."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from explained import small_network

import listed
from microexpr import cache
from microexpr.config import Config, Windows
from microexpr.errors import CacheError, DataError, ProtocolError
from microexpr.explain import maps as files
from microexpr.explain.gradcam import ClipExplainer, ClipInputs
from microexpr.explain.inputs import FoldModel, Sources, explained_clips
from microexpr.explain.maps import BACKBONE, MODELS, TRAINED, ClipMaps
from microexpr.runtime.tables import seal
from microexpr.training.feature_modes import FeatureTransform, FineTunedBlocks
from microexpr.training.model import TrainedModel, WindowClassifier

FOLDS = "clip_id,subject,label,fold\na,s1,negative,s1\nb,s2,positive,s2\n"
CLIPS = (("a", "b"), ("s1", "s2"), ("negative", "positive"))
CONFIG = Config.parse({"explain": {"n": 4}})


def write(path, kind, data, names=("a", "b"), apex=5):
    with cache.create(path, kind, cache.Provenance()) as out:
        for number, name in enumerate(names):
            with out.clip(name, fps=100.0, apex=apex) as clip:
                count = len(data[number])
                clip.append(
                    data[number],
                    frame=np.arange(count),
                    time=np.arange(count) / 100,
                    **(
                        {}
                        if kind == "features"
                        else {"detected": np.ones(count), "box": np.zeros((count, 4))}
                    ),
                )
    return path


@pytest.fixture
def sources(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (9, 16, 16, 3), np.uint8) for _ in range(2)]
    net = small_network()
    features = [
        net.front(net.preprocess(torch.from_numpy(clip)), 1).numpy().astype(np.float16)
        for clip in images
    ]
    (tmp_path / "folds.csv").write_text(FOLDS)
    seal(tmp_path / "folds.csv")
    faces = write(tmp_path / "faces.h5", "faces", images)
    for fold, other in (("s1", "b"), ("s2", "a")):
        about = {"n": 4, "labels": CONFIG.data.labels, "digest": fold, "train_clips": [[other, ""]]}
        trained(net).save(tmp_path / f"onset_difference_0_{fold}.safetensors", **about)
    return Sources(
        faces=[faces],
        images=[faces],
        features=[write(tmp_path / "features.h5", "features", features)],
        models=[tmp_path],
        folds=tmp_path / "folds.csv",
        manifest=listed.write(tmp_path / "manifest.csv", *CLIPS),
    )


def trained(net) -> TrainedModel:
    torch.manual_seed(0)
    classifier = WindowClassifier(5, 3, embed=7, hidden=4, dropout=0.0)
    fine_tuned = FineTunedBlocks(net, 1)
    with torch.no_grad():
        for parameter in fine_tuned.tuned_parameters().values():
            parameter.mul_(1.5)
    transform = FeatureTransform(True, torch.zeros(5), torch.ones(5))
    return TrainedModel(transform, classifier.eval(), fine_tuned)


def read(sources):
    with ExitStack() as stack:
        clips = explained_clips(CONFIG.data, sources, stack)
        return [(clip.clip_id, clip.fold, clip.about.label) for clip in clips]


def test_each_clip_is_explained_by_the_fold_that_tests_it(sources):
    assert read(sources) == [("a", "s1", "negative"), ("b", "s2", "positive")]
    with ExitStack() as stack:
        clips = list(explained_clips(CONFIG.data, sources, stack))
        models = [FoldModel.read(CONFIG, sources, clip.fold, small_network()) for clip in clips]
        for clip, model in zip(clips, models, strict=True):
            assert isinstance(model.of(clip), TrainedModel)
        with pytest.raises(ProtocolError, match="clip b: the model of fold s2 was trained on it"):
            models[0].of(clips[1])


def test_a_model_that_is_missing_or_of_another_n_is_refused(sources):
    with pytest.raises(DataError, match="fold s3: no model onset_difference_0_s3"):
        FoldModel.read(CONFIG, sources, "s3", small_network())
    with pytest.raises(DataError, match=r"is of N = 4 .*explain.n"):
        FoldModel.read(CONFIG.changed({"explain": {"n": 5}}), sources, "s1", small_network())


def test_caches_of_other_clips_are_refused(sources, tmp_path):
    write(sources.features[0], "features", [np.zeros((9, 6, 8, 8), np.float16)] * 2, ("a", "c"))
    with pytest.raises(CacheError, match="different clips"):
        read(sources)


def test_the_manifest_says_what_is_explained(sources):
    names, subjects, _ = CLIPS
    listed.write(sources.manifest, names, subjects, ("surprise", "positive"))
    assert read(sources)[0] == ("a", "s1", "surprise")
    with ExitStack() as stack:
        assert inputs(sources, stack).target == CONFIG.data.labels.index("surprise")
    listed.write(sources.manifest, ("a", "z"), subjects, ("negative", "positive"))
    with pytest.raises(CacheError, match="clip z: in the manifest, and in none of the caches"):
        read(sources)


def inputs(sources, stack) -> ClipInputs:
    return next(explained_clips(CONFIG.data, sources, stack)).inputs


def test_maps_of_retrained_blocks_do_not_depend_on_where_they_come_from(sources):
    explainer = ClipExplainer(small_network(), 1, n=4, settings=Windows())
    model = trained(small_network())
    with ExitStack() as stack:
        clip = inputs(sources, stack)
        both = explainer.at_apex(clip, model, [1, 2])
        assert set(both) == {(name, block) for name in MODELS for block in (1, 2)}
        assert all((values >= 0).all() for values in both.values())
        # What lies behind the cut needs no image: the cache says all.
        blind = ClipInputs(clip.clip_id, np.zeros_like(clip.images), clip.features, 0, clip.apex)
        cached = explainer.at_apex(blind, model, [1, 2])
        for key in ((TRAINED, 1), (TRAINED, 2), (BACKBONE, 2)):
            np.testing.assert_array_equal(cached[key], both[key])
        # The retrained block and the one before training see different things.
        assert not np.allclose(both[TRAINED, 2], both[BACKBONE, 2])
        np.testing.assert_array_equal(
            explainer.at_apex(clip, model, [2])[TRAINED, 2], both[TRAINED, 2]
        )


def test_the_control_has_seen_nothing_and_is_the_same_every_time(sources):
    explainer = ClipExplainer(small_network(), 1, n=4, settings=Windows())
    with ExitStack() as stack:
        clip = inputs(sources, stack)
        first, second = (explainer.at_apex(clip, trained(small_network()), [2]) for _ in range(2))
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key])
    maps = [first[name, 2] for name in MODELS]
    assert all(not np.allclose(maps[0], other) for other in maps[1:])


def test_frames_of_a_clip_get_a_map_each(sources):
    explainer = ClipExplainer(small_network(), 1, n=4, settings=Windows())
    with ExitStack() as stack:
        clip = inputs(sources, stack)
        found = explainer.over_time(clip, trained(small_network()), np.array([0, 4, 8]), [1, 2])
        assert {key: values.shape for key, values in found.items()} == {
            (TRAINED, 1): (3, 8, 8),
            (TRAINED, 2): (3, 4, 4),
        }
        every = explainer.over_time(clip, trained(small_network()), np.arange(9), [2])
        np.testing.assert_allclose(every[TRAINED, 2][[0, 4, 8]], found[TRAINED, 2], atol=1e-6)


def test_a_file_of_maps_gives_back_what_was_written(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 16, 3), np.uint8)
    window = {(TRAINED, 13): rng.random((4, 4)).astype(np.float32)}
    full = ClipMaps({"label": "negative"}, image, window)
    full.frames, full.images = np.array([0, 3]), np.stack([image, image])
    full.frame = {(BACKBONE, 2): rng.normal(size=(2, 4, 4)).astype(np.float32)}
    full.clip = {(TRAINED, 13): rng.normal(size=(4, 4, 4)).astype(np.float32)}
    with files.write(tmp_path / "maps.h5", n=4, blocks=[13]) as file:
        files.add(file, "s2", full)
        files.add(file, "s1", ClipMaps({"label": "positive"}, image, window))
    with files.read(tmp_path / "maps.h5") as found:
        assert list(found) == ["s2", "s1"]
        clip = found["s2"]
        assert clip.attributes == {"label": "negative"}
        for name in ("window", "frame", "clip"):
            for key, values in getattr(full, name).items():
                np.testing.assert_array_equal(getattr(clip, name)[key], values)
        np.testing.assert_array_equal(clip.images, full.images)
        assert len(found["s1"].frames) == 0
        with pytest.raises(CacheError, match="holds no clip s9"):
            found["s9"]


def test_another_file_is_refused(tmp_path, image_cache):
    for path, words in ((image_cache(), "no Grad-CAM maps"), (tmp_path / "none.h5", "not a read")):
        with pytest.raises(CacheError, match=words), files.read(path):
            pass
