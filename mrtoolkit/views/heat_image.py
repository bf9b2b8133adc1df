"""Heat as an image that bokeh draws."""

from __future__ import annotations

import numpy as np
from bokeh.models import LinearColorMapper
from bokeh.palettes import Viridis256

_OPACITY = 0.70  # of the heat where a trial is: the trials themselves stay the brightest
_NO_VALUE = (0x9A, 0x9A, 0x9A)
_PALETTE = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in Viridis256], dtype=np.uint8)


def painted(values: np.ndarray, opacity: np.ndarray, colours: LinearColorMapper) -> np.ndarray:
    """Return an image as bokeh takes it: (row, column) uint32 of red, green, blue and opacity, a byte each.

    Parameters
    ----------
    values : (row, column)
        NaN is grey, and fainter.
    opacity : (row, column)
        In [0, 1].
    colours : LinearColorMapper
        Over Viridis or Viridis reversed; its `low` and `high` are the ends of the scale.
    """
    palette = _PALETTE if colours.palette[0] == Viridis256[0] else _PALETTE[::-1]
    share = np.nan_to_num((values - colours.low) / (colours.high - colours.low))
    image = np.empty((*values.shape, 4), dtype=np.uint8)
    image[..., :3] = palette[np.clip(share * len(palette), 0, len(palette) - 1).astype(int)]
    image[..., 3] = np.rint(255 * _OPACITY * opacity)
    missing = np.isnan(values)
    image[missing, :3] = _NO_VALUE
    image[missing, 3] = image[missing, 3] // 2
    return image.view(np.uint32).reshape(values.shape)
