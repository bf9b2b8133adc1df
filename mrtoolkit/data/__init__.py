"""Bars: prices over time and assets, read, checked, sampled, simulated."""

from mrtoolkit.data.bars import as_bars as as_bars
from mrtoolkit.data.calendar import bars_per_year as bars_per_year
from mrtoolkit.data.fingerprint import fingerprint as fingerprint
from mrtoolkit.data.inputs import input_values as input_values
from mrtoolkit.data.pandas_frames import from_pandas as from_pandas
from mrtoolkit.data.readers import read_bars as read_bars
from mrtoolkit.data.resample import resample as resample
from mrtoolkit.data.samples import sample as sample
from mrtoolkit.data.samples import samples as samples
from mrtoolkit.data.simulate import simulate as simulate
