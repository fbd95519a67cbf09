"""Stage magnify: the clips of a shard, magnified by one method. No label is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from microexpr.config import Config
from microexpr.config.base import Settings
from microexpr.config.preprocessing import Motion
from microexpr.fingerprints.code import Code
from microexpr.magnify.methods import keys_of
from microexpr.stages import Option, Reads, Writes


class MagnifySettings(Settings):
    """What the magnified clips of one method follow from."""

    magnify: Motion

    @classmethod
    def of(cls, config: Config, *, method: str = "", **chosen: Any) -> Self:
        """Take the keys of the method; those of another method are left out."""
        del chosen
        return cls.model_validate({"magnify": keys_of(method, config)})


def magnify(
    settings: MagnifySettings,
    *,
    faces: Annotated[Path, Reads("cache of faces")],
    magnified: Annotated[Path, Writes("cache of magnified")],
    method: Annotated[str, Option("filter_only, amm, pmm or that of an extension", decisive=True)],
    device: str = "cpu",
) -> None:
    """Magnify motion by one method.

    Method none needs no stage: its frames are the faces. MicroexprError names the clip for whose
    length the filter has no response.
    """
    from microexpr.cache import create, open_cache
    from microexpr.cache.derived import magnify_clip
    from microexpr.cache.provenance import provenance
    from microexpr.runtime.progress import track
    from microexpr.runtime.resources import released

    made = provenance(Code("magnify", method=method), settings.plain(), [faces])
    title = f"Face crops, {method}"
    with (
        open_cache(faces, "faces") as source,
        create(magnified, "magnified", made, title=title, compression="none") as out,
    ):
        # To fetch memory anew takes AMM 0.05 s per clip, and PMM no time that can be measured.
        for clip in released(track(source.clip_ids, f"magnify {method}"), kept_bytes=32e6):
            magnify_clip(source[clip], out, settings.magnify, method, device)
