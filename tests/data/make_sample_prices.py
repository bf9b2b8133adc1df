"""Makes the prices that the package ships (`mrtoolkit/data/sample_prices.parquet`) from `bokeh_sampledata`.

Run from the repository root: `python tests/data/make_sample_prices.py`. A test runs it and compares.

The source has traded prices, and an adjusted close (splits and dividends, those after its last day too). Every day's
open, high and low are multiplied by that day's adjusted close / close, so that all four are in one currency of
today's shares. Volume is a count of shares, so dividends do not touch it: it is multiplied by the splits alone. A
split is a day on which the factor adjusted close / close rises by a fifth or more (in this source: AAPL 2000-06-21
and 2005-02-28, MSFT 2003-02-18, each by exactly 2; the largest dividend, MSFT's of 2004-11-15, is 11 percent). Two
splits came after the last day and are in the adjusted close, so they must be in the volume: AAPL 7 for 1 of
2014-06-09, and GOOG's of 2014-04-03, whose size the source's last factor tells, as Google paid no dividend until
then.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SHIPPED = Path(__file__).parents[2] / "mrtoolkit" / "data" / "sample_prices.parquet"
SPLIT_RISE = 1.2
LATER_SPLITS = {"AAPL": 7.0}
DECIMALS = 6


def adjusted(table: pd.DataFrame, ticker: str) -> pd.DataFrame:
    """Return one share's adjusted bars."""
    rows = table[table["ticker"] == ticker].sort_values("date").reset_index(drop=True)
    factor = rows["adj_close"] / rows["close"]
    rise = (factor / factor.shift()).fillna(1.0)
    splits = rise.where(rise >= SPLIT_RISE, 1.0).round()
    later = 1 / factor.iloc[-1] if ticker == "GOOG" else LATER_SPLITS.get(ticker, 1.0)
    shares = later * splits[::-1].cumprod()[::-1].shift(-1, fill_value=1.0)
    prices = rows[["open", "high", "low", "close"]].mul(factor, axis=0)
    prices["close"] = rows["adj_close"]
    # Six decimals are a millionth of a dollar. Rounding keeps order, but the close is rounded by its source: hence
    # the two lines after.
    prices = prices.round(DECIMALS)
    prices["high"] = prices.max(axis=1)
    prices["low"] = prices.min(axis=1)
    made = prices.assign(volume=(rows["volume"] * shares).round().astype(np.int64))
    made.insert(0, "date", rows["date"].astype("datetime64[ms]").dt.date)
    made.insert(0, "ticker", ticker)
    return made


def make() -> pd.DataFrame:
    """Return the whole table, a row a share and day."""
    from bokeh_sampledata import stocks

    table = stocks.data
    return pd.concat([adjusted(table, ticker) for ticker in sorted(table["ticker"].unique())], ignore_index=True)


def write(path: Path) -> None:
    """Write the table as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(make(), preserve_index=False).replace_schema_metadata(None)
    floats = ["open", "high", "low", "close"]
    pq.write_table(
        arrow,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=["ticker"],
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
    )


if __name__ == "__main__":
    write(SHIPPED)
