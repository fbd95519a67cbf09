"""Numbered images, judged by OpenCV, which decodes them and turns them upright by their EXIF tag.

It refuses a file that ends early, and passes by what other readers pass by: a wrong size in a
header, fill bytes, bytes behind the end.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from microexpr import MAX_PIXELS
from microexpr.errors import DataError
from microexpr.runtime.files import regular
from microexpr.runtime.names import readable
from microexpr.runtime.notices import notice
from microexpr.video.picture import Picture, Policy

MAX_BYTES = 2**29  # more than a picture of the largest size takes, uncompressed


def image_pictures(images: Iterable[tuple[int, Path]], policy: Policy) -> Iterator[Picture]:
    """Decode numbered images of 8 or 16 bits; DataError names the frame that cannot be decoded.

    Under ``lenient`` only when none can; a notice tells how many are left out.
    """
    shown, refused = 0, []
    for number, path in images:
        try:
            picture = _picture(number, path)
        except DataError as error:
            if policy == "strict":
                raise DataError(f"frame {number}: {error}") from None
            refused.append(str(error))
            continue
        shown += 1
        yield picture
    if refused and not shown:
        raise DataError(refused[0])
    if refused:
        notice(f"{len(refused)} images are left out, the first: {refused[0]}")


def is_image(path: Path) -> bool:
    """Tell from its first bytes whether a file is an image; DataError for no regular file."""
    # Bytes that are no text in a path would end the process in OpenCV.
    return bool(cv2.haveImageReader(readable(str(regular(path)))))


def _picture(number: int, path: Path) -> Picture:
    if regular(path).stat().st_size > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES >> 20} MiB")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        # Of the bytes, because imread cannot open every Unicode path on every system.
        content = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    except cv2.error as error:
        if "CV_IO_MAX" in str(error):
            raise DataError(f"{path} has more than {MAX_PIXELS} pixels") from None
        content = None
    if content is None or content.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path} cannot be decoded: it ends early, or is no image")
    # Asked for RGB, OpenCV 4.14 returns a TIFF of 16 bits with whatever was in memory.
    return Picture(number, cv2.cvtColor(content, cv2.COLOR_BGR2RGB))
