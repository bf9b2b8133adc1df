"""A configuration file is checked whole, and each mistake is named with its place and its cure."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mrtoolkit.cli.assembly import build_space
from mrtoolkit.cli.config import read_config
from mrtoolkit.cli.schema import EXAMPLE, TABLES, describe
from mrtoolkit.errors import ConfigError

GOOD = """
[bars]
sample = "AAPL"
[strategy]
entry = "ema(P.fast) > ema(P.slow)"
[space]
fast = {integer = [5, 10]}
slow = {integer = [20, 40]}
"""

# what is put in place of what, and what the message must then hold
MISTAKES = [
    ("[strategy]", "[stratgy]", ["no table 'stratgy'", "did you mean 'strategy'?). Its tables are: bars, strategy"]),
    ("entry =", "enrty =", ["[strategy] has no key 'enrty'", "did you mean 'entry'", "stop_loss"]),
    ("entry =", "fee = 0.1\nentry =", ["[strategy] has no key 'fee'", "it belongs to [costs]"]),
    ('entry = "ema(P.fast) > ema(P.slow)"', "entry = 3", ["[strategy] entry is 3", "a rule in quotes"]),
    ('entry = "ema(P.fast) > ema(P.slow)"', 'entry = " "', ["[strategy] entry is ' '", "a rule in quotes"]),
    ("[space]", 'side = "boht"\n[space]', ["side is 'boht'", "'long', 'short', 'both'", "did you mean 'both'"]),
    ("[space]", "size = true\n[space]", ["[strategy] size is True", "a number, or a rule"]),
    ("[space]", '[costs]\nfee = "0.1"\n[space]', ["[costs] fee is '0.1'", "a number"]),
    ("[space]", "[search]\ntrials = 2.5\n[space]", ["[search] trials is 2.5", "a whole number"]),
    ("[space]", "[search]\ntrials = true\n[space]", ["[search] trials is True", "a whole number"]),
    (
        "[space]",
        '[search]\nconstraints = "M.trades > 1"\n[space]',
        ["constraints is 'M.trades > 1'", "a list of rules"],
    ),
    ("[space]", '[level]\nname = "a"\n[space]', ["[level] is one table", "[[level]]"]),
    (
        "[space]",
        '[[level]]\nname = "a"\n[[level]]\ngird = {}\n[space]',
        ["[[level]] 2 has no key 'gird'", "did you mean 'grid'"],
    ),
    ("[space]", "[[level]]\nregions = 2\n[space]", ["[[level]] 1 has no 'name'"]),
    (
        "[space]",
        '[[level]]\nname = "a"\ngrid = {fast = 5}\n[space]',
        ["[[level]] 1 grid is {'fast': 5}", "a table of lists"],
    ),
    ("{integer = [5, 10]}", "[5, 10]", ["[space] fast is [5, 10]", "{integer = [5, 50]}"]),
    ("{integer = [5, 10]}", "{integer = [5]}", ["[space] fast integer is [5]", "two numbers"]),
    ("{integer = [5, 10]}", "{whole = [5, 10]}", ["[space] fast has no key 'whole'", "integer, real, categories"]),
    ("{integer = [5, 10]}", "{choices = [5, 10]}", ["has no key 'choices'", "did you mean 'categories'"]),
    ("{integer = [5, 10]}", "{step = 1}", ["[space] fast has none of integer, real and categories"]),
    ("{integer = [5, 10]}", "{integer = [5, 10], real = [1, 2]}", ["[space] fast has integer and real", "exactly one"]),
    ('sample = "AAPL"', "", ["[bars] has neither 'path'", "nor 'sample'", "--example"]),
    ('sample = "AAPL"', 'sample = "AAPL"\npath = "x.csv"', ["[bars] has both 'path'", "remove one"]),
    ('sample = "AAPL"', 'path = "x.csv"\nstamp = "closed"', ["stamp is 'closed'", "did you mean 'close'"]),
    ("fast = {integer = [5, 10]}\nslow = {integer = [20, 40]}", "", ["[space] has no parameter to search"]),
    ('[bars]\nsample = "AAPL"', "bars = 3", ["[bars] is 3, but must be a table"]),
    ('sample = "AAPL"', "sample = AAPL", ["is not TOML", "text stands in quotes"]),
]


def write(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_a_mistake_is_named_with_its_place_and_its_cure(tmp_path, old, new, words):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message.replace(str(tmp_path), "")
    for word in words:
        assert word in message


def test_a_good_file_is_read_as_it_stands(tmp_path):
    config = read_config(write(tmp_path, GOOD))
    assert config["bars"] == {"sample": "AAPL"}
    assert config["space"] == {"fast": {"integer": [5, 10]}, "slow": {"integer": [20, 40]}}
    assert config["costs"] == {}
    assert config["level"] == []


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match=r"did you mean 'my\.toml'.*--example"):
        read_config(tmp_path / "mi.toml")


def test_an_empty_file_is_told_that_it_has_no_prices(tmp_path):
    with pytest.raises(ConfigError, match=r"\[bars\] has neither 'path'.*--example"):
        read_config(write(tmp_path, ""))


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        read_config(tmp_path)


def test_the_schema_lists_every_table_and_key():
    text = describe()
    for table, keys in TABLES.items():
        assert f"[{table}]" in text
        for name in keys:
            assert f"\n  {name} " in text, name


def test_the_example_keeps_to_the_schema(tmp_path):
    config = read_config(write(tmp_path, EXAMPLE))
    assert set(tomllib.loads(EXAMPLE)) <= set(TABLES)
    assert set(config["space"]) == {"where", "fast", "slow", "overbought", "stop"}


def test_conditions_and_orders_of_a_space_are_read(tmp_path):
    text = GOOD.replace("fast = {integer = [5, 10]}", "fast = {integer = [5, 10], only = 'P.kind == \"b\"'}")
    text += 'kind = {categories = ["a", "b", "none"], ordered = true, only = "P.slow > 30"}\n'
    path = write(tmp_path, text)
    space = build_space(path, read_config(path)["space"])
    assert space["fast"].only.key == 'P.kind == "b"'
    assert space["kind"].ordered
    assert space["kind"].only.key == "P.slow > 30"
    path.write_text(GOOD.replace("[5, 10]}", "[5, 10], ordered = true}"), encoding="utf-8")
    with pytest.raises(ConfigError, match="'ordered' goes with categories"):
        build_space(path, read_config(path)["space"])
