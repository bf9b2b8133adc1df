"""The keys of a `mrtoolkit run` file: one table of frozen values that is read, checked against and printed."""

from __future__ import annotations

from dataclasses import dataclass

from mrtoolkit.cli.say import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a table.

    Attributes
    ----------
    kind : str
        What its value may be; the kinds are listed in `mrtoolkit.cli.config`.
    doc : str
        One line for `mrtoolkit run --schema`.
    default : str
        What stands in when the key is absent, as text; empty where it is simply left out.
    allowed : tuple of str
        The texts that it may be, where they are few.
    required : bool
        Whether the file is refused without it.
    """

    kind: str
    doc: str
    default: str = ""
    allowed: tuple[str, ...] = ()
    required: bool = False


BARS = {
    "path": Key(kind="text", doc="file of prices (CSV, Parquet or Zarr), relative to this file; or give sample"),
    "sample": Key(kind="text", doc='a bundled share instead of a file, such as "AAPL"'),
    "columns": Key(kind="table of text", doc='names in the file: {close = "Last", volume = "Vol"}'),
    "time": Key(kind="text", doc="column that holds the time stamps", default="found by its name"),
    "tz": Key(kind="text", doc='time zone of the stamps, "America/New_York"', default="UTC"),
    "stamp": Key(kind="text", doc="the bar's opening or closing time", default="open", allowed=("open", "close")),
    "asset": Key(kind="text", doc="column that names the asset, where the file holds several"),
    "missing": Key(
        kind="text", doc="what to do about a gap inside the prices", default="raise", allowed=("raise", "allow")
    ),
    "resample": Key(kind="text", doc='a slower timeframe: "1W", "4h"'),
}

STRATEGY = {
    "entry": Key(kind="rule", doc='when to buy: "ema(P.fast) > ema(P.slow)"'),
    "exit": Key(kind="rule", doc="when to sell", default="not entry"),
    "short_entry": Key(kind="rule", doc="when to sell short"),
    "short_exit": Key(kind="rule", doc="when to buy back", default="not short_entry"),
    "side": Key(kind="text", doc="which way it trades", default="long", allowed=("long", "short", "both")),
    "size": Key(kind="number or rule", doc="fraction of equity put into a position", default="1.0"),
    "stop_loss": Key(kind="number or rule", doc='fraction of the entry price: 0.05, "P.k * atr(P.a) / close"'),
    "take_profit": Key(kind="number or rule", doc="fraction of the entry price"),
    "trailing_stop": Key(kind="number or rule", doc="fraction of the highest price since entry"),
    "max_bars": Key(kind="number or rule", doc="bars after which a position is closed"),
    "reentry": Key(
        kind="text", doc="after a stop: wait for a new signal, or not", default="signal", allowed=("signal", "state")
    ),
}

COSTS = {
    "fee": Key(kind="number", doc="fraction of the traded value, each side: 0.001 is 0.1 percent", default="0"),
    "slippage": Key(kind="number", doc="fraction of the price against you, each side", default="0"),
    "spread": Key(kind="number", doc="price units", default="0"),
    "per_share": Key(kind="number", doc="currency a share, each side", default="0"),
    "minimum": Key(kind="number", doc="currency a fill, at least; see cash in [backtest]", default="0"),
    "financing": Key(kind="number", doc="a year, on borrowed cash", default="0"),
    "borrow": Key(kind="number", doc="a year, on the value held short", default="0"),
}

BACKTEST = {
    "fill": Key(kind="text", doc="where a signal is filled", default="next_open", allowed=("next_open", "close")),
    "engine": Key(kind="text", doc="which engine runs the trials", default="auto", allowed=("auto", "event", "dense")),
    "start": Key(kind="text", doc='first bar that is traded and measured: "2010-01-01"', default="the first"),
    "periods_per_year": Key(kind="number", doc="to annualise with", default="as observed"),
    "risk_free": Key(kind="number", doc="a year", default="0"),
    "blocks": Key(kind="integer", doc="stretches of time into which the statistics are kept", default="64"),
    "cash": Key(kind="number", doc="currency at the start; matters where costs are in currency", default="100000"),
}

SPACE = {
    "where": Key(kind="rule", doc='what every point must satisfy: "P.fast < P.slow"'),
}

DIMENSION = {
    "integer": Key(kind="range", doc="integer = [20, 200]"),
    "real": Key(kind="range", doc="real = [0.5, 4]"),
    "categories": Key(kind="list", doc='categories = ["ema", "sma"]; the text "none" stands for no value'),
    "ordered": Key(kind="flag", doc="whether categories beside each other are neighbours", default="false"),
    "only": Key(kind="rule", doc="where the parameter matters: 'P.kind == \"macd\"'", default="everywhere"),
    "step": Key(kind="number", doc="distance of neighbouring labels", default="1 for integer; none for real"),
    "log": Key(kind="flag", doc="coarse levels look at equal ratios, not equal distances", default="false"),
}

SEARCH = {
    "objective": Key(
        kind="text", doc='a metric or an expression of metrics: "M.sharpe - 0.1 * M.turnover"', default="sharpe"
    ),
    "constraints": Key(kind="list of rules", doc='what a good trial must satisfy: ["M.trades >= 30"]'),
    "direction": Key(kind="text", doc="which way is better", default="maximize", allowed=("maximize", "minimize")),
    "trials": Key(kind="integer", doc="how many points to run at most", default="400; no limit where levels are given"),
    "seconds": Key(kind="number", doc="how long to search at most"),
    "target": Key(kind="number", doc="the search ends when the best has reached this"),
    "memory": Key(kind="text", doc="what the trials and the features computed may take: \"1 GiB\"", default="no limit"),
    "transition": Key(
        kind="text",
        doc="how a level's regions follow from the trials",
        default="as a trial is quick or slow; peak where levels are given",
        allowed=("moving", "gp", "gp+moving", "peak"),
    ),
    "seed": Key(kind="integer", doc="of everything random", default="0"),
    "tolerance": Key(kind="number", doc="a gain of no more than this is no improvement", default="0"),
    "patience": Key(
        kind="integer",
        doc="levels in a row without improvement before the search stops",
        default="2; all are run where levels are given",
    ),
}

LEVEL = {
    "name": Key(kind="text", doc="what the tables call it", required=True),
    "grid": Key(kind="table of lists", doc="labels by hand: {fast = [5, 10], slow = [30, 40]}"),
    "step": Key(kind="number or numbers", doc="a step for all dimensions, or for each: {fast = 1}"),
    "labels": Key(kind="number or numbers", doc="so many labels a dimension: 5, or {fast = 5}"),
    "regions": Key(kind="integer", doc="how many of the best regions to look into", default="1"),
    "pad": Key(kind="integer", doc="labels added round a region", default="1"),
    "budget": Key(kind="integer", doc="points at most"),
}

STORE = {
    "path": Key(
        kind="text", doc="folder that keeps features for the next run, beside this file", default="memory alone"
    ),
    "memory": Key(kind="text", doc="how much memory features may take", default="256 MiB"),
    "disk": Key(kind="text", doc="how much the folder may take", default="no limit"),
    "persist": Key(kind="text", doc="what goes to disk", default="always", allowed=("always", "auto", "never")),
    "dtype": Key(kind="text", doc="of the values kept", default="float64", allowed=("float64", "float32")),
}

TABLES = {
    "bars": BARS,
    "strategy": STRATEGY,
    "costs": COSTS,
    "backtest": BACKTEST,
    "space": SPACE,
    "search": SEARCH,
    "level": LEVEL,
    "store": STORE,
}

NOTES = {
    "bars": "The prices. One of path and sample is required.",
    "strategy": "The rules, as text: expressions as in Python, P.name being a parameter. None is executed.",
    "costs": "What trading costs. An absent table means no costs.",
    "backtest": "How signals become fills and returns become metrics.",
    "space": "Beside where, one key for each parameter of the rules, with one of integer, real, categories:",
    "search": "What is looked for, and for how long.",
    "level": "[[level]], once for each level, coarse to fine; without one, the levels follow from trials.",
    "store": "Where features are kept.",
}

EXAMPLE = """\
# A search over one share that ships with mrtoolkit. To use your own prices, replace sample by: path = "prices.csv"
[bars]
sample = "AAPL"

[strategy]
entry = "(ema(P.fast) > ema(P.slow)) & (rsi(14) < P.overbought)"
exit = "ema(P.fast) < ema(P.slow)"
stop_loss = "P.stop"

[costs]
fee = 0.001                        # 0.1 percent of the traded value, each side

[space]
where = "P.fast < P.slow"
fast = {real = [5, 50], step = 0.5}
slow = {integer = [20, 200]}
overbought = {integer = [60, 90], step = 5}
stop = {categories = [0.05, 0.1, "none"]}

[search]
objective = "sharpe"
constraints = ["M.trades >= 10"]
trials = 400
seed = 0
"""


def command(*, example: bool) -> None:
    """Print the schema, or a file that keeps to it."""
    say(EXAMPLE if example else describe(), nl=not example)


def describe() -> str:
    """Return the schema as text: each table, its keys, what they take and their defaults."""
    lines = ["The tables and keys of a `mrtoolkit run` file (TOML). A key that is not here is refused by name.", ""]
    for table, keys in TABLES.items():
        lines += [f"[[{table}]]" if table == "level" else f"[{table}]", f"  # {NOTES[table]}"]
        lines += [_line(name, key) for name, key in keys.items()]
        if table == "space":
            lines += ["  NAME = {...}"] + ["  " + _line(name, key) for name, key in DIMENSION.items()]
        lines.append("")
    lines.append("`mrtoolkit run --example` prints a file that runs.")
    return "\n".join(lines)


def _line(name: str, key: Key) -> str:
    kind = " | ".join(f'"{text}"' for text in key.allowed) or key.kind
    notes = "; required" if key.required else f" [{key.default}]" if key.default else ""
    return f"  {name:<17} {kind:<27} {key.doc}{notes}"
