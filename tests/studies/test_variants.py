"""Variants and the runs behind a table: names, files, changes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from microexpr.backbones.networks import NETWORKS
from microexpr.backbones.weights import build
from microexpr.config import Config
from microexpr.errors import ConfigError
from microexpr.pipeline import layout
from microexpr.pipeline.plan import Plan
from microexpr.studies import ablation, variants
from microexpr.studies.ablation import AblationSettings
from microexpr.studies.variants import ChoiceSettings, Run
from microexpr.training.controls import CONTROLS, controlled
from test_config import merge

ROOT = Path(__file__).parents[2]
DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())


def plan(**sections) -> Plan:
    return Plan(merge(DEMO, sections))


def levels(given: Plan) -> AblationSettings:
    return AblationSettings.of(given.config)


def choices(given: Plan) -> dict:
    return variants.choices(ChoiceSettings.of(given.config))


def test_the_networks_are_what_they_are_said_to_be():
    for name in ("mobilenet_vggface2", "random_mobilenet", "random_resnet50"):
        assert NETWORKS[name].blocks == build(name).n_blocks
        assert name in (f"random_{NETWORKS[name].family}", "mobilenet_vggface2")
    fields = Config.model_json_schema()["$defs"]["Features"]["properties"]
    assert list(NETWORKS.own) == fields["backbone"]["enum"]


def test_a_variant_is_the_configuration_with_some_keys_changed():
    given = plan()
    assert given.variant("") == given.config
    retrained = given.variant("retrained")
    assert retrained.features.cut == 11
    changed = {"features": {"cut", "compression"}, "train": {"epochs", "batch_clips"}}
    changed["train"] |= {"windows_per_clip", "chunks", "feature_modes"}
    for section, values in given.config.model_dump().items():
        other = retrained.model_dump()[section]
        assert {k for k in values if other[k] != values[k]} == changed.get(section, set())
    with pytest.raises(ConfigError, match="there is no variant 'retraind'"):
        given.variant("retraind")


def test_the_tables_own_settings_do_not_depend_on_variants():
    given, other = plan(), plan(ablation={"blocks": {"retrained": None}}, leak={"n": 9})
    for stage in ("features", "train", "evaluate"):
        assert given.settings(stage) == other.settings(stage)
    assert given.choices() == []
    further = given.further_predictions()
    assert {Path(file).parts[2] for file in further} == set(CONTROLS) - {"placebo"}
    assert plan(evaluate={"controls": []}).further_predictions() == []


def test_only_what_differs_from_the_table_is_run_again():
    rows = ablation.rows(levels(plan()))
    own = {(row.factor, row.level) for row in rows if not row.run.variant}
    assert own == {
        ("default", ""),
        *(("magnification", method) for method in ("none", "filter_only", "amm")),
        ("feature_mode", "raw"),
    }
    assert layout.trained(rows[0].run, 2) == [f"results/train/pmm/N14/chunk{p}.csv" for p in (0, 1)]
    (frame,) = (row.run for row in rows if row.level == "frame_fc")
    assert frame == Run("pmm", 14, "frame_fc")
    assert layout.trained(frame, 1) == ["results/variants/frame_fc/train/pmm/N14/chunk0.csv"]
    alone = ablation.rows(levels(plan(train={"feature_modes": ["raw"]})))
    (difference,) = (row for row in alone if row.factor == "feature_mode")
    assert difference.run.variant == difference.level == "onset_difference"


def test_the_full_product_has_every_combination_once():
    given = plan()
    rows = ablation.rows(levels(given), full=True)
    assert len(rows) == 4 * 2 * 2 * 3 * 2
    assert len({tuple(row.levels.values()) for row in rows}) == len(rows)
    assert len({row.system for row in rows}) == len(rows)
    single = {row.system for row in ablation.rows(levels(given))}
    assert single <= {row.system for row in rows}
    (both,) = (
        row.run
        for row in rows
        if list(row.levels.values()) == ["amm", "frame_fc", "raw", "random", "retrained"]
    )
    assert both.variant == "frame_fc-random-retrained-raw"
    changed = given.variant(both.variant)
    assert (changed.train.head, changed.train.feature_modes) == ("frame_fc", ["raw"])
    assert (changed.features.backbone, changed.features.cut) == ("random_mobilenet", 11)


@pytest.mark.slow
def test_variants_of_one_network_share_its_features():
    given = plan()
    assert given.network() == given.network("frame_fc") == "mobilenet_vggface2"
    assert given.network("retrained") == given.network("frame_fc-retrained")
    names = {"mobilenet_vggface2", "mobilenet_vggface2-B11", "random_mobilenet-B13"}
    names |= {"random_mobilenet-B11", "efficientnet_lite0_imagenet-B16"}
    assert set(given.networks) == names | {"efficientnet_lite0_imagenet-B11"}
    assert given.settings("features", network="mobilenet_vggface2-B11").features.cut == 11


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"weights": {"random": {"features": {"backbone": "random_resnet50"}}}}, "another network"),
        (
            {"weights": {"imagenet": {"features": {"cut": 6}}}},
            "at B6, which is retrained",
        ),
        ({"weights": {"vggface2": {"features": {"backbone": "random_mobilenet"}}}}, None),
        (
            {"blocks": {"retrained": {"features": {"cut": 13}}}},
            "at B13, which is frozen",
        ),
        ({"blocks": {"retrained": {"features": {"cut": 17}}}}, "cut: 17 is outside 1..13"),
        ({"blocks": {"retrained": {"magnify": {"alpha": 3}}}}, "ablation.blocks.retrained.magnify"),
        (
            {"blocks": {"retrained": {"train": {"epoks": 3}}}},
            "train.epoks is no key; did you mean epochs",
        ),
    ],
)
def test_levels_that_are_not_what_they_say_are_refused(section, message):
    if message is None:  # the configuration's own weights are no further level
        assert len(ablation.rows(levels(plan(ablation=section)))) == 9
        return
    with pytest.raises(ConfigError, match=message):
        given = plan(ablation=section)
        assert [given.variant(run.variant) for run in given.ablation()]


def test_a_level_can_be_left_out_by_name():
    rows = ablation.rows(levels(plan(ablation={"weights": {"imagenet": None}})))
    assert [row.level for row in rows if row.factor == "weights"] == ["random"]


def test_a_cut_beyond_the_network_is_refused_before_any_job():
    with pytest.raises(ConfigError, match=r"features\.cut: 14 is outside 1\.\.13"):
        plan(features={"cut": 14})


def test_controls_change_what_makes_them_controls():
    given = plan(evaluate={"permutations": 3})
    for method, n in (("pmm", 14), ("none", 14)):
        for name in ("single_frame", "shuffled_frames", "reversed_frames", "permuted_labels"):
            assert Run(method, n, name) in variants.controls(list(CONTROLS), ["pmm", "none"], 14)
    placebos = variants.controls(["placebo"], ["pmm", "none", "filter_only"], 14)
    assert placebos == [Run("placebo_pmm", 14)]
    settings = given.settings("train_controls")
    found = {name: controlled(settings, name, 3) for name in settings.evaluate.controls}
    assert found["single_frame"].windows.modes == ["middle"]
    assert {v.train.feature_modes[1] for v in found.values()} == {"raw"}
    assert [name for name, v in found.items() if v.train.permute_labels] == ["permuted_labels"]
    assert found["permuted_labels"].train.seeds == [0, 1, 2]
    orders = [found[f"{name}_frames"].windows.order for name in ("shuffled", "reversed")]
    assert orders == ["shuffled", "reversed"]


def test_redraws_and_wrong_key_frames_are_variants():
    given = plan(noise_floor={"redraws": 3, "methods": ["pmm"]}, key_frames={"errors": [2]})
    drawn = given.variant("redraw2")
    assert (drawn.protocol.name, drawn.protocol.seed, drawn.train.seeds) == ("group_kfold", 2, [2])
    assert given.folds("redraw2") == "results/variants/redraw2/folds.csv"
    assert given.folds("offset2") == given.folds("apex2") == "results/folds.csv"
    assert given.noise_floor() == [
        f"results/variants/redraw{k}/train/pmm/N14/chunk0.csv" for k in range(3)
    ]
    assert given.variant("offset2").key_frames.offset_error == 2
    files = given.key_frames()
    assert "results/train/pmm/N14/chunk0.csv" in files
    assert "results/variants/apex2/compare/ststnet.csv" in files
    assert len(files) == len(set(files)) == 3 + 2 * 3
    # The table's own training does not follow from what the study tries.
    other = plan(key_frames={"errors": [7], "systems": ["ststnet"]})
    assert other.job("train")["config"] == given.job("train")["config"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"magnify": {"methods": ["none", "amm"]}, "ablation": {"method": "filter_only"}},
            r"ablation\.method: filter_only is none of \['none', ",
        ),
        (
            {"windows": {"n": [7, 8]}, "ablation": {"n": 12}},
            r"ablation\.n: 12 is none of \[7, 8\]; evaluate\.controls",
        ),
    ],
)
def test_controls_on_a_method_that_the_table_lacks_are_refused(section, message):
    given = plan(**section)  # what needs no control can still be planned
    with pytest.raises(ConfigError, match=message):
        given.further_predictions()
    plan(**section, evaluate={"controls": []}).further_predictions()


@pytest.mark.parametrize(
    ("key", "value"),
    [("n", 6), ("method", "filter_only"), ("against", "filter_only"), ("feature_mode", "raw")],
)
def test_a_primary_comparison_that_the_table_lacks_is_refused(key, value):
    table = {"magnify": {"methods": ["pmm", "amm"]}, "windows": {"n": [7, 14]}}
    table |= {"train": {"feature_modes": ["onset_difference"]}}
    given = plan(**table, evaluate={"primary": {key: value}})
    with pytest.raises(ConfigError, match=rf"evaluate\.primary\.{key}: {value} is none of "):
        given.further_predictions()


def test_a_primary_comparison_that_nobody_named_follows_the_table():
    table = {"magnify": {"methods": ["amm", "pmm"]}, "windows": {"n": [7, 8]}}
    primary = plan(**table, train={"feature_modes": ["raw"]}).config.evaluate.primary
    assert (primary.method, primary.against) == ("pmm", "amm")
    assert (primary.n, primary.feature_mode) == (8, "raw")


def test_candidates_of_a_nested_choice():
    small = {"windows": {"n": [9, 7]}, "ablation": {"n": 9}}
    given = plan(**small, select={"n": "nested"})
    found = choices(given)
    assert set(found) == {(m, None) for m in ("amm", "pmm", "none", "filter_only")}
    assert found["pmm", None] == [Run("pmm", 7), Run("pmm", 9)]
    given = plan(**small, select={"alpha": "nested", "alphas": [20, 10, 2.5]})
    found = choices(given)
    assert set(found) == {(m, n) for m in ("amm", "pmm") for n in (7, 9)}
    assert [run.method for run in found["amm", 9]] == ["amm-a2.5", "amm", "amm-a20"]
    assert layout.inner(found["amm", 9][0], 1) == ["results/inner/amm-a2.5/N9/chunk0.csv"]
    both = plan(**small, select={"alpha": "nested", "n": "nested"})
    found = choices(both)
    assert len(found["pmm", None]) == 6
    assert len(found["none", None]) == 2


def test_a_method_at_another_alpha_is_magnified_so():
    given = plan()
    names = ("pmm", "pmm-a2.5")
    settings = [given.settings("magnify", method=method).plain() for method in names]
    assert [s["magnify"].pop("alpha") for s in settings] == [10.0, 2.5]
    assert settings[0] == settings[1]


def test_a_drawn_subject_that_is_left_out_changes_no_other_subject():
    whole = plan(demo={"subjects": 5}, data={"subjects_per_shard": 1})
    without = plan(demo={"subjects": 5}, data={"subjects_per_shard": 1, "leave_out": ["s2"]})
    assert list(without.shards) == ["s1", "s3", "s4", "s5"]
    for shard in without.shards:
        assert without.settings("demo", shard=shard) == whole.settings("demo", shard=shard)
        assert without.rows(shard) == whole.rows(shard)
    assert without.index_key != whole.index_key
