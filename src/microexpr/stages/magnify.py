"""Stage magnify: the clips of a shard, magnified by one method. No label is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microexpr.config import Config
from microexpr.config.base import Settings
from microexpr.config.preprocessing import Motion
from microexpr.errors import MicroexprError
from microexpr.fingerprints.code import Code
from microexpr.magnify.methods import keys_of
from microexpr.stages import Cache, Option, Stage


class MagnifySettings(Settings):
    """What the magnified clips of one method follow from."""

    magnify: Motion

    @classmethod
    def part(
        cls, config: Config, name: str, kind: Any, *, method: str = "", **chosen: Any
    ) -> dict[str, Any]:
        """Take the keys of the method; those of another method are left out."""
        del name, kind, chosen
        return keys_of(method, config)


STAGE = Stage(
    "magnify",
    "magnify motion by one method",
    settings=MagnifySettings,
    inputs={"faces": Cache("faces")},
    outputs={"magnified": Cache("magnified")},
    options={"method": Option("filter_only, amm, pmm or that of an extension")},
    decisive=("method",),
    device=True,
)


def run(
    settings: MagnifySettings, *, faces: Path, magnified: Path, method: str, device: str = "cpu"
) -> None:
    """Magnify the clips of a shard. Method none needs no stage: its frames are the faces.

    Raises
    ------
    MicroexprError
        When the filter has no response for a clip of this length; the message names the clip.
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
            try:
                magnify_clip(source[clip], out, settings.magnify, method, device)
            except MicroexprError as error:
                raise type(error)(f"clip {clip}: {error}") from None
