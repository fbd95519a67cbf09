"""Pictures come as a player shows them: compared with FFmpeg's own filters."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from footage import planes, texture, write_video
from microexpr.errors import DataError, MicroexprWarning
from microexpr.video.picture import image_pictures
from microexpr.video.reading import video_pictures
from microexpr.video.sources import open_sources, video_source

# FFmpeg's filters for each way in which a picture may lie, in the order of the EXIF tag's values.
FILTERS = {
    1: [],
    2: [("hflip", "")],
    3: [("hflip", ""), ("vflip", "")],
    4: [("vflip", "")],
    5: [("transpose", "cclock_flip")],
    6: [("transpose", "clock")],
    7: [("transpose", "clock_flip")],
    8: [("transpose", "cclock")],
}
TURNS = {  # as PyAV writes them: counterclockwise, then mirrored
    1: (0, False, False), 2: (0, True, False), 3: (180, False, False), 4: (0, False, True),
    5: (90, False, True), 6: (270, False, False), 7: (90, True, False), 8: (90, False, False),
}  # fmt: skip


def filtered(picture: av.VideoFrame, chain: list[tuple[str, str]]) -> np.ndarray:
    """Return what FFmpeg makes of a decoded picture, as RGB."""
    graph = av.filter.Graph()
    about = f"video_size={picture.width}x{picture.height}:pix_fmt={picture.format.name}"
    about += f":colorspace={int(picture.colorspace)}:range={int(picture.color_range)}"
    nodes = [graph.add("buffer", f"{about}:time_base=1/600")]
    nodes += [graph.add(name, values) if values else graph.add(name) for name, values in chain]
    nodes += [graph.add("format", "pix_fmts=rgb24"), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    graph.push(picture)
    return graph.pull().to_ndarray()


def decoded(path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def shown(path, policy="strict") -> list[np.ndarray]:
    return [picture.rgb() for picture in video_pictures(path, policy)]


def lying_video(path, *, turn=(0, False, False), matrix=None, frames=2):
    """Write a video of an unmistakable picture, with a display matrix."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if matrix is None:
            stream.set_display_rotation(turn[0], hflip=turn[1], vflip=turn[2])
        else:
            stream.set_display_matrix(matrix)
        for k in range(frames):
            picture = planes(texture(48, 64, seed=3), "yuv420p")
            picture.pts, picture.time_base = k, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("value", TURNS)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_is_upright_as_ffmpeg_turns_it(tmp_path, value, suffix):
    path = lying_video(tmp_path / f"v{suffix}", turn=TURNS[value])
    expected = filtered(decoded(path)[0], FILTERS[value])
    np.testing.assert_array_equal(shown(path)[0], expected)
    frame = next(video_source(path).frames())
    grey = cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY)
    assert frame.luma.shape == grey.shape
    assert np.corrcoef(frame.luma.ravel(), grey.ravel())[0, 1] > 0.99


def test_only_quarters_are_turned(tmp_path):
    unit = 0x10000
    cosine, sine = round(0.9 * unit), round(0.43 * unit)
    odd = lying_video(
        tmp_path / "odd.mp4", matrix=[cosine, sine, 0, -sine, cosine, 0, 0, 0, 1 << 30]
    )
    with pytest.raises(DataError, match="turned by its metadata by another angle than quarters"):
        shown(odd)
    with pytest.warns(MicroexprWarning, match="another angle"):
        assert shown(odd, "lenient")[0].shape == (48, 64, 3)
    nothing = lying_video(tmp_path / "zero.mp4", matrix=[0] * 9)
    assert shown(nothing)[0].shape == (48, 64, 3)


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_images_are_upright_by_their_exif(tmp_path, suffix):
    stored = np.repeat(texture(24, 32, seed=1)[..., None], 3, 2).astype(np.uint8)
    stored[..., 0] //= 2
    for value in range(10):  # 0 and 9 mean nothing
        exif, content = Image.Exif(), io.BytesIO()
        exif[0x0112] = value
        options = {"quality": 95, "subsampling": 0} if suffix == "JPEG" else {}
        options |= {"lossless": True} if suffix == "WEBP" else {}
        Image.fromarray(stored).save(content, suffix, exif=exif, **options)
        path = tmp_path / f"i{value}.{suffix.lower()}"
        path.write_bytes(content.getvalue())
        expected = np.array(ImageOps.exif_transpose(Image.open(content)).convert("RGB"))
        for policy in ("strict", "lenient"):
            (picture,) = image_pictures([(1, path)], policy)
            assert picture.size == (expected.shape[1], expected.shape[0])
            assert np.abs(picture.rgb().astype(int) - expected).mean() < 2, value
        if suffix == "JPEG" and value in (1, 3, 6, 8):
            # The decoder of videos turns it in the same way; PyAV tells it no mirror.
            assert np.abs(shown(path)[0].astype(int) - expected).mean() < 3, value


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("2/1", (120, 48)), ("1/2", (60, 96)), ("16/15", (64, 48)), ("999/1000", (60, 48))],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pixels_become_square(tmp_path, aspect, size, suffix):
    options = {"qp": "0"}
    image = cv2.GaussianBlur(texture(48, 60), (0, 0), 1)
    path = write_video(
        tmp_path / f"v{suffix}", [image], options=options, sample_aspect_ratio=Fraction(aspect)
    )
    (rgb,) = shown(path)
    assert (rgb.shape[1], rgb.shape[0]) == size
    if aspect != "999/1000":
        scale = f"w={size[0]}:h={size[1]}:flags=bicubic"
        expected = filtered(decoded(path)[0], [("scale", scale), ("setsar", "1")])
        assert np.abs(rgb.astype(int) - expected).mean() < 1.5
    source = video_source(path)
    assert (source.width, source.height) == (60, 48)  # as stored: the output says what it is
    assert source.pixel_aspect == Fraction(aspect)


def test_a_lying_picture_of_oblong_pixels(tmp_path):
    """Proportions first, then upright."""
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        stream.set_display_rotation(90)
        container.mux(stream.encode(planes(texture(48, 64), "yuv420p")))
        container.mux(stream.encode(None))
    assert shown(path)[0].shape == (128, 48, 3)
    assert video_source(path).pixel_aspect == Fraction(1, 2)


def test_an_impossible_aspect(tmp_path):
    path = write_video(tmp_path / "v.mkv", [texture(48, 64)], sample_aspect_ratio=Fraction(20))
    with pytest.raises(DataError, match="its pixels are 20 times as wide as high"):
        shown(path)
    with pytest.warns(MicroexprWarning, match="20 times"):
        assert shown(path, "lenient")[0].shape == (48, 64, 3)


def combed(first: str, shift: int = 6) -> list[np.ndarray]:
    """Frames of two fields: what moves has moved between them."""
    image, frames = cv2.GaussianBlur(texture(96, 128, seed=2), (0, 0), 2), []
    for k in range(6):
        early, late = (np.roll(image, (2 * k + half) * shift, axis=1) for half in (0, 1))
        frame = early.copy()
        rows = slice(1, None, 2) if first == "top" else slice(0, None, 2)
        frame[rows] = late[rows]
        frames.append(frame)
    return frames


def comb(rgb: np.ndarray) -> float:
    """How much neighbouring lines differ more than lines of one field do."""
    grey = rgb[..., 0].astype(float)
    return np.abs(np.diff(grey, axis=0)).mean() / np.abs(grey[2:] - grey[:-2]).mean()


@pytest.mark.parametrize("first", ["top", "bottom"])
@pytest.mark.parametrize(
    ("name", "codec"), [("v.mp4", "libx264"), ("v.ts", "mpeg2video"), ("v.mkv", "libx264")]
)
def test_interlaced_pictures_have_no_comb(tmp_path, first, name, codec):
    order = "tff" if first == "top" else "bff"
    options = {"x264-params": f"{order}=1:qp=4"} if codec == "libx264" else {"flags": "+ilme+ildct"}
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.bit_rate = 4_000_000
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add("buffer", "video_size=128x96:pix_fmt=yuv420p:time_base=1/25"),
            graph.add("setfield", f"mode={order}"),
            graph.add("buffersink"),
        ).configure()
        for k, luma in enumerate(combed(first)):
            picture = planes(luma, "yuv420p")
            picture.pts, picture.time_base = k, Fraction(1, 25)
            graph.push(picture)
            marked = graph.pull()
            container.mux(stream.encode(marked))
        container.mux(stream.encode(None))
    stored = decoded(path)
    assert stored[0].interlaced_frame
    assert comb(stored[2].to_ndarray(format="rgb24")) > 1.3
    with pytest.warns(MicroexprWarning, match="interlaced from frame 0 on; the top field"):
        pictures = shown(path)
    assert len(pictures) == 6
    assert pictures[2].shape == (96, 128, 3)
    assert comb(pictures[2]) < 0.8
    # One moment: that of the top field, not a mean of two.
    half = 0 if first == "top" else 1
    image = cv2.GaussianBlur(texture(96, 128, seed=2), (0, 0), 2)
    moments = [np.roll(image, (2 * 2 + k) * 6, axis=1) for k in (0, 1)]
    grey = cv2.cvtColor(pictures[2], cv2.COLOR_RGB2GRAY)
    seen = [np.corrcoef(grey.ravel(), moment.ravel())[0, 1] for moment in moments]
    assert seen[half] > 0.97 > seen[1 - half]
    # FFmpeg's own filter for this shows the same.
    field = filtered(stored[2], [("field", "top"), ("scale", "w=128:h=96:flags=bicubic")])
    assert np.abs(pictures[2].astype(int) - field).mean() < 1
    with pytest.warns(MicroexprWarning, match="interlaced"):
        assert len(list(video_source(path).frames())) == 6


def test_progressive_pictures_keep_their_lines(tmp_path, recwarn):
    path = write_video(tmp_path / "v.mkv", combed("top"), codec="ffv1")
    luma = next(video_source(path).frames()).luma
    np.testing.assert_array_equal(luma, np.rint(combed("top")[0]))
    assert not [w for w in recwarn if issubclass(w.category, MicroexprWarning)]


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [("ffv1", "yuv420p"), ("ffv1", "yuv444p"), ("ffv1", "yuv422p10le"), ("mjpeg", "yuvj420p"),
     ("libx264", "yuvj420p")],
)  # fmt: skip
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full_range", [1, 2])
def test_colours_are_those_of_ffmpeg(tmp_path, codec, pixel_format, matrix, full_range):
    path = write_video(
        tmp_path / "v.mkv",
        [texture(48, 64) * 1.2 - 20],
        codec=codec,
        pixel_format=pixel_format,
        options={},
        colorspace=matrix,
        color_range=full_range,
    )
    picture = decoded(path)[0]
    (rgb,) = shown(path)
    np.testing.assert_array_equal(rgb, filtered(picture, []))
    if codec == "ffv1":
        # And of the definition: ITU-T H.273.
        red, blue = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}.get(matrix, (0.299, 0.114))
        low, span, chroma_span = (16, 219, 224) if full_range == 1 else (0, 255, 255)
        luma, cb, cr = picture.reformat(format="yuv444p").to_ndarray().astype(float)
        luma = (luma - low) / span
        cb, cr = (cb - 128) / chroma_span, (cr - 128) / chroma_span
        exact = np.stack([luma + 2 * (1 - red) * cr, luma, luma + 2 * (1 - blue) * cb], 2)
        exact[..., 1] = (luma - red * exact[..., 0] - blue * exact[..., 2]) / (1 - red - blue)
        assert np.abs(rgb - 255 * exact.clip(0, 1)).mean() < 2.5


def test_images_of_any_density_keep_their_pixels(tmp_path):
    """What a print is told to be is no shape of pixels."""
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "i1.png", dpi=(100, 200))
    (source,) = open_sources(str(tmp_path), fps=30.0)
    assert (source.width, source.height, source.pixel_aspect) == (30, 20, 1)
