"""What a picture of a search shows, as arrays: no plot is loaded here, so that a widget, a page and a PNG share it."""

from .axes import map_params as map_params
from .chosen import ChosenTrials as ChosenTrials
from .course import Course as Course
from .heat import Heat as Heat
from .heat import Raster as Raster
from .level_boxes import Box as Box
from .level_boxes import LevelBoxes as LevelBoxes
from .scale import Scale as Scale
