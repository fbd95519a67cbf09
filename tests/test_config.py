"""One model is the source of defaults, schema and documentation; nothing unknown passes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from config_reference import MODELS, reference_text, schema_text
from microexpr import stages
from microexpr.config import Config
from microexpr.errors import ConfigError
from microexpr.magnify.methods import METHODS

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


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_committed_schemas_are_those_of_the_models(name):
    committed = (ROOT / "workflow/schemas" / name).read_text(encoding="utf-8")
    assert committed == schema_text(MODELS[name]), "run: python tools/config_reference.py"


def test_the_committed_reference_is_that_of_the_model():
    committed = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert committed == reference_text(committed), "run: python tools/config_reference.py"
    for key in keys(json.loads(Config().model_dump_json())):
        assert f"`{key.split('.', 1)[1]}`" in committed or key == "features.weights"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_presets_are_valid_by_model_and_by_schema(preset):
    values = merge(
        yaml.safe_load((ROOT / "config.yaml").read_text()), yaml.safe_load(preset.read_text())
    )
    Config.parse(values)
    jsonschema.validate(values, yaml.safe_load(schema_text(Config)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"magnify": {"alfa": 3}}, "magnify.alfa is no key; did you mean alpha?"),
        ({"magnifi": {}}, "magnifi is no key; did you mean magnify"),
        ({"train": {"readings": ["raw"]}}, "train.readings is now called train.feature_modes"),
        ({"leak": {"reading": "raw"}}, "leak.reading is now called leak.feature_mode"),
        ({"magnify": {"alpha": -3}}, "magnify.alpha must be at least -1, got -3"),
        ({"magnify": {"alpha": "much"}}, "magnify.alpha must be a number"),
        ({"magnify": {"passband_hz": [3, 1]}}, "magnify: .*passband_hz: the low edge"),
        ({"windows": {"n": []}}, "windows.n needs at least"),
        ({"windows": {"n": [7, 1]}}, r"windows.n.1. must be at least 2"),
        ({"features": {"backbone": "resnet"}}, "features.backbone must be"),
        ({"protocol": {"name": "random"}}, "protocol.name must be .loso."),
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
    with pytest.raises(ConfigError, match="--config: cannot be read as YAML"):
        Config.load('{"data": ')


def settings(stage: str, config: Config, **chosen):
    return stages.declared(stage).settings.of(config, **chosen).plain()


@pytest.mark.parametrize("stage", stages.NAMES)
@pytest.mark.parametrize("preset", ["config.yaml", "config/smic_hs.yaml", "config/ci.yaml"])
def test_a_command_line_holds_all_that_differs_from_the_defaults(stage, preset):
    given = Config.load(str(ROOT / preset)).changed(
        {
            "demo": {"seed": 5},
            "crop": {"margin": 0.4},
            "magnify": {"alpha": 3, "amm": {"levels": 4}},
        }
    )
    chosen = {"method": "amm", "system": "evm_tim", "inner": True}
    declared = stages.declared(stage)
    decisive = {name: chosen[name] for name in declared.decisive}
    found = declared.settings.of(given, **decisive)
    assert declared.settings.of(Config.load(found.short()), **decisive) == found
    assert declared.settings.of(Config.load(json.dumps(found.plain())), **decisive) == found
    assert "\n" not in found.short()
    assert yaml.safe_load(found.text()) == found.plain()


def test_a_key_that_a_stage_does_not_declare_does_not_exist_there():
    found = stages.declared("gradcam").settings.of(Config())
    assert found.crop.size_px == 224
    with pytest.raises(AttributeError):
        _ = found.crop.margin
    with pytest.raises(AttributeError):
        _ = found.demo


def test_settings_change_with_what_a_stage_reads_and_with_nothing_else():
    base = Config()
    alpha = Config.parse({"magnify": {"alpha": 3}})
    longer = Config.parse({"windows": {"n": [7, 15]}})
    pyramid = Config.parse({"magnify": {"pmm": {"orientations": 4}}})
    for stage in ("demo", "decode", "crop", "features", "train"):
        assert settings(stage, base) == settings(stage, alpha) == settings(stage, longer)
    assert settings("evaluate", base) != settings("evaluate", longer)
    pmm, amm = {"method": "pmm"}, {"method": "amm"}
    assert settings("magnify", base, **pmm) != settings("magnify", alpha, **pmm)
    assert settings("magnify", base, **pmm) != settings("magnify", pyramid, **pmm)
    assert settings("magnify", base, **amm) == settings("magnify", pyramid, **amm)
    assert set(settings("magnify", base, **amm)["magnify"]) == set(METHODS["amm"].keys)


def test_settings_hold_what_is_switched_on():
    folds, method = {"select": {"folds": 3}}, {"ablation": {"n": 9}}
    nested = {"select": {"folds": 3, "epoch": "nested"}}
    uncontrolled = {"evaluate": {"controls": []}}
    base = Config()
    assert settings("train", base) == settings("train", base.changed(folds))
    assert settings("train", base.changed(nested)) != settings(
        "train", base.changed(nested, {"select": {"folds": 4}})
    )
    inner = {"inner": True}
    assert settings("train", base, **inner) != settings("train", base.changed(folds), **inner)
    assert settings("evaluate", base) != settings("evaluate", base.changed(method))
    assert settings("evaluate", base.changed(uncontrolled)) == settings(
        "evaluate", base.changed(uncontrolled, method)
    )
    own = settings("train_system", base, system="vggface2_bilstm")
    assert own["compare"]["against"]["n"] == 14
    assert "against" not in settings("train_system", base, system="evm_tim")["compare"]
    assert "magnify" not in settings("model", base.changed({"model": {"method": "none"}}))
    assert set(settings("model", base)["magnify"]) == set(METHODS["pmm"].keys)


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
    with pytest.raises(ConfigError, match="windows.m is no key"):
        base.changed({"windows": {"m": 3}})
