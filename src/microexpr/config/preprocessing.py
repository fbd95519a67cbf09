"""Sections ``crop`` and ``magnify``: from frames to what the network sees."""

from functools import cache
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema

from microexpr.config.base import Fraction, MethodName, Positive, Section
from microexpr.runtime.registry import resolve


class Crop(Section):
    """One similarity transform per clip."""

    size_px: int = Field(224, ge=32, le=1024, description="side of the square crop, px")
    min_score: Fraction = Field(0.7, description="detections with a lower score are ignored")
    detection_width_px: int = Field(
        320, ge=80, description="frames are resized to this width for detection, px"
    )
    detector: Literal["yunet", "none"] = Field(
        "yunet", description="none: clips are already cropped and are only resized"
    )
    margin: float = Field(
        0.15, ge=-0.3, le=2, description="margin around the face box, relative to its size"
    )
    level_eyes: bool = Field(True, description="rotate so that the eyes are level")
    first_frames: int = Field(
        5, ge=1, description="frames at the start whose median gives the transform"
    )
    min_detected: Fraction = Field(
        0.5, description="least share of a clip's frames with a face; below: error"
    )


def _own_sections(*, extensions: bool = True) -> type[Section]:
    """Return a model of the methods' own sub-sections: one field each."""
    methods = resolve("microexpr.magnify.methods:METHODS")
    rows = [methods[name] for name in (methods if extensions else methods.own)]
    settings = {row.section: row.settings for row in rows if row.settings is not None}
    return _model(tuple(settings.items()))


@cache  # made once for each set of sub-sections
def _model(settings: tuple[tuple[str, type[Section]], ...]) -> type[Section]:
    fields: dict[str, Any] = {name: (kind, Field(default_factory=kind)) for name, kind in settings}
    return create_model("OwnSections", __base__=Section, **fields)


TemporalFilter = Literal["ideal", "butterworth", "fir", "iir", "lowpass_difference", "reference"]


class Methods(Section):
    """The methods in the table."""

    methods: list[MethodName] = Field(
        ["amm", "pmm", "none", "filter_only"], min_length=1, description="methods in the table"
    )


class Motion(Section):
    """How one method magnifies motion; a sub-section holds the settings of the method's own."""

    model_config = ConfigDict(extra="allow")

    alpha: float = Field(
        10.0, ge=-1, le=200, description="motion becomes 1 + alpha times as large; -1 removes it"
    )
    passband_hz: tuple[Positive, Positive] = Field(
        (0.5, 10.0), description="lower and upper edge, Hz"
    )
    temporal_filter: TemporalFilter = Field(
        "ideal",
        description="ideal: all of the band, nothing else; butterworth: zero-phase; iir: causal; "
        "fir, lowpass_difference: of the published code; reference: difference to reference_frame",
    )
    order: int = Field(1, ge=1, le=6, description="filter order of butterworth and iir")
    reference_frame: int = Field(0, ge=0, description="frame to which phases and differences refer")
    anchored: bool = Field(
        True, description="keep the reference frame as it is; false: for oscillations and colour"
    )
    normalise_gain: bool = Field(
        True, description="divide by the share of a motion that the filter passes in such a clip"
    )

    def own(self, section: str) -> dict[str, Any]:
        """Return the settings in a method's own sub-section, by key."""
        return getattr(self, section).model_dump() if section else {}

    @model_validator(mode="after")
    def _band(self) -> Self:
        if self.passband_hz[0] >= self.passband_hz[1]:
            raise ValueError("passband_hz: the low edge must lie below the high edge")
        return self


class Magnify(Motion, Methods):
    """Motion magnification."""

    model_config = ConfigDict(extra="allow")

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
