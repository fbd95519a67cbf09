"""The configuration: one model that holds every default, unit and bound."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from microexpr.config.base import Section, Settings, in_one_line, made
from microexpr.config.data import Data, Demo, Expected, Problem
from microexpr.config.evaluation import (
    Ablation,
    Changes,
    Compare,
    Evaluate,
    Explain,
    Figures,
    KeyFrames,
    Leak,
    NoiseFloor,
)
from microexpr.config.preprocessing import Crop, Magnify
from microexpr.config.training import Features, Model, Protocol, Select, Train, Windows
from microexpr.errors import ConfigError, damage
from microexpr.runtime.files import regular, replacing
from microexpr.runtime.wrong_values import place, said

# Keys of version 0.1.0 that have another name now.
RENAMED = {
    "evaluate.bootstrap": "evaluate.draws",
    "leak.reading": "leak.feature_mode",
    "train.lr_trunk": "train.lr_fine_tuned",
    "train.parts": "train.chunks",
    "train.readings": "train.feature_modes",
}
CHOOSING = ("ablation", "model")  # sections with a method and N
AnySection = TypeVar("AnySection", bound=Section)


class Config(Settings):
    """All keys, with their defaults."""

    data: Data = Data()
    demo: Demo = Demo()
    crop: Crop = Crop()
    magnify: Magnify = made(Magnify, Magnify.default_of_this_package)
    windows: Windows = Windows()
    features: Features = Features()
    train: Train = Train()
    protocol: Protocol = Protocol()
    select: Select = Select()
    evaluate: Evaluate = Evaluate()
    compare: Compare = made(Compare, lambda: Compare().model_dump(mode="json"))
    ablation: Ablation = Ablation()
    noise_floor: NoiseFloor = NoiseFloor()
    key_frames: KeyFrames = KeyFrames()
    leak: Leak = Leak()
    figures: Figures = Figures()
    explain: Explain = Explain()
    model: Model = Model()

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Config:
        """Validate sections by name; ConfigError names the first key that is unknown or wrong."""
        try:
            return cls.model_validate(values)._following()
        except ValidationError as error:
            first = error.errors()[0]
            key = place(first) or "configuration"
            if key in RENAMED:
                raise ConfigError(f"{key} is now called {RENAMED[key]}") from None
            more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise ConfigError(f"{key}{said(first, cls._keys(first['loc']))}{more}") from None
        except RecursionError:
            raise ConfigError("configuration: a value contains itself") from None

    @classmethod
    def _keys(cls, within: Sequence[str | int]) -> list[str]:
        """Return the keys that there are beside an unknown one."""
        model: Any = cls
        for part in within[:-1]:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field else None
        return list(getattr(model, "model_fields", {}))

    def _following(self) -> Config:
        """Let methods and N that nobody has chosen be some of those that are configured."""
        methods, sizes = self.magnify.methods, self.windows.n
        against = _following(self.compare.against, method=methods)
        modes = self.train.feature_modes
        primary = _following(self.evaluate.primary, method=methods, n=sizes, feature_mode=modes)
        others = [name for name in methods if name != primary.method]
        primary = _following(primary, against=others or methods)
        found = {key: _following(getattr(self, key), method=methods, n=sizes) for key in CHOOSING}
        found["evaluate"] = self.evaluate.model_copy(update={"primary": primary})
        found["compare"] = self.compare.model_copy(update={"against": against})
        return self.model_copy(update=found)

    def changed(self, *changes: Changes) -> Config:
        """Return this configuration with sections by name laid over it; later ones win."""
        return Config.parse(overlaid(self.model_dump(mode="json"), *changes))

    @classmethod
    def load(cls, source: str) -> Config:
        """Read a YAML file, or YAML in one line that begins with a brace."""
        if source.lstrip().startswith("{"):
            return cls.parse(parsed(source, "--config"))
        if not Path(source).exists() and (found := re.fullmatch(r"(\w+)\.(\w+)=(.*)", source)):
            section, key, value = found.groups()
            raise ConfigError(
                f"--config {source}: write --config '{{{section}: {{{key}: {value}}}}}'"
            )
        return cls.parse(read_yaml(Path(source)))


def _following(section: AnySection, **configured: Sequence[object]) -> AnySection:
    """Replace a default, given or not, that is none of the configured values by their last."""
    fields, changes = type(section).model_fields, {}
    for key, values in configured.items():
        value = getattr(section, key)
        if value == fields[key].default and value not in values:
            changes[key] = values[-1]
    return section.model_copy(update=changes)


def default_file() -> Path:
    """Return the working folder's ``config.yaml``; a deployed workflow's is in ``config``."""
    own, deployed = Path("config.yaml"), Path("config/config.yaml")
    return deployed if deployed.is_file() and not own.is_file() else own


def overlaid(values: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """Lay nested dictionaries over one another, as Snakemake does with configuration files."""
    laid = dict(values)
    for change in changes:
        for key, value in change.items():
            both = isinstance(value, dict) and isinstance(laid.get(key), dict)
            laid[key] = overlaid(laid[key], value) if both else value
    return laid


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a configuration file; ConfigError when it is no YAML file of sections."""
    with damage(ConfigError, f"{path}: cannot be read as YAML"):
        return parsed(regular(path, ConfigError).read_text(encoding="utf-8"), str(path))


def parsed(text: str, name: str) -> dict[str, Any]:
    """Read sections from YAML; `name` says in messages where the text stands."""
    try:
        values = yaml.safe_load(text)
    except RecursionError:
        raise ConfigError(f"{name}: cannot be read as YAML (nested too deeply)") from None
    except (ValueError, yaml.YAMLError) as error:  # which says in which line
        raise ConfigError(f"{name}: cannot be read as YAML ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: must hold sections such as 'data:' and 'magnify:'")
    return values


def set_list(path: Path, section: str, key: str, values: Sequence[str]) -> None:
    """Set a key of a section to a list by changing one line of the file; ConfigError: it cannot."""
    before = read_yaml(path)
    wanted = copy.deepcopy(before)
    wanted[section] = (before.get(section) or {}) | {key: list(values)}
    line = in_one_line(list(values))
    changed, found = _with_line(path.read_text(encoding="utf-8"), section, key, line), None
    with suppress(ConfigError):
        found = parsed(changed, str(path))
    if found != wanted:
        raise ConfigError(f"{path}: please write there by hand: {section}.{key}: {line}")
    with replacing(path) as temporary:
        temporary.write_text(changed, encoding="utf-8")
        shutil.copymode(path, temporary)


def _with_line(text: str, section: str, key: str, value: str) -> str:
    """Replace the key's line in its section, or add it below the section's first line."""
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if re.match(rf"{section}:\s*(#|$)", line)]
    if not heads:
        return "\n".join([*lines, f"{section}:", f"  {key}: {value}"]) + "\n"
    start = heads[0] + 1
    stop = next((i for i in range(start, len(lines)) if re.match(r"[^\s#]", lines[i])), len(lines))
    for index in range(start, stop):
        if found := re.match(rf"(\s+){key}:\s*(?:\[.*?\])?(\s*#.*)?$", lines[index]):
            lines[index] = f"{found[1]}{key}: {value}{found[2] or ''}"
            return "\n".join(lines) + "\n"
    inside = (re.match(r"\s+(?=\w)", line) for line in lines[start:stop])
    indent = next((found[0] for found in inside if found), "  ")
    return "\n".join([*lines[:start], f"{indent}{key}: {value}", *lines[start:]]) + "\n"
