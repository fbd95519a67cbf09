"""Sections ``crop`` and ``magnify``: from frames to what the network sees."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema

from microexpr.config.base import Fraction, MethodName, Positive, Section
from microexpr.runtime.registry import resolve


class Crop(Section):
    """One similarity transform a clip."""

    detector: Literal["yunet", "none"] = Field(
        "yunet", description="none: the clips are cropped already and are only resized"
    )
    size_px: int = Field(224, ge=32, le=1024, description="side of the square crop")
    margin: float = Field(0.15, ge=-0.3, le=2, description="added to the face box, relative")
    level_eyes: bool = Field(True, description="rotate so that the eyes lie level")
    first_frames: int = Field(5, ge=1, description="frames whose median sets the transform")
    min_score: Fraction = Field(0.7, description="detections below this score do not count")
    detection_width_px: int = Field(320, ge=80, description="frames are shrunk to it to detect")
    min_detected: Fraction = Field(
        0.5, description="share of a clip's frames with a face below which the clip fails"
    )


def _own_sections(*, extensions: bool = True) -> type[Section]:
    """Return a model of the methods' own sub-sections: one field each."""
    methods = resolve("microexpr.magnify.methods:METHODS")
    rows = [methods[name] for name in (methods if extensions else methods.own)]
    fields: dict[str, Any] = {
        row.section: (row.settings, Field(default_factory=row.settings))
        for row in rows
        if row.settings is not None
    }
    return create_model("OwnSections", __base__=Section, **fields)


class Magnify(Section):
    """Motion magnification."""

    # Beside these fields it holds a sub-section for each method with settings of its own.
    model_config = ConfigDict(extra="allow")

    methods: list[MethodName] = Field(
        ["amm", "pmm", "none", "filter_only"], min_length=1, description="methods of the comparison"
    )
    alpha: float = Field(10.0, ge=0, le=200, description="motion becomes (1 + alpha) times larger")
    passband_hz: tuple[Positive, Positive] = Field((0.5, 10.0), description="low and high, Hz")
    temporal_filter: Literal["butterworth", "ideal", "iir", "reference"] = Field(
        "butterworth",
        description="butterworth: zero-phase; ideal: FFT bins; iir: causal; "
        "reference: difference to reference_frame",
    )
    order: int = Field(1, ge=1, le=6, description="filter order of butterworth and iir")
    reference_frame: int = Field(0, ge=0, description="frame that phases and differences refer to")

    def own(self, section: str) -> dict[str, Any]:
        """Return the settings in a method's own sub-section, by key."""
        return getattr(self, section).model_dump() if section else {}

    @model_validator(mode="before")
    @classmethod
    def _validate_own_sections(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given = {key: value for key, value in values.items() if key not in cls.model_fields}
        own = _own_sections().model_validate(given)
        return values | {name: getattr(own, name) for name in type(own).model_fields}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found, own = handler(schema), _own_sections(extensions=False)
        section = handler.resolve_ref_schema(found)
        properties = handler.resolve_ref_schema(handler(own.__pydantic_core_schema__))["properties"]
        for name, value in own().model_dump(mode="json").items():
            section["properties"][name] = properties[name] | {"default": value}
        section["additionalProperties"] = False
        return found

    @classmethod
    def default_of_this_package(cls) -> dict[str, Any]:
        """Return the default without settings of extensions, as plain values."""
        own = _own_sections(extensions=False).model_fields
        return cls().model_dump(mode="json", include={*cls.model_fields, *own})

    @model_validator(mode="after")
    def _band(self) -> Magnify:
        if self.passband_hz[0] >= self.passband_hz[1]:
            raise ValueError("passband_hz: the low edge must lie below the high edge")
        return self
