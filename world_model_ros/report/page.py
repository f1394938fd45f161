# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page: tables in words, plots and strips inside the page.

Everything from the store is escaped by the template engine. Imports neither ROS nor torch.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jinja2

from world_model_ros.experience.read.figures import EpisodeFigures
from world_model_ros.gate_figures import gate_figure, useful_horizons
from world_model_ros.onboard.tick.tick_record import SOURCES
from world_model_ros.releases import Release
from world_model_ros.report import plots
from world_model_ros.report.axis import TimeAxis
from world_model_ros.report.data import REASON, Life, Trouble
from world_model_ros.report.sane import label

TEMPLATE = 'page.html'
NONE = '–'


def render(lives: Sequence[Life], store: str, wanted: str = '') -> str:
    """The page.

    Args:
        lives: what was gathered.
        store: its URL, for the title.
        wanted: the contract asked for, '' for all.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made = datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
    return environment.get_template(TEMPLATE).render(
        lives=[_life(life) for life in lives], store=store, wanted=wanted, made=made
    )


def _life(life: Life) -> dict[str, Any]:
    axis = TimeAxis(life)
    drawn = {
        'returns': _drawn(life, 'returns', lambda: plots.returns_plot(life, axis)),
        'open_loop': _drawn(life, 'open loop', lambda: plots.open_loop_plot(life)),
        'surprise': _drawn(life, 'surprise', lambda: plots.surprise_plot(life, axis)),
        'streams': _drawn(life, 'streams', lambda: plots.streams_plot(life, axis)),
        'ticks': _drawn(life, 'ticks', lambda: plots.ticks_plot(life, axis)),
        'sources': _drawn(life, 'sources', lambda: plots.sources_plot(life.episodes)),
    }
    return {
        **drawn,
        'name': life.name,
        'interface': life.interface,
        'axis': axis.said,
        'summary': _summary(life),
        'left_out': _left_out(life.episodes),
        'releases': _release_rows(life),
        'strips': [(number, _uri('png', png)) for number, png in life.strips.items()],
        'films': {number: _uri('webp', film) for number, film in life.films.items()},
        'stream_rows': _stream_rows(life.episodes),
        'source_names': [s for s in SOURCES if any(e.sources.get(s) for e in life.episodes)],
        'days': _days(life.episodes),
        'episodes': [_episode_row(e) for e in life.episodes],
        'troubles': life.troubles,
        'trouble_counts': dict(Counter(t.what for t in life.troubles)),
    }


def _uri(kind: str, content: bytes) -> str:
    return f'data:image/{kind};base64,' + base64.b64encode(content).decode()


def _drawn(life: Life, name: str, draw: Callable[[], str | None]) -> str | None:
    """A plot; one that cannot be drawn is named and costs only itself."""
    try:
        return draw()
    except Exception as error:  # noqa: BLE001 - whatever lies in a store, there is a page
        reason = label(f'{type(error).__name__}: {error}', REASON)
        life.troubles.append(Trouble('plot', name, reason))
        return None


def _summary(life: Life) -> list[tuple[str, str]]:
    """Pairs of a figure and what it is."""
    episodes = life.episodes
    ticks = sum(e.ticks for e in episodes)
    seconds = sum(e.seconds for e in episodes)
    length = f'{seconds / 3600:.1f} h' if seconds >= 3600 else f'{seconds / 60:.1f} min'
    pairs = [
        (str(len(episodes)), f'episodes, {sum(e.whole for e in episodes)} of them complete'),
        (length, f'recorded, {ticks:,} ticks'),
        (str(len(life.releases)), 'releases'),
        (str(len(life.troubles)), 'things that could not be read'),
    ]
    robots = {e.robot_id for e in episodes}
    if len(robots) > 1:
        pairs.insert(0, (str(len(robots)), 'robots'))
    by_release = [
        (number, _returns(episodes, number))
        for number in sorted({e.release for e in episodes})
        if _returns(episodes, number)
    ]
    if len(by_release) > 1:
        (first, early), (last, late) = by_release[0], by_release[-1]
        names = [f'release {n}' if n else 'what acted before' for n in (last, first)]
        said = f'mean evaluation return under {names[0]}, {_figure(_mean(early))} under {names[1]}'
        pairs.insert(0, (_figure(_mean(late)), said))
    return pairs


def _returns(episodes: Iterable[EpisodeFigures], release: int) -> list[float]:
    """Of whole evaluation episodes in which this release acted."""
    return [e.total_reward for e in episodes if e.whole and e.evaluation and e.release == release]


def _left_out(episodes: Sequence[EpisodeFigures]) -> str:
    """Why episodes have no point in the plot of returns."""
    reasons = Counter(_why(e) for e in episodes if not e.whole)
    return ', '.join(f'{count} {reason}' for reason, count in reasons.items())


def _why(episode: EpisodeFigures) -> str:
    if episode.imagined:
        return 'imagined'
    if episode.status != 'whole':
        return f'recorded as {episode.status}'
    if not episode.measured:
        return 'without any reward'
    if episode.cut_short:
        return 'ended before its time' if episode.kind != 'exploring' else 'exploring, not whole'
    return 'with tick records lost' if episode.lost else 'without a last tick'


def _release_rows(life: Life) -> list[dict[str, Any]]:
    rows = [_release_row(release, life) for release in life.releases]
    before = _returns(life.episodes, 0)
    if before and rows:
        rows.insert(0, {'number': 'before', 'earned': _mean_of(before)})
    return rows


def _release_row(release: Release, life: Life) -> dict[str, Any]:
    figures = release.gate
    errors: dict[str, Any] = {}
    for horizon in plots.HORIZONS:
        for part in plots.PARTS:
            own = gate_figure(figures, f'{part}_{horizon}')
            other = gate_figure(figures, f'acting_{part}_{horizon}')
            errors[f'{part}_{horizon}'] = _against(own, other)
    for part in ('reward', 'value'):
        own = gate_figure(figures, f'{part}_error')
        errors[f'{part}_error'] = _against(own, gate_figure(figures, f'acting_{part}_error'))
        errors[f'{part}_bias'] = _figure(gate_figure(figures, f'{part}_bias'), '+')
    mine, theirs = useful_horizons(figures), useful_horizons(figures, 'acting_')
    horizons = {
        part: {
            'own': str(mine[part]) if part in mine else NONE,
            'other': str(theirs[part]) if part in theirs else NONE,
            'better': mine[part].seconds >= theirs[part].seconds
            if part in mine and part in theirs
            else None,
        }
        for part in plots.PARTS
    }
    return {
        'number': release.number,
        'sha': release.bundle_sha,
        'published': release.published[:19].replace('T', ' '),
        'updates': release.updates,
        'episode_count': release.episode_count,
        'against': str(figures.get('against', NONE)),
        'earned': _mean_of(_returns(life.episodes, release.number)),
        'errors': errors,
        'horizons': horizons,
        'imagined': {
            'own': _figure(gate_figure(figures, 'imagined_return')),
            'other': _figure(gate_figure(figures, 'acting_imagined_return')),
            'better': _not_lower(figures),
            'text': label(str(figures.get('imagined') or NONE), REASON),
        },
        'note': release.note,
    }


def _stream_rows(episodes: Sequence[EpisodeFigures]) -> list[dict[str, Any]]:
    rows = []
    for name in sorted({name for e in episodes for name in e.streams}):
        some = [e for e in episodes if name in e.streams]
        figures = [e.streams[name] for e in some]
        ticks = sum(e.ticks for e in some)
        rows.append(
            {
                'name': name,
                'ticks': f'{ticks:,}',
                'missing': _count(sum(f.missing for f in figures), ticks),
                'old': _count(sum(f.old for f in figures), ticks),
                'repeated': _count(sum(f.repeated for f in figures), ticks),
                'age_p50': _milliseconds([f.age_p50_s for f in figures], 0.5),
                'age_p99': _milliseconds([f.age_p99_s for f in figures], 1.0),
            }
        )
    return rows


def _days(episodes: Sequence[EpisodeFigures]) -> list[dict[str, Any]]:
    """A row for each robot and day, in the order of time."""
    groups: dict[tuple[str, str], list[EpisodeFigures]] = {}
    for episode in episodes:
        day = episode.began.utc[:10] or 'own clock'
        groups.setdefault((day, episode.robot_id), []).append(episode)
    return [{'day': d, **_tick_row(robot, some)} for (d, robot), some in groups.items()]


def _episode_row(episode: EpisodeFigures) -> dict[str, Any]:
    return {
        **_tick_row(episode.robot_id, [episode]),
        'uuid': episode.uuid,
        'began': _moment(episode),
        'kind': episode.kind,
        'release': ', '.join(str(n) for n in sorted(episode.releases)),
        'reward': _figure(episode.total_reward if episode.measured else None),
        'state': 'whole' if episode.whole else _why(episode),
    }


def _tick_row(robot: str, episodes: Sequence[EpisodeFigures]) -> dict[str, Any]:
    ticks = sum(e.ticks for e in episodes)
    sources: Counter[str] = Counter()
    for episode in episodes:
        sources.update(episode.sources)
    row: dict[str, Any] = {'robot': robot, 'episodes': len(episodes), 'ticks': f'{ticks:,}'}
    row['sources'] = {name: _count(count, ticks) for name, count in sources.items()}
    for name in ('late', 'skipped', 'invalid', 'intervention', 'lost'):
        row[name] = _count(sum(getattr(e, name) for e in episodes), ticks)
    return row


def _moment(episode: EpisodeFigures) -> str:
    """When it began: date and time, and the simulator's time where there is one."""
    return episode.began.text


def _count(count: int, ticks: int) -> str:
    if not count or not ticks:
        return '0'
    share = 100.0 * count / ticks
    return f'{count:,} ({share:.{0 if share >= 9.95 else 1 if share >= 0.95 else 2}f} %)'


def _milliseconds(ages_s: Iterable[float], quantile: float) -> str:
    """The median of ages, or the highest."""
    known = sorted(1e3 * age for age in ages_s if math.isfinite(age))
    return f'{known[round(quantile * (len(known) - 1))]:.1f}' if known else NONE


def _against(own: float | None, other: float | None) -> dict[str, Any]:
    """A figure beside that of the release that acted, and whether it is better."""
    better = None if own is None or other is None else own <= other
    return {'own': _figure(own), 'other': _figure(other), 'better': better}


def _not_lower(figures: Any) -> bool | None:
    """Whether a release earns in imagination what the one before it does; None: nobody asked."""
    high = gate_figure(figures, 'imagined_difference_high')
    return None if high is None else high >= 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _mean_of(values: Sequence[float]) -> str:
    return f'{_figure(_mean(values))} ({len(values)})' if values else NONE


def _figure(value: float | None, sign: str = '') -> str:
    """Three digits; large numbers whole."""
    if value is None:
        return NONE
    return f'{value:{sign}.0f}' if abs(value) >= 100 else f'{value:{sign}.3g}'
