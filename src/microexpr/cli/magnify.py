"""``microexpr magnify``: magnify the motion in video files and image sequences."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from microexpr.cli import options
from microexpr.config import Config
from microexpr.config.base import Section
from microexpr.config.preprocessing import Motion
from microexpr.errors import ConfigError, about_clip
from microexpr.magnify.methods import METHODS
from microexpr.runtime.notices import plain_warnings
from microexpr.runtime.printing import printable

if TYPE_CHECKING:
    from microexpr.apps.magnify_video.magnified_frames import Progress, Request
    from microexpr.apps.magnify_video.request import Plan

log = logging.getLogger(__name__)
CACHE = ".h5"
MAX_MEMORY_GB = 4.0
# What a request takes as it was given.
GIVEN = ("stabilise", "side_by_side", "labels", "xt_slice", "xt_at", "stream", "threads")
EPILOG = """\
examples:
  microexpr magnify face.mp4 out.mp4 --method pmm --alpha 10 --passband 1 10
  microexpr magnify frames/ out.mp4 --method amm --fps 100 --alpha 2,5,10   # out_a2.mp4, ...
  microexpr magnify 'clips/*.mp4' out/ --method pmm --side-by-side
  microexpr magnify face.mp4 out.mp4 --method pmm --xt-slice slice.png --xt-at x=120

docs/magnification.md says which method and alpha to choose, and where each method fails."""


def add_command(commands: options.Commands) -> None:
    """Register the command."""
    parser = options.new_command(
        commands,
        "magnify",
        run,
        "magnify the motion in a video or in images",
        description="Magnify small motions. IN may be a video, a folder of numbered images, or a "
        "quoted glob of either.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="IN", help="video, folder of images, or glob")
    output = ".mp4 or folder [IN_magnified.mp4]"
    add("output", metavar="OUT", type=Path, nargs="?", help=output)
    methods = "pmm, amm, filter_only, or a method of another package [pmm]"
    add("--method", type=_method, default="pmm", help=methods)
    config = "a YAML file, or YAML in one line, whose section magnify gives the defaults"
    add("--config", help=config)
    options.add_machine(parser)
    memory = f"memory limit [{MAX_MEMORY_GB:g}]"
    add("--max-memory", type=options.RATE, metavar="GB", help=memory)
    add("--stream", action="store_true", help="work in parts even where memory is enough")
    _add_motion(parser.add_argument_group("what is magnified (video and images)"))
    _add_output(parser.add_argument_group("what is written (video and images)").add_argument)


def _add_motion(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    alpha = "motion becomes 1 + A times as large; one output per A; auto: as large as the detail "
    add("--alpha", metavar="A[,A...]", help=f"{alpha}bears [auto]")
    face = "magnify the motion in the face without that of head and camera [where a face moves]"
    add("--stabilise", choices=("face", "none"), help=face)
    fps = "camera frame rate: for images, and where a video is wrong"
    add("--fps", type=options.RATE, help=fps)
    roi = ("X", "Y", "W", "H")
    add("--roi", nargs=4, type=options.COUNT, metavar=roi, help="region to magnify, px")
    colours = "share of alpha for colours; not for pmm"
    add("--chroma-gain", type=options.between(float, 0, 1e6), help=colours)
    options.add_settings(group, {"": Motion}, without="alpha")
    options.add_settings(group, _own_settings())


def _add_output(add: Callable[..., object]) -> None:
    add("--side-by-side", action="store_true", help="write original | magnified")
    labels = "write method and alpha beside, and axes around the slice"
    add("--labels", action=argparse.BooleanOptionalAction, default=True, help=labels)
    add("--xt-slice", type=Path, metavar="PNG", help="picture of one line of all frames")
    add("--xt-at", metavar="LINE", help="column x=120 or row y=80 [the middle column]")
    add("--json", action="store_true", default=None, help="print one line of JSON per output")


@plain_warnings()
def run(arguments: argparse.Namespace) -> None:
    """Magnify, and say in one line what the user can fix."""
    from microexpr.apps.magnify_video.request import check_writable, make_plan, output_paths
    from microexpr.apps.magnify_video.run import magnify_clip, summary
    from microexpr.runtime.resources import choose_device, limit_threads
    from microexpr.video.sources import open_sources

    if Path(arguments.source).suffix == CACHE:
        raise ConfigError(
            f"{arguments.source}: is a cache: microexpr stage magnify --faces {arguments.source} "
            f"--magnified {arguments.output or 'OUT.h5'} --method {arguments.method}"
        )
    request = _request(arguments, choose_device(arguments.device))
    limit_threads(arguments.threads)
    sources = open_sources(arguments.source, fps=arguments.fps, threads=arguments.threads)
    if len(sources) > 1 and arguments.xt_slice:
        raise ConfigError(f"--xt-slice takes one clip, {arguments.source} stands for several")
    outputs = output_paths(sources, arguments.output, request.alphas)
    pictures = [[arguments.xt_slice]] if arguments.xt_slice else []
    check_writable(chain(*outputs, *pictures), sources)
    plans = []
    for source in sources:
        with about_clip(source.name):
            plans.append(make_plan(source, request))
    for plan, paths in zip(plans, outputs, strict=True):
        log.info("%s", plan.size)
        with about_clip(plan.source.name), _progress_bar(plan) as progress:
            reports = magnify_clip(plan, paths, progress)
        for made in reports:
            print(json.dumps(made) if arguments.json else summary(made), flush=True)


def _method(name: str) -> str:
    names = [row.name for row in METHODS.values() if row.function and not row.placebo_of]
    if name not in names:
        raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {names})")
    return name


def _own_settings() -> dict[str, type[Section]]:
    return {row.section: row.settings for row in METHODS.values() if row.settings}


def _request(arguments: argparse.Namespace, device: str) -> Request:
    from microexpr.apps.magnify_video.magnified_frames import Request

    base = Config.load(arguments.config or "{}").magnify
    alphas = _alphas(arguments.alpha)
    if arguments.alpha is None and "alpha" in base.model_fields_set:
        alphas = [base.alpha]
    method = METHODS[arguments.method]
    values = base.model_dump(exclude_unset=True) | options.given(arguments, Motion)
    own = options.given(arguments, method.settings)
    others = (key for kind in _own_settings().values() for key in options.given(arguments, kind))
    for key in (key for key in others if key not in own):
        raise ConfigError(f"{options.flag_of(key)}: {method.name} has no such setting")
    if own:
        values[method.section] |= own
    for alpha in alphas or [base.alpha]:
        settings = Config.parse({"magnify": values | {"alpha": alpha}}).magnify
    chroma_gain = arguments.chroma_gain or 0.0
    if chroma_gain and method.section != "amm":
        raise ConfigError(f"--chroma-gain: {method.name} magnifies luma only; use amm")
    return Request(
        method=arguments.method,
        alphas=tuple(alphas),
        settings=settings,
        chroma_gain=chroma_gain,
        roi=tuple(arguments.roi) if arguments.roi else None,
        max_memory_bytes=(arguments.max_memory or MAX_MEMORY_GB) * 1e9,
        device=device,
        **{key: getattr(arguments, key) for key in GIVEN},
    )


def _alphas(text: str | None) -> list[float]:
    """Return the values of --alpha; none for auto."""
    if text in (None, "auto"):
        return []
    try:
        alphas = [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--alpha {text}: give auto, or numbers such as 10 or 2,5,10") from None
    if len(set(alphas)) < len(alphas):
        raise ConfigError(f"--alpha {text}: each value once")
    return alphas


@contextmanager
def _progress_bar(plan: Plan) -> Iterator[Progress]:
    """Show a bar for each stage on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    nowhere, stages = not sys.stderr.isatty(), ("measure", "read", "magnify", "write")
    with Bar(console=Console(stderr=True), transient=True, disable=nowhere) as bar:
        name = printable(plan.source.name)
        tasks = {stage: bar.add_task(f"{stage} {name}", total=1.0) for stage in stages}
        yield lambda stage, share: bar.update(tasks[stage], completed=share)
