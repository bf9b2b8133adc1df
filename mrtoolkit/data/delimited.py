"""Text files of prices: which sign separates, which one is the decimal point, and whether there is a header."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrtoolkit.errors import BarsError

_SEPARATORS = (",", ";", "\t", "|")
_HEAD_BYTES = 65_536
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_STARTS_AS_TIME = re.compile(r"\d{4,}([-./]\d|$)|\d{8} \d{4,6}$|\d{1,2}[-./]\d{1,2}[-./]\d{4}|\d{9,}")
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?")
_WEB_PAGE = re.compile(r"\s*(<!doctype\s+html|<html\b|<head\b|<\?xml\b)", re.IGNORECASE)
_BINANCE = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
]
_HEADERLESS = {5: _BINANCE[:5], 6: _BINANCE[:6], 12: _BINANCE}
_BLANKS = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A", "-"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    separator: str
    decimal: str
    header: list[str]
    has_header: bool
    encoding: str


def read_delimited(path: Path) -> pd.DataFrame:
    """Return the table of a CSV file (plain, .gz, or one file in a .zip), with the header that it has or lacks.

    Comma, semicolon, tab or bar between values; decimal commas where the separator is another sign. Without a header:
    Binance's 12 columns, or time, open, high, low, close[, volume], or MetaTrader 4's date, time, open, high, low,
    close, volume.

    Raises
    ------
    BarsError
        If the file is empty, is a web page, or a row has another number of values than the first.
    """
    content = _content(path)
    encoding, skip = _encoding(content[:_HEAD_BYTES])
    head = content[skip:_HEAD_BYTES].decode(encoding, errors="replace")
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines:
        raise BarsError("the file is empty: there are no bars in it; write a header line and at least 2 bars.")
    if _WEB_PAGE.match(lines[0]):
        raise BarsError(
            f"the file seems to be a web page and not a table of prices: it begins with {lines[0].strip()[:40]!r}; "
            "open it in a browser to see what the site says (often that one must log in), and save the data itself."
        )
    if _is_yfinance(lines):
        return _read_two_levels(content, encoding)
    form = _form(lines[:50], encoding)
    names = form.header
    if form.has_header and len(lines) == 1:
        return pd.DataFrame(columns=names)
    # A date beside a clock is put together as text.
    texts = (
        [name for name in names if _plain(name) in {"date", "time"}]
        if {"date", "time"} <= set(map(_plain, names))
        else []
    )
    return _read_arrow(content, form, texts)


def _read_arrow(content: bytes, form: _Form, texts: list[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(
                column_names=None if form.has_header else form.header, encoding=form.encoding, block_size=1 << 24
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=form.separator),
            convert_options=arrow_csv.ConvertOptions(
                decimal_point=form.decimal,
                null_values=_BLANKS,
                strings_can_be_null=True,
                column_types=dict.fromkeys(texts, pa.string()),
            ),
        )
    except pa.ArrowInvalid as error:
        raise BarsError(
            f"the file is not a table: {_one_line(error)}; give every row as many values as the first."
        ) from None
    return table.to_pandas()  # type: ignore[no-any-return]


def _content(path: Path) -> bytes:
    suffix = path.suffix.lower()
    try:
        if suffix == ".gz":
            return gzip.decompress(path.read_bytes())
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise BarsError(
                        f"the archive holds {len(names)} files, and 1 is read; unpack it and read the files."
                    )
                return archive.read(names[0])
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise BarsError(f"the archive cannot be unpacked: {_one_line(error)}; fetch it again.") from None
    return path.read_bytes()


def _encoding(head: bytes) -> tuple[str, int]:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return name, len(mark)
    if b"\x00" in head:
        raise BarsError(
            "the file holds zero bytes, so it is not text; is it Parquet or an archive? Its name must end so."
        )
    try:
        head[: head.rfind(b"\n") + 1 or len(head)].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1", 0
    return "utf-8", 0


def _form(lines: list[str], encoding: str) -> _Form:
    separator = max(_SEPARATORS, key=lambda sign: (lines[0].count(sign), -_SEPARATORS.index(sign)))
    if separator == "," and lines[0].count(";"):
        separator = ";"
    rows = [[value.strip() for value in row] for row in csv.reader(lines, delimiter=separator) if row]
    decimal = "."
    if separator != "," and any(re.fullmatch(r"-?\d+,\d+", value) for row in rows[1:] or rows for value in row):
        decimal = ","
    first = rows[0]
    numbers = sum(bool(_NUMBER.fullmatch(value)) for value in first[1:])
    has_header = not (_STARTS_AS_TIME.match(first[0]) and 2 * numbers >= len(first) - 1)
    if has_header:
        return _Form(separator=separator, decimal=decimal, header=first, has_header=True, encoding=encoding)
    if len(first) == 7 and _CLOCK.fullmatch(first[1]):
        header = ["date", "time", *_BINANCE[1:6]]
    elif len(first) in _HEADERLESS:
        header = _HEADERLESS[len(first)]
    else:
        raise BarsError(
            f"the file has no header line and {len(first)} columns, and 5, 6 or 12 can be told (time, open, high, "
            "low, close, volume; "
            "Binance's); write a header line such as time,open,high,low,close,volume."
        )
    return _Form(separator=separator, decimal=decimal, header=header, has_header=False, encoding=encoding)


def _plain(name: str) -> str:
    return name.strip("<>").lower()


def _is_yfinance(lines: list[str]) -> bool:
    return len(lines) > 2 and lines[0].lower().startswith("price,") and lines[1].lower().startswith("ticker,")


def _read_two_levels(content: bytes, encoding: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), header=[0, 1], index_col=0, encoding=encoding).rename_axis(index="Date")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
