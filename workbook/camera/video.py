"""A video file as a source. Needs the extra `video`: imageio and PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workbook.camera.frames import Format, Frame


class Video:
    """The frames of a file in the file's own rhythm, (3, H, W) float32, black 0 and white 1.

    Parameters
    ----------
    path : str or Path
    frames : int, optional
        Only the first ones; all by default.

    Raises
    ------
    ImportError
        If imageio or PyAV is not installed.
    ValueError
        If the file holds no video that PyAV reads.
    OSError
        If there is no such file.
    """

    def __init__(self, path: str | Path, frames: int | None = None) -> None:
        self.path = Path(path)
        with self.path.open("rb"):
            pass
        try:
            import av  # noqa: F401 - imageio's reader; without it imageio would look for others
            import imageio.v3 as imageio
        except ImportError as error:
            raise ImportError(f"{error}: a video needs pip install 'edge-ai-workbook[video]'") from None
        try:
            found = imageio.immeta(self.path, plugin="pyav")
            first = imageio.imread(self.path, index=0, plugin="pyav")
        except (OSError, IndexError, ValueError) as error:
            raise ValueError(f"{self.path}: no video that can be read ({error})") from None
        self.fps = float(found["fps"])
        self.count = frames or round(self.fps * float(found["duration"]))
        self.format = Format((first.shape[2], *first.shape[:2]), np.dtype(np.float32))

    def __iter__(self) -> Iterator[Frame]:
        import imageio.v3 as imageio

        for index, pixels in enumerate(imageio.imiter(self.path, plugin="pyav")):
            if index == self.count:
                return
            image = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)
            yield Frame(index, index / self.fps, image)
