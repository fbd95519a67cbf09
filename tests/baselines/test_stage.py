"""Stage compare on caches: predictions as training writes them, and a run that resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from planted_faces import LABELS, Planted, planted

import listed
from microexpr import baselines, stages
from microexpr.backbones import weights
from microexpr.baselines import lbp_top
from microexpr.baselines.base import System
from microexpr.cache import Provenance, create, open_cache
from microexpr.config import Compare, Config
from microexpr.errors import CacheError
from microexpr.fingerprints.code import Code
from microexpr.protocol import predictions, write_folds
from microexpr.protocol.splits import make_folds
from running import run_stage

pytestmark = pytest.mark.filterwarnings("ignore:magnify.alpha")


def test_the_configuration_names_every_system():
    assert Compare().systems == list(baselines.SYSTEMS)
    for name in baselines.SYSTEMS:
        assert build(name, Config()).name == name


@pytest.mark.parametrize("name", list(baselines.SYSTEMS))
def test_every_system_says_what_is_published_specified_and_inferred(name):
    text = baselines.SYSTEMS.load(name, "system").__doc__
    for word in ("Specified", "Inferred"):
        assert word in text
    published = baselines.SYSTEMS[name].published
    assert published.protocol and published.source
    seen = published.accuracy or published.uf1
    assert bool(seen) == (name not in {"flow_svm", "mdmo"})


def test_a_change_of_one_system_is_no_change_of_another():
    codes = [Code("train_system", system=name).fingerprint for name in baselines.SYSTEMS]
    assert len(set(codes)) == len(codes)


def write_faces(folder: Path, data: Planted) -> list[Path]:
    """Write one cache a subject."""
    paths = []
    for subject in dict.fromkeys(data.subjects):
        path = folder / f"{subject}.h5"
        with create(path, "faces", Provenance()) as out:
            for clip, who in zip(data.clips, data.subjects, strict=True):
                if who == subject:
                    frames = len(clip.images)
                    about = {"fps": clip.fps, "landmarks_px": clip.landmarks_px.ravel()}
                    with out.clip(clip.clip_id, **about) as group:
                        group.append(
                            clip.images, frame=np.arange(frames), time=np.arange(frames) / clip.fps
                        )
        paths.append(path)
    return paths


def write_tables(folder: Path, data: Planted) -> dict[str, Path]:
    """Write manifest and folds, as options of the stages."""
    about = (data.names, data.subjects, data.labels)
    folds = make_folds(*about, name="loso", classes=LABELS)
    write_folds(folder / "folds.csv", listed.rows(*about), folds)
    clips = listed.write(folder / "manifest.csv", *about)
    return {"manifest": clips, "folds": folder / "folds.csv"}


def configured(**compare_keys) -> Config:
    values = {"compare": compare_keys, "train": {"epochs": 2, "feature_modes": ["raw"]}}
    return Config.parse(values | {"data": {"kind": "smic"}})


def train(system: str, config: Config, caches: list[Path], output: Path, tables: dict) -> None:
    best_epoch = output.with_name(f"best_{output.name}")
    files = {"caches": caches, "predictions": output, "best_epoch": best_epoch} | tables
    run_stage("train_system", config, **files, system=system)


def build(name: str, config: Config) -> System:
    """Make a system with the keys that the stage reads."""
    settings = stages.declared("train_system").settings.of(config, system=name)
    return baselines.build(name, settings)


def test_a_stage_reads_faces_learns_and_writes_predictions(tmp_path, caplog):
    data = planted(3, 1)
    caches, tables = write_faces(tmp_path, data), write_tables(tmp_path, data)
    output = tmp_path / "out" / "ststnet.csv"
    config = configured(epochs=1, seeds=[0, 1])
    with caplog.at_level("INFO"):
        train("ststnet", config, caches, output, tables)
    frame = predictions.read([output], LABELS)
    assert len(frame) == 9 * 2
    assert set(frame["n"]) == {2}
    assert (frame["fold"] == frame["subject"]).all()
    assert caplog.text.count("estimated") == 9
    chosen = predictions.read([output.with_name("best_ststnet.csv")], LABELS)
    assert set(chosen["method"]) == {"ststnet_best_epoch_on_test"}
    # Of a single epoch, the best is the last.
    shares = [f"p_{name}" for name in LABELS]
    pd.testing.assert_frame_equal(chosen[shares], frame[shares])
    names = ["best_ststnet.csv", "ststnet.csv"]
    wanted = sorted([*names, *(f"{name}.sha256" for name in names)])
    assert sorted(p.name for p in output.parent.iterdir()) == wanted


def test_descriptors_of_an_interrupted_run_serve_again(tmp_path, monkeypatch):
    data = planted(3, 1)
    caches, tables = write_faces(tmp_path, data), write_tables(tmp_path, data)
    config, whole, cut = configured(), tmp_path / "a.csv", tmp_path / "b.csv"
    train("evm_tim", config, caches, whole, tables)
    described = []
    describe = lbp_top.EVMTIM.describe

    def counted(self, clip):
        described.append(clip.clip_id)
        return describe(self, clip)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(lbp_top.EVMTIM, "describe", counted)
    with monkeypatch.context() as broken:
        broken.setattr(lbp_top.EVMTIM, "train", stop)
        with pytest.raises(KeyboardInterrupt):
            train("evm_tim", config, caches, cut, tables)
    assert len(described) == 9
    train("evm_tim", config, caches, cut, tables)
    assert len(described) == 9
    assert cut.read_bytes() == whole.read_bytes()
    # Other clips, other code or another apex: other descriptors. Other labels: the same.
    system, kept = build("evm_tim", config), tmp_path / "kept"
    rows = listed.rows(data.names, data.subjects, data.labels)
    for labels in (data.labels, data.permuted()):
        found = system.examples(caches, listed.rows(data.names, data.subjects, labels), kept)
        assert found.labels == labels
        assert len(described) == 9 + 9
    system.examples(caches[:2], rows[:6], kept)
    assert len(described) == 9 + 9 + 6
    system.apex = lambda _: 3
    system.examples(caches[:2], rows[:6], kept)
    assert len(described) == 9 + 9 + 12
    monkeypatch.setattr(Code, "accepted", "other code")
    system.examples(caches[:2], rows[:6], kept)
    assert len(described) == 9 + 9 + 18


def test_odd_caches_are_refused(tmp_path):
    data = planted(1, 1)
    (path,) = write_faces(tmp_path, data)
    rows = listed.rows(data.names, data.subjects, data.labels)
    system = build("evm_tim", configured())
    with pytest.raises(CacheError, match="clip s1_00 is in another shard as well"):
        system.examples([path, path], rows, tmp_path)
    with pytest.raises(CacheError, match="s1.h5: clip s1_02 is not in the manifest"):
        system.examples([path], rows[:2], tmp_path)
    system.examples([path], rows, tmp_path)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(CacheError, match=f"{file.name}: damaged"):
        system.examples([path], rows, tmp_path)


def write_features(path: Path, faces: list[Path], cut: int) -> list[Path]:
    """Write what the stage features would, with a small random network of 13 blocks."""
    network = weights.build("random_mobilenet")
    with create(path, "features", Provenance(weights_sha256=network.weights_sha256)) as out:
        for source in faces:
            with open_cache(source, "faces") as images, torch.inference_mode():
                for clip in images:
                    maps = network.front(network.preprocess(torch.from_numpy(clip.data[:])), cut)
                    about = {**clip.attributes, "method": "none", "backbone": network.name}
                    with out.clip(clip.clip_id, **about, cut=cut) as group:
                        group.append(
                            maps.numpy().astype(np.float16), frame=clip["frame"], time=clip["time"]
                        )
    return [path]


@pytest.mark.parametrize("cut", [13, 12])
def test_own_network_repeats_the_arm_none_frozen_to_the_last_block(tmp_path, cut):
    data = planted(3, 1, size_px=64)
    faces, tables = write_faces(tmp_path, data), write_tables(tmp_path, data)
    caches = write_features(tmp_path / "features.h5", faces, cut)
    values = {"features": {"backbone": "random_mobilenet", "cut": cut}}
    values |= {"train": {"epochs": 2, "feature_modes": ["raw"]}, "compare": {"against": {"n": 7}}}
    config = Config.parse(values)
    system = build("vggface2_bilstm", config)
    assert system.frames == 7
    assert system.examples(
        caches, listed.rows(data.names, data.subjects, data.labels), tmp_path
    ).shape == (1024, 1, 1)
    train("vggface2_bilstm", config, caches, tmp_path / "own.csv", tables)
    own = pd.read_csv(tmp_path / "own.csv")
    assert (own["n_windows"] > 1).all()
    if cut == 13:  # the method itself, as the stage train has it
        output = tmp_path / "method.csv"
        files = {"features": caches, "predictions": [output]} | tables
        run_stage("train", config, **files, method="none", n=[7])
        method = pd.read_csv(tmp_path / "method.csv")
        pd.testing.assert_frame_equal(own.drop(columns="method"), method.drop(columns="method"))
