"""A user's indicator: what is accepted, what is refused, and how the refusal reads."""

import linecache
import textwrap

import numba
import numpy as np
import pytest
from user_range import define_range, windows

from mrtoolkit.errors import IndicatorError
from mrtoolkit.expressions.inputs import P
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.decorator import indicator
from mrtoolkit.indicators.parsing import parse
from mrtoolkit.indicators.trend import ema


def test_numpy_function_becomes_an_indicator_like_the_built_in_ones():
    my_range = define_range(warmup=lambda lookback: lookback - 1, units="price", version=3)
    assert registry.get("my_range") is my_range
    assert (my_range.inputs, my_range.version, my_range.units) == (("high", "low"), 3, "price")
    assert my_range.description == "Height of the window."
    assert my_range(P.n, low=ema(3)).key == "my_range(P.n, high=high, low=ema(3))"
    assert parse("my_range(20) > 3").key == "my_range(20) > 3"
    high, low = np.arange(10.0) + 1, np.arange(10.0)
    out = np.empty((1, 2, 10))
    my_range.compute([high, low], np.array([[2.0], [4.0]]), out)
    assert np.array_equal(out[0, 0], [np.nan] + [2.0] * 9, equal_nan=True)
    assert np.array_equal(out[0, 1], [np.nan] * 3 + [4.0] * 7, equal_nan=True)
    with pytest.raises(IndicatorError, match=r"my_range's lookback is 501, but must be a whole number from 2 to 500"):
        my_range(501)


def test_warmup_that_is_left_out_is_measured():
    my_range = define_range()
    assert [my_range.warmup_of((lookback,)) for lookback in (2, 14, 500)] == [1, 13, 499]


def test_history_shorter_than_the_warmup_gives_no_value_and_no_failure():
    my_range = define_range()
    x = np.arange(10.0) + 1
    out = np.zeros((1, 3, 10))
    my_range.compute([x, x], np.array([[100.0], [3.0], [11.0]]), out)
    assert np.isnan(out[0, 0]).all()
    assert np.isnan(out[0, 2]).all()
    assert out[0, 1, 2:].tolist() == [2.0] * 8


def test_numba_kernel_is_accepted_and_may_have_fractional_parameters():
    @indicator(lookback=(1.0, 500.0), warmup=0)
    @numba.njit
    def my_ema(close, lookback):
        out = np.full(close.size, np.nan)
        state = np.nan
        for bar in range(close.size):
            if not np.isnan(close[bar]):
                state = close[bar] if np.isnan(state) else state + (close[bar] - state) / lookback
                out[bar] = state
        return out

    out = np.empty((1, 1, 3))
    my_ema.compute([np.array([4.0, 8.0, 8.0])], np.array([[2.5]]), out)
    assert out[0, 0].tolist() == pytest.approx([4.0, 5.6, 6.56])


def test_indicator_of_several_outputs_and_of_other_columns():
    @indicator(lookback=(2, 50), inputs=["vix"], outputs=("top", "bottom"), compile=False)
    def channel(close, vix, lookback):
        middle, width = windows(close, lookback, np.mean), windows(vix, lookback, np.mean)
        return middle + width, middle - width

    assert channel.inputs == ("close", "vix")
    top = channel(P.n).top
    assert top.key == "channel(P.n).top"
    assert parse(top.key) is top
    out = np.empty((2, 1, 3))
    channel.compute([np.array([1.0, 3.0, 5.0]), np.array([2.0, 2.0, 4.0])], np.array([[2.0]]), out)
    assert out[:, 0, 1:].tolist() == [[4.0, 7.0], [0.0, 1.0]]


def _refused(match, function, **options):
    with pytest.raises(IndicatorError, match=match) as caught:
        indicator(function, **options)
    assert function.__name__ not in registry.names()
    return str(caught.value)


def test_cheat_that_reads_tomorrow_is_refused_at_its_bar():
    def cheat(close, lag):
        return np.concatenate([close[lag:], np.full(lag, np.nan)])

    message = _refused("looks ahead", cheat, lag=(1, 5))
    assert "cheat(lag=1) looks ahead: its value at bar 5 goes from" in message
    assert "when only the bars from 6 on are changed" in message


@pytest.mark.parametrize("reach", [1, 3])
def test_centred_window_is_refused(reach):
    def centred(close, lookback):
        out = np.full(close.size, np.nan)
        for bar in range(lookback, close.size):
            out[bar] = close[bar - lookback : bar + reach + 1].mean()
        return out

    _refused("looks ahead", centred, lookback=(3, 9), warmup=lambda lookback: lookback)


def test_scaling_by_the_whole_history_is_refused():
    def standardised(close):
        return (close - close.mean()) / close.std()

    _refused("looks ahead: its value at bar 0", standardised)


def test_infinite_value_does_not_hide_a_cheat():
    def cheat(close):
        ahead = np.concatenate([close[1:], close[-1:]])
        ahead[3] = np.where(np.isnan(ahead[3]), np.nan, np.inf)
        return ahead

    _refused("looks ahead", cheat)


def test_indicator_that_knows_only_how_long_the_history_is_is_refused():
    def countdown(close):
        return np.where(np.isnan(close), np.nan, close.size - np.arange(close.size))

    _refused("are left out", countdown)


def test_wrong_warmup_is_refused_with_both_numbers():
    def average(close, lookback):
        return windows(close, lookback, np.mean)

    message = _refused("warm-up", average, lookback=(4, 9), warmup=lambda lookback: lookback)
    assert message.startswith(
        "average(lookback=4) has its first value at bar 3, counted from 0, but declares a warm-up of 4"
    )
    _refused("declares a warm-up of 2", average, lookback=(4, 9), warmup=2)
    _refused(r"cannot be had \(ZeroDivisionError", average, lookback=(4, 9), warmup=lambda lookback: 1 // 0)


def test_function_that_writes_into_its_input_is_refused():
    def spoils(close):
        close[0] = 1.0
        return close

    message = _refused("writes into its input", spoils)
    assert "test_user_indicator.py" in message
    assert '"close[0] = 1.0"' in message
    _refused("writes into its input", numba.njit(spoils))

    def forces(close):
        close.base.flags.writeable = True
        close.base[0] = 1.0
        return close + 0.0

    _refused("forces", forces)


def test_function_that_a_missing_value_poisons_is_refused():
    def from_start(close, lookback):
        total = np.cumsum(close)
        return np.concatenate([np.full(lookback, np.nan), (total[lookback:] - total[:-lookback]) / lookback])

    _refused("where the first 7 bars are missing", from_start, lookback=(2, 50))

    def from_middle(close, lookback):
        start = int(np.argmax(~np.isnan(close)))
        return np.concatenate([np.full(start, np.nan), from_start(close[start:], lookback)])

    _refused("because the one bar", from_middle, lookback=(2, 50))

    def invents(close):
        return np.nan_to_num(close)

    _refused("is due from bar 7", invents)


@pytest.mark.parametrize(
    ("result", "match"),
    [
        (lambda close: close[1:], r"ndarray of shape \(63,\)"),
        (lambda close: close > 3, "type bool"),
        (lambda close: None, "nothing"),
        (lambda close: close.mean(), r"of shape \(\)"),
        (lambda close: (close, close), "tuple of 2 arrays"),
        (lambda close: close.astype(complex), "complex128"),
    ],
)
def test_wrong_result_is_refused_with_its_shape_and_type(result, match):
    def odd(close):
        return result(close)

    _refused(match, odd)


def test_random_result_is_refused():
    def noise(close):
        return np.random.default_rng().normal(size=close.size)

    _refused("two different values at bar 0", noise)


def test_hole_after_the_warmup_is_refused():
    def holes(close):
        return np.where(np.arange(close.size) == 40, np.nan, close)

    _refused("no value at bar 40", holes)


def test_error_in_the_function_is_shown_at_its_line():
    def broken(close, lookback):
        return close + undefined_name  # noqa: F821

    message = _refused("NameError", broken, lookback=(2, 9))
    assert "test_user_indicator.py:" in message
    assert '"return close + undefined_name' in message


def test_typing_error_is_shown_at_the_users_file_and_line(tmp_path):
    source = textwrap.dedent("""\
        import numpy as np

        def typo(close, lookback):
            out = np.empty_like(close)
            for bar in range(close.size):
                out[bar] = close[bar] + "a"
            return out
    """)
    file = tmp_path / "my_rules.py"
    file.write_text(source)
    space = {"__name__": "my_rules"}
    exec(compile(source, str(file), "exec"), space)
    message = _refused("cannot be compiled", space["typo"], lookback=(2, 9), compile=True)
    assert f'{file}:6, "out[bar] = close[bar] + "a""' in message
    assert "No implementation of function" in message
    assert "\n" not in message


def _run_cell(text, cell):
    """Execute `text` as a notebook does: its source is known to linecache under the cell's name."""
    text = textwrap.dedent(text)
    linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
    space = {"__name__": "__main__", "indicator": indicator, "np": np}
    exec(compile(text, cell, "exec"), space)
    return space


CELL = """\
    FACTOR = {factor}

    def scaled(x):
        return x * {helper}

    @indicator
    def doubled(close):
        return scaled(close) * FACTOR
"""


def test_cell_run_again_replaces_the_indicator_and_changes_its_hash():
    hashes = {}
    for k, (factor, helper) in enumerate([("2.0", "1.0"), ("3.0", "1.0"), ("2.0", "5.0")]):
        space = _run_cell(CELL.format(factor=factor, helper=helper), f"<cell-{k}>")
        assert registry.get("doubled") is space["doubled"]
        hashes[k] = space["doubled"].source_hash
    assert len(set(hashes.values())) == 3
    again = _run_cell(CELL.format(factor="2.0", helper="1.0"), "<cell-again>")
    assert again["doubled"].source_hash == hashes[0]


def test_error_in_a_cell_shows_the_line_of_the_cell():
    with pytest.raises(IndicatorError, match=r'at <cell-x>:3, "return close \+ 1 / 0": ZeroDivisionError'):
        _run_cell("@indicator\ndef bad(close):\n    return close + 1 / 0\n", "<cell-x>")
