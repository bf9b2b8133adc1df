"""The event engine's stages under this machine's roof: `python -m tests.benchmarks.event_roofline [picture.html]`.

For each stage of the sweep of 4,950 pairs: bytes moved, operations, the time that the measured memory and clock of one
core would allow, the time taken, and how many times longer that is. What stands around the stages (plan, labels, the
frame of points) moves next to nothing and is given as the rest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent)]

from event_machine import Machine, measure  # noqa: E402 (found by the line above)
from event_sizes import Sizes  # noqa: E402
from event_stages import Stage, stages  # noqa: E402

_COLORS = ("#1f77b4", "#2ca02c", "#d62728", "#9467bd")


def table(made: list[Stage], whole: float, machine: Machine, n_trials: int) -> str:
    """Stages as a Markdown table, milliseconds of the sweep and microseconds a trial."""
    lines = [
        "| stage | MB moved | of which | million operations | memory allows (ms) | clock allows (ms) | taken (ms) "
        "| us a trial | times the roof |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for s in made:
        parts = [f"{level} {n / 1e6:,.0f}" for level, n in s.read.items()]
        parts += [f"to {level} {n / 1e6:,.0f}" for level, n in s.write.items()]
        lines.append(
            f"| {s.name} | {s.bytes / 1e6:,.0f} | {', '.join(parts)} | {s.operations / 1e6:,.0f} "
            f"| {1e3 * s.by_memory(machine):.2f} | {1e3 * s.by_clock(machine):.2f} | {1e3 * s.seconds:.2f} "
            f"| {1e6 * s.seconds / n_trials:.2f} | {s.seconds / s.allowed(machine):.1f} |"
        )
    usual = [s for s in made if not s.is_instead]
    known, allowed = sum(s.seconds for s in usual), sum(s.allowed(machine) for s in usual)
    lines.append(f"| around them | | | | | | {1e3 * (whole - known):.2f} | {1e6 * (whole - known) / n_trials:.2f} | |")
    lines.append(
        f"| all in | | | | | | {1e3 * whole:.2f} | {1e6 * whole / n_trials:.2f} | {whole / allowed:.1f} "
        f"(the roofs: {1e3 * allowed:.2f} ms) |"
    )
    return "\n".join(lines)


def machine_text(machine: Machine) -> str:
    """The machine in one line."""
    read = ", ".join(f"{level} {rate:.0f}" for level, rate in machine.read.items())
    write = ", ".join(f"{level} {rate:.0f}" for level, rate in machine.write.items())
    return (
        f"one core: {machine.ghz:.2f} GHz; reads GB/s: {read}; writes GB/s: {write}; "
        f"{machine.vector:.1f} billion multiply-adds of float64 a second"
    )


def picture(made: list[Stage], machine: Machine):
    """Operations a second over operations a byte: slopes are memory, the ceiling is arithmetic, points are stages."""
    from bokeh.models import ColumnDataSource, HoverTool, LabelSet, Title
    from bokeh.plotting import figure

    plot = figure(
        width=900, height=560, x_axis_type="log", y_axis_type="log", x_axis_label="operations a byte",
        y_axis_label="operations a second (1e9)",
    )  # fmt: skip
    clock, reads, writes, vector = machine_text(machine).split("; ")
    for line in (f"{reads}; {writes}", f"{clock}; {vector}"):  # a title is not broken, but cut off; the lowest first
        plot.add_layout(Title(text=line, text_font_size="8pt", text_font_style="normal"), "above")
    plot.add_layout(Title(text="The event engine's stages (dots) under their roofs (triangles)"), "above")
    x = np.geomspace(1e-2, 1e2, 200)
    for color, (level, rate) in zip(_COLORS, machine.read.items(), strict=True):
        plot.line(x, np.minimum(x * rate, 4 * machine.vector), color=color, legend_label=f"{level} {rate:.0f} GB/s")
    flat = np.full(x.size, machine.vector)
    plot.line(x, flat, color="gray", line_dash="dotted", legend_label="vectors of float64 (flat roof: of 16 bits)")
    scalar = 4 * machine.ghz
    plot.line(x, np.full(x.size, scalar), color="gray", line_dash="dashed", legend_label="four instructions a cycle")
    source = ColumnDataSource({
        "x": [s.operations / s.bytes for s in made],
        "y": [1e-9 * s.operations / s.seconds for s in made],
        "roof": [1e-9 * s.operations / s.allowed(machine) for s in made],
        "shift": [18 if s.name == "codes" else -14 for s in made],  # above its dot, as below is a neighbour's name
        "name": [f"{s.name}: {s.seconds / s.allowed(machine):.1f} x" for s in made],
    })  # fmt: skip
    plot.segment("x", "y", "x", "roof", source=source, color="black", line_dash="dotted")
    points = plot.scatter("x", "y", source=source, size=10, color="black")
    plot.scatter("x", "roof", source=source, size=8, marker="inverted_triangle", color="black", fill_alpha=0.0)
    plot.add_layout(
        LabelSet(x="x", y="y", text="name", x_offset=8, y_offset="shift", text_font_size="9pt", source=source)
    )
    hints = [("stage", "@name"), ("taken", "@y"), ("allowed", "@roof")]
    plot.add_tools(HoverTool(renderers=[points], tooltips=hints))
    plot.legend.location = "bottom_right"
    return plot


def save(plot, path: Path) -> None:
    """Write the picture as one HTML file that needs no network."""
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    path.write_text(file_html(plot, INLINE, "The event engine's roofline"), encoding="utf-8")


def main(path: str | None = None) -> None:
    """Print the table, and draw where a path is given."""
    sizes, machine = Sizes(), measure()
    made, whole = stages(sizes.bars, sizes.lookbacks, machine, repeats=sizes.repeats)
    n_trials = len(sizes.lookbacks) * (len(sizes.lookbacks) - 1) // 2
    print(f"{n_trials:,} pairs of {len(sizes.lookbacks)} EMAs over {sizes.bars:,} bars; {machine_text(machine)}\n")
    print(table(made, whole, machine, n_trials))
    if path is not None:
        save(picture(made, machine), Path(path))
        print(f"\ndrawn: {path}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
