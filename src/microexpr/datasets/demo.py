"""The generated data set: known from its settings before it is written."""

from microexpr.config import Data, Demo
from microexpr.datasets.listing import Labels, Listing, Who
from microexpr.datasets.manifest import Clip
from microexpr.demo import FPS, clip_names


def read(data: Data, settings: Demo, *, names_only: bool = False) -> Listing:
    """List the clips that the demo writes; `names_only`: without lengths and numpy."""
    listing, labels, lengths = Listing(), Labels(data), {}
    if not names_only:
        from microexpr.demo.plan import plan  # noqa: PLC0415 (numpy, which planning does without)

        lengths = {clip.clip_id: (clip.first_counter, clip.frames) for clip in plan(settings)}
    for name in clip_names(settings):
        who: Who = {"clip_id": name.clip_id, "subject": name.subject}
        label = labels.of(name.label, listing, **who)
        if label is None:
            continue
        first, frames = lengths.get(name.clip_id, (0, 0))
        span = {"frames": frames, "first": first, "last": first + max(frames - 1, 0)}
        clip = Clip(**who, **span, label=label, kind="images", source=name.folder, fps=FPS)
        listing.clips.append(clip)
    return listing
