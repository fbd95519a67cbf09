"""One model is the source of defaults, schema and documentation; nothing unknown passes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from microexpr.config import Config, reference
from microexpr.config import reference as schema
from microexpr.errors import ConfigError
from microexpr.stages import SECTIONS, part

ROOT = Path(__file__).parents[1]
PRESETS = sorted(ROOT.glob("config/*.yaml"))


def merge(base: dict, extra: dict) -> dict:
    """Merge nested dictionaries the way Snakemake merges configuration files."""
    merged = dict(base)
    for key, value in extra.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def keys(model: dict, prefix: str = "") -> set[str]:
    found = set()
    for name, value in model.items():
        found |= keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return found


def test_config_yaml_shows_every_key_with_its_default():
    shown = yaml.safe_load((ROOT / "config.yaml").read_text())
    defaults = json.loads(Config().model_dump_json())
    # What other levels of the ablation change depends on the network.
    own = {"data": {"subjects_per_shard": 6}}
    own |= {"ablation": {key: shown["ablation"][key] for key in ("weights", "blocks")}}
    assert Config.parse(shown) == Config.parse(merge(defaults, own))
    # A file of the user's cannot be merged over null, so this one stands there as a comment.
    hidden = {"features.weights"}
    shown["ablation"] |= defaults["ablation"]
    assert keys(shown) == keys(defaults) - hidden


def test_every_key_is_described():
    def check(definition: dict, name: str) -> None:
        for key, field in definition["properties"].items():
            section = "$ref" in field or "$ref" in (field.get("allOf") or [{}])[0]
            assert section or field.get("description"), f"{name}.{key} has no description"

    definitions = Config.model_json_schema()["$defs"]
    for name, definition in definitions.items():
        check(definition, name)


@pytest.mark.parametrize("name", sorted(schema.MODELS))
def test_the_committed_schemas_are_those_of_the_models(name):
    committed = (ROOT / "workflow/schemas" / name).read_text(encoding="utf-8")
    assert committed == schema.schema_text(name), "run: python -m microexpr schema ."


def test_the_committed_reference_is_that_of_the_model():
    committed = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert committed == reference.reference_text(), "run: python -m microexpr schema ."
    for key in keys(json.loads(Config().model_dump_json())):
        assert f"`{key.split('.', 1)[1]}`" in committed or key == "features.weights"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_presets_are_valid_by_model_and_by_schema(preset):
    values = merge(
        yaml.safe_load((ROOT / "config.yaml").read_text()), yaml.safe_load(preset.read_text())
    )
    Config.parse(values)
    jsonschema.validate(values, yaml.safe_load(schema.schema_text("config.schema.yaml")))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"magnify": {"alfa": 3}}, "magnify.alfa: Extra inputs are not permitted"),
        ({"magnifi": {}}, "magnifi: Extra inputs"),
        ({"magnify": {"alpha": -1}}, "magnify.alpha: .* greater than or equal to 0, got -1"),
        ({"magnify": {"alpha": "much"}}, "magnify.alpha: .*number"),
        ({"magnify": {"passband_hz": [3, 1]}}, "magnify: .*passband_hz: the low edge"),
        ({"windows": {"n": []}}, "windows.n: "),
        ({"windows": {"n": [7, 1]}}, r"windows.n.1: .*greater than or equal to 2"),
        ({"features": {"backbone": "resnet"}}, "features.backbone: "),
        ({"protocol": {"name": "random"}}, "protocol.name: .*'loso'"),
    ],
)
def test_wrong_values_are_named_in_one_line(values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Config.parse(values)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_configuration(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "broken.yaml").write_text("a: [")
    for name in ("list.yaml", "broken.yaml", "gone.yaml"):
        with pytest.raises(ConfigError, match=name):
            Config.load(str(tmp_path / name))
    with pytest.raises(ConfigError, match="JSON"):
        Config.load('{"data": ')


@pytest.mark.parametrize("stage", [*SECTIONS, "magnify"])
def test_a_part_is_itself_a_configuration(stage):
    given = Config.parse({"demo": {"seed": 5}, "crop": {"margin": 0.4}, "magnify": {"alpha": 3}})
    method = "pmm" if stage == "magnify" else None
    cut_out = part(given, stage, method=method)
    again = part(Config.load(json.dumps(cut_out)), stage, method=method)
    assert again == cut_out


def test_parts_change_with_what_a_stage_reads_and_with_nothing_else():
    base = Config()
    alpha = Config.parse({"magnify": {"alpha": 3}})
    longer = Config.parse({"windows": {"n": [7, 15]}})
    pyramid = Config.parse({"magnify": {"pmm": {"orientations": 4}}})
    for stage in ("index", "demo", "decode", "crop", "features", "train"):
        assert part(base, stage) == part(alpha, stage) == part(longer, stage)
    assert part(base, "evaluate") != part(longer, "evaluate")
    assert part(base, "magnify", method="pmm") != part(alpha, "magnify", method="pmm")
    assert part(base, "magnify", method="pmm") != part(pyramid, "magnify", method="pmm")
    assert part(base, "magnify", method="amm") == part(pyramid, "magnify", method="amm")


def test_parts_hold_what_is_switched_on():
    folds, method = {"select": {"folds": 3}}, {"ablation": {"n": 9}}
    nested = {"select": {"folds": 3, "epoch": "nested"}}
    uncontrolled = {"evaluate": {"controls": []}}
    base = Config()
    assert part(base, "train") == part(base.changed(folds), "train")
    assert part(base.changed(nested), "train") != part(
        base.changed(nested, {"select": {"folds": 4}}), "train"
    )
    assert part(base, "inner") != part(base.changed(folds), "inner")
    assert part(base, "evaluate") != part(base.changed(method), "evaluate")
    assert part(base.changed(uncontrolled), "evaluate") == part(
        base.changed(uncontrolled, method), "evaluate"
    )


def test_changes_are_laid_over_and_leave_the_original_alone():
    base = Config()
    changed = base.changed(
        {"features": {"weights": {"path": "a", "sha256": "b"}}},
        {"features": {"weights": {"path": "c"}}, "windows": {"n": [9]}},
    )
    assert changed.features.weights.model_dump() == {"path": "c", "sha256": "b"}
    assert changed.windows.n == [9]
    assert changed.windows.modes == base.windows.modes
    assert base == Config()
    assert changed.changed({"features": {"weights": None}}).features == base.features
    with pytest.raises(ConfigError, match="windows.m: Extra inputs"):
        base.changed({"windows": {"m": 3}})
