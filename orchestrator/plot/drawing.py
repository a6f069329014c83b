"""Draws a story: rate, batch time, replica lag, WAL and size over one time, and what held the backfill up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from orchestrator.plot.story import Story, Stretch, throttled_for, throttled_spans
from orchestrator.render import size, span

UPDATED, COMPARED, BATCH, LAG, WAL, GROWTH = "#1f6fb4", "#2e9e6b", "#555555", "#a03070", "#7a5195", "#c77700"
THROTTLED, IDLE = "#f2b53c", "#999999"
PAPER = {"boxstyle": "square,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0}
"""Behind words in the picture."""
MOST_NOTES = 12


def draw(figure: Figure, story: Story) -> None:
    """Puts everything on an empty figure."""
    lagging = any(interval.replica_lag_s is not None for interval in story.intervals)
    heights = [3, 2, 2, 2] if lagging else [3, 2, 2]
    rate, batch, *lag, growth = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _rate(rate, story)
    _batch_time(batch, story)
    if lagging:
        _lag(lag[0], story)
    _growth(growth, story)
    panels = (rate, batch, *lag, growth)
    for axes in panels:
        _background(axes, story)
    _numbers(rate, story)
    _time_axis(growth, story)
    figure.align_ylabels(panels)
    figure.suptitle(_title(story), x=0.01, ha="left", fontsize=12, fontweight="bold", parse_math=False)
    figure.supxlabel("\n".join(_lines(story)), x=0.01, ha="left", fontsize=9, parse_math=False)


def _x(moment: datetime) -> float:
    """Days since 1970, which is how matplotlib counts."""
    return moment.timestamp() / 86_400


def _title(story: Story) -> str:
    rows = sum(mark.rows for mark in story.marks.values())
    ran = sum((stretch.end - stretch.start).total_seconds() for stretch in story.stretches)
    wal = size(sum(interval.wal_bytes for interval in story.intervals))
    return f"{story.name}: backfill of {rows:,} rows, {span(ran)} at work, {wal} of WAL by the whole server"


def _lines(story: Story) -> list[str]:
    """What the numbers in the picture stand for."""
    found = list(story.intervals)
    lines = [f"throttled for {span(seconds)}: {reason}" for reason, seconds in throttled_for(found)]
    lines += [f"{number}  {note.at:%Y-%m-%d %H:%M:%S}  {note.text}" for number, note in enumerate(story.notes, 1)]
    if len(lines) > MOST_NOTES:
        left = len(lines) - MOST_NOTES
        lines[MOST_NOTES:] = [f"… and {left} more: orchestrator history {story.name}"]
    return [line if len(line) <= 150 else line[:149] + "…" for line in lines]


def _stairs(axes: Axes, stretch: Stretch, values: Sequence[float | None], *, color: str, fill: bool) -> None:
    """A mean holds from one measurement to the next."""
    edges = [_x(stretch.start), *(_x(interval.end) for interval in stretch.intervals)]
    known = [float("nan") if value is None else value for value in values]
    axes.stairs(known, edges, baseline=0 if fill else None, color=color, linewidth=1.1)
    if fill:
        axes.stairs(known, edges, fill=True, color=color, alpha=0.25, linewidth=0)


def _rate(axes: Axes, story: Story) -> None:
    highest = 0.0
    for stretch in story.stretches:
        if stretch.verify:
            continue
        rates = [interval.rows_per_s for interval in stretch.intervals]
        highest = max(highest, *rates)
        _stairs(axes, stretch, rates, color=UPDATED, fill=True)
    for stretch in story.stretches:
        if stretch.verify:
            _comparison(axes, stretch, _rows_per_block(story, stretch.intervals[0].position), highest=highest)
    # comparing is many times as fast: it must not make the rest flat
    axes.set_ylim(0, 1.15 * highest if highest else None)
    axes.set_ylabel("rows a second")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    _legend(axes)


def _comparison(axes: Axes, stretch: Stretch, rows_per_block: float, *, highest: float) -> None:
    rates = [interval.blocks_per_s * rows_per_block for interval in stretch.intervals]
    _stairs(axes, stretch, rates, color=COMPARED, fill=True)
    if highest and max(rates) > highest:
        at = (_x(stretch.start), 1.15 * highest)
        axes.annotate(
            f"up to {max(rates):,.0f}",
            at,
            (-4, -12),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=COMPARED,
            bbox=PAPER,
        )


def _rows_per_block(story: Story, position: int) -> float:
    """A comparison counts blocks, not rows."""
    mark = story.marks.get(position)
    return mark.estimated_rows / mark.total_blocks if mark and mark.total_blocks else 0.0


def _batch_time(axes: Axes, story: Story) -> None:
    for stretch in story.stretches:
        times = [interval.batch_ms for interval in stretch.intervals]
        _stairs(axes, stretch, times, color=COMPARED if stretch.verify else UPDATED, fill=False)
    _limit(axes, story.knobs.target_batch_ms, f"target_batch_ms {story.knobs.target_batch_ms}")
    axes.set_ylabel("batch time, ms")


def _lag(axes: Axes, story: Story) -> None:
    for stretch in story.stretches:
        _stairs(axes, stretch, [interval.replica_lag_s for interval in stretch.intervals], color=LAG, fill=True)
    limit = story.knobs.max_replica_lag_s
    if limit is not None:
        _limit(axes, limit, f"max_replica_lag_s {limit:g}")
    axes.set_ylabel("replica lag, s")


def _limit(axes: Axes, value: float, text: str) -> None:
    """The knob as it is now; when it was set to that is among the notes."""
    axes.axhline(value, color="black", linewidth=0.8, linestyle="--")
    axes.annotate(
        text,
        (1, value),
        (-4, 4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        bbox=PAPER,
    )


def _growth(axes: Axes, story: Story) -> None:
    """Sums over all stretches: what happens while nobody is at work is not ours."""
    wal = grown = 0.0
    for stretch in story.stretches:
        moments = [_x(stretch.start)]
        wals, growths = [wal], [grown]
        for interval in stretch.intervals:
            wal += interval.wal_bytes / 2**20
            grown += (interval.growth_bytes or 0) / 2**20
            moments.append(_x(interval.end))
            wals.append(wal)
            growths.append(grown)
        first = stretch is story.stretches[0]
        axes.plot(moments, wals, color=WAL, linewidth=1.4, label="WAL of the whole server" if first else None)
        axes.plot(moments, growths, color=GROWTH, linewidth=1.4, label="growth of the table" if first else None)
    axes.set_ylabel("MB")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(loc="upper left", fontsize=8, framealpha=0.8)


def _legend(axes: Axes) -> None:
    known = [
        Patch(color=UPDATED, alpha=0.6, label="updated"),
        Patch(color=COMPARED, alpha=0.6, label="compared (estimate)"),
        Patch(color=THROTTLED, alpha=0.4, label="throttled"),
        Patch(facecolor="white", edgecolor=IDLE, hatch="///", label="nobody at work"),
    ]
    axes.legend(handles=known, loc="lower right", bbox_to_anchor=(1, 1.06), ncols=4, fontsize=8, frameon=False)


def _background(axes: Axes, story: Story) -> None:
    """What held the backfill up, behind everything, in each panel."""
    for start, end in throttled_spans(list(story.intervals)):
        axes.axvspan(_x(start), _x(end), color=THROTTLED, alpha=0.35, linewidth=0, zorder=0)
    for before, after in pairwise(story.stretches):
        if after.start - before.end > (story.end - story.start) / 200:
            axes.axvspan(_x(before.end), _x(after.start), facecolor="none", edgecolor=IDLE, hatch="///", linewidth=0)
    for note in story.notes[:MOST_NOTES]:
        axes.axvline(_x(note.at), color="black", linewidth=0.7, linestyle=":")
    if axes.get_ylim()[0] > 0:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _numbers(axes: Axes, story: Story) -> None:
    """Of the notes, above the picture; what happened at nearly the same time shares a place."""
    width = (story.end - story.start) / 60
    shown = story.notes[:MOST_NOTES]
    first = 0
    for number in range(1, len(shown) + 1):
        if number < len(shown) and shown[number].at - shown[first].at < width:
            continue
        text = str(number) if number == first + 1 else f"{first + 1} to {number}"
        at = (_x(shown[first].at), 1)
        axes.annotate(text, at, (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center")
        first = number


def _time_axis(axes: Axes, story: Story) -> None:
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # matplotlib says no types here
    axes.xaxis.set_major_locator(locator)
    # by what the ticks count: years, months, days, hours, minutes, seconds
    offsets = ["UTC", "%Y UTC", "%Y-%m UTC", "%Y-%m-%d UTC", "%Y-%m-%d UTC", "%Y-%m-%d %H:%M UTC"]
    formatter = ConciseDateFormatter(locator, UTC, offset_formats=offsets)  # type: ignore[no-untyped-call]  # nor here
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlim(_x(story.start), _x(story.end))
