"""What all figures share: sizes, fonts, colours for colour-blind readers too, and saving."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from microexpr.runtime.files import AnyPath, write_bytes
from microexpr.runtime.notices import notice

WIDTH_IN, COLUMN_IN = 7.16, 3.5  # two columns and one of an IEEE page
MAX_HEIGHT_IN = 6.6  # what a report shows without scrolling
HEAD_IN = 0.17  # of a line above the axes: the figure's title, and whether the data are generated
FORMATS = ("pdf", "svg", "png")
PNG_DPI = 200
SYNTHETIC = "SYNTHETIC DATA: drawn faces, no people"
WARNING = "#8a3b00"

# Okabe and Ito (2008): distinguishable with every common colour blindness.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    *("#000000", "#E69F00", "#56B4E9", "#009E73"),
    *("#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
)
CLASS_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SEQUENTIAL, HEAT = "cividis", "inferno"

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 7,
    "text.parse_math": False,  # a dollar sign in a name is one
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid.axis": "y",
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "microexpr",
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}
# Without dates a rerun gives the same bytes.
METADATA = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": "microexpr"},
    "png": {"Software": None},
}


@contextmanager
def paper() -> Iterator[None]:
    """Draw in the look of a paper inside the block, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def new_figure(width_in: float, height_in: float, *, synthetic: bool, title: str = "") -> Figure:
    """Make an empty figure with one line above all axes, and a label on generated data."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    look: dict[str, Any] = {"fontsize": 6, "fontweight": "bold", "color": WARNING}
    lines = [(0.995, "right", SYNTHETIC, look)] if synthetic else []
    if title:
        lines.append((0.005, "left", title, {"fontsize": min(7.5, 115 * width_in / len(title))}))
    share = HEAD_IN / height_in
    layout(figure, rect=(0, 0, 1, 1 - share * len(lines)))
    for number, (x, side, text, look) in enumerate(lines):
        figure.text(x, 1 - share * (number + 0.5), text, ha=side, va="center", **look)
    return figure


def layout(figure: Figure, **options: Any) -> None:
    """Set options of a figure's constrained layout."""
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(**options)


def save(figure: Figure, stem: AnyPath) -> None:
    """Write a figure as PDF, SVG and PNG, atomically; `stem` is the path without its suffix."""
    _find_fonts(figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")  # once for all formats: it takes longer than drawing
    for kind in FORMATS:
        write(figure, Path(f"{stem}.{kind}"))


def write(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, atomically."""
    _find_fonts(figure)
    kind, drawn = path.suffix[1:], BytesIO()
    figure.savefig(drawn, format=kind, dpi=PNG_DPI, metadata=METADATA[kind])
    write_bytes(path, drawn.getvalue())


def _find_fonts(figure: Figure) -> None:
    """Draw signs that the font of figures lacks, such as Chinese ones, in one of this machine's."""
    texts = figure.findobj(Text)
    for axes in figure.axes:
        texts += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    signs = {ord(sign) for text in texts for sign in text.get_text() if not sign.isspace()}
    own = str(SETTINGS["font.family"])
    if lacking := frozenset(signs - _signs(findfont(own))):
        fonts = [own, *_fonts_with(lacking)]
        for text in texts:
            text.set_fontfamily(fonts)
        for axes in figure.axes:
            axes.tick_params(labelfontfamily=fonts)


def font_file(text: str) -> str:
    """Return the font of figures, or one of this machine where it lacks signs of a text."""
    signs, own = frozenset(map(ord, "".join(text.split()))), str(SETTINGS["font.family"])
    return findfont(own if signs <= _signs(findfont(own)) else [*_fonts_with(signs), own][0])


@cache
def _fonts_with(signs: frozenset[int]) -> list[str]:
    """Return a font of this machine that has all these signs; none, with a notice, if none has."""
    for font in sorted(fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        # One of those that come with matplotlib has a box for every sign.
        if not font.fname.startswith(mpl.get_data_path()) and signs <= _signs(font.fname):
            return [font.name]
    shown = "".join(map(chr, sorted(signs)))
    notice(f"no font of this machine has {shown}; install one, such as Noto Sans CJK")
    return []


@cache
def _signs(font: str) -> Set[int]:
    return FT2Font(font).get_charmap().keys()


def show_image(axes: Axes, image: np.ndarray, side_in: float) -> AxesImage:
    """Show a picture (y, x, 3) uint8 without axes, with no more pixels than seen `side_in` wide."""
    height, width = image.shape[:2]
    scale = min(1.0, side_in * PNG_DPI / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    axes.set_axis_off()
    return axes.imshow(small, extent=(-0.5, width - 0.5, height - 0.5, -0.5))


def share_axis(axes: Axes, name: str) -> None:
    """Set the y axis to 0 to 1, with a grid."""
    axes.set_ylim(0, 1.02)
    axes.set_ylabel(name)
    axes.grid(visible=True, axis="y")


def spread(count: int, width: float) -> Sequence[float]:
    """Return offsets, centred on 0, that keep the marks of several methods apart at one place."""
    return [width * (k - (count - 1) / 2) for k in range(count)]
