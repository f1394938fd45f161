# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The process that reads episodes may die, hang or lie: the trainer counts it and goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from world_model_ros.bench.chaos import episode_parts as parts_of
from world_model_ros.experience import EpisodeReader, to_arrays
from world_model_ros.store import open_store, upload_episode
from world_model_ros.training.data.failed_episodes import MOST, Attempts
from world_model_ros.training.data.ingest import Ingest
from world_model_ros.training.data.parser import Parser, ParserEnded, ParserRefused, ParserStopped

SOURCE = parts_of.fixture('episode_v1')
CONTRACT = EpisodeReader(SOURCE).contract
# A child that is none: READY first, then what the test says.
FAKE = """
import json, os, sys, time
sys.stdin.readline()
print('{"ready": true}', flush=True)
job = json.loads(sys.stdin.readline())
"""
READS = 'import sys; from world_model_ros.training.data import parse_child as c; '


@pytest.fixture()
def parser(tmp_path):
    made = Parser(CONTRACT, tmp_path / 'parsed')
    yield made
    made.close()


def fake(tmp_path, code: str, **limits) -> Parser:
    return Parser(
        CONTRACT, tmp_path / 'parsed', command=(sys.executable, '-c', FAKE + code), **limits
    )


def test_one_process_reads_many_episodes_as_this_one_would(parser):
    for _ in range(3):
        rows = parser.read(SOURCE)
    assert parser.started == 1 and len(rows['reward']) == 10
    for name in ('obs_camera', 'action_sent', 't_ns'):
        np.testing.assert_array_equal(rows[name], to_arrays(SOURCE)[name])
    assert rows['obs_camera'].dtype == np.uint8 and rows['is_first'].dtype == bool
    assert not parser.folder.exists()


def test_a_killed_process_ends_nothing_and_the_next_episode_gets_a_new_one(parser):
    parser.read(SOURCE)
    os.kill(parser.pid, signal.SIGSTOP)
    parser.wall_factor = 0.0
    with pytest.raises(ParserEnded, match='no answer'):
        parser.read(SOURCE)
    parser.wall_factor = 10.0
    parser.read(SOURCE)
    os.kill(parser.pid, signal.SIGKILL)
    os.waitid(os.P_PID, parser.pid, os.WEXITED | os.WNOWAIT)
    assert len(parser.read(SOURCE)['reward']) == 10
    assert parser.started == 3


ANSWERS = {
    'it dies': ('os.kill(os.getpid(), 9)', 'SIGKILL'),
    'it exits': ('sys.exit(3)', 'status 3'),
    'it hangs': ('time.sleep(100)', 'no answer'),
    'it never stops': ("while True: sys.stdout.write('x' * 10000)", 'did not stop'),
    'no JSON': ("print('[' * 10000)", 'answered'),
    'no object': ("print('[1]')", 'answered'),
    'ticks that are none': ('print(\'{"ticks": true}\')', 'answered'),
    'ticks without end': ('print(\'{"ticks": 1e18}\')', 'answered'),
    'no arrays': ('print(\'{"ticks": 5}\')', 'wrote no'),
    'arrays of another size': (
        'open(job["out"] + "/obs_camera.bin", "w").write("x"); print(\'{"ticks": 5}\')',
        'bytes of obs_camera',
    ),
    'a link for an array': (
        'os.symlink("/etc/passwd", job["out"] + "/obs_camera.bin"); print(\'{"ticks": 5}\')',
        'bytes of obs_camera',
    ),
}


@pytest.mark.parametrize('kind', ANSWERS)
def test_a_process_that_does_not_answer_is_ended(tmp_path, kind):
    code, reason = ANSWERS[kind]
    parser = fake(tmp_path, code, wall_factor=0.01)
    with pytest.raises(ParserEnded, match=reason):
        parser.read(SOURCE)
    assert parser.pid == 0


def test_reading_is_broken_off_when_the_trainer_leaves(tmp_path):
    asked = iter([False, False, True])
    parser = fake(tmp_path, 'time.sleep(100)', stop=lambda: next(asked), stop_after_s=0.0)
    with pytest.raises(ParserStopped):
        parser.read(SOURCE)
    assert parser.pid == 0


def test_what_takes_too_much_memory_is_refused_and_the_next_one_read(tmp_path):
    code = (
        'c.write_rows = lambda folder, *rest: bytearray(1 << 30) and 1'
        ' if (folder / "big").exists() else real(folder, *rest)'
    )
    parser = Parser(
        CONTRACT,
        tmp_path / 'parsed',
        memory_bytes=512 << 20,
        command=(sys.executable, '-c', READS + f'real = c.write_rows; {code}; c.main()'),
    )
    big = tmp_path / 'e'
    shutil.copytree(SOURCE, big)
    (big / 'big').touch()
    with pytest.raises(ParserRefused, match='memory'):
        parser.read(big)
    assert len(parser.read(SOURCE)['reward']) == 10
    parser.close()


def test_what_takes_too_much_processor_time_is_ended(tmp_path):
    code = 'c.cpu_limit_sec = lambda size: 0; c.write_rows = lambda *_: [0 for _ in iter(int, 1)]'
    command = (sys.executable, '-c', f'{READS}{code}; c.main()')
    parser = Parser(CONTRACT, tmp_path / 'parsed', command=command)
    with pytest.raises(ParserEnded, match='processor time'):
        parser.read(SOURCE)


def test_the_process_knows_no_secret_of_the_trainer(tmp_path, monkeypatch):
    monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'secret')
    code = 'print(json.dumps({"refused": " ".join(os.environ)}))'
    with pytest.raises(ParserRefused) as caught:
        fake(tmp_path, code).read(SOURCE)
    assert 'AWS' not in str(caught.value) and 'PYTHONPATH' in str(caught.value)


# ---- in the trainer ------------------------------------------------------------------------


class Following:
    """An ingest of one store, its clock and what it said."""

    def __init__(self, tmp_path, **settings) -> None:
        self.store = open_store(tmp_path / 'store', create=True)
        self.now, self.out = 0.0, tmp_path / 'out'
        self.events: list[tuple[str, dict]] = []
        self.settings = settings
        self.start()

    def start(self) -> None:
        self.ingest = Ingest(
            CONTRACT, self.out, 1_000, lambda event, **f: self.events.append((event, f)),
            held_out_share=0.0, clock=lambda: self.now, **self.settings,
        )  # fmt: skip

    def upload(self, folder: Path, robot_id: str = 'r1') -> None:
        assert upload_episode(self.store, folder, robot_id, 'i' * 64)

    def settle(self, until: float = 0.0) -> None:
        while True:
            self.ingest.look(self.store)
            while self.ingest.waiting:
                self.ingest.take(self.store)
            if not self.ingest.failing or self.now >= until:
                return
            self.now += 10.0

    def states(self) -> dict[str, str]:
        return {e.uuid: e.state for e in self.ingest.ledger.entries.values()}


def make(tmp_path, name: str, change=lambda parts: None, file=lambda data: data) -> Path:
    parts = parts_of.take_apart(SOURCE)
    change(parts)
    return parts_of.put_together(parts, tmp_path / 'made', name, file)


def test_an_episode_that_ends_the_parser_three_times_is_refused_and_others_are_taken(tmp_path):
    code = (
        'c.write_rows = lambda folder, *rest: c.os.kill(c.os.getpid(), 9)'
        ' if folder.name == "deadly" else real(folder, *rest)'
    )
    command = (sys.executable, '-c', READS + f'real = c.write_rows; {code}; c.main()')
    parser = Parser(CONTRACT, tmp_path / 'parsed', command=command)
    following = Following(tmp_path, parser=parser)
    following.upload(make(tmp_path, 'deadly'))
    following.upload(make(tmp_path, 'good'))
    following.settle()
    assert following.states() == {'good': 'ingested'}
    following.start()  # the count is on disk
    following.settle(until=1_000.0)
    assert following.states()['deadly'] == 'refused'
    reason = following.ingest.ledger.entries['r1/deadly'].reason
    assert 'SIGKILL' in reason and str(MOST['ended']) in reason
    started = parser.started
    following.settle()
    assert parser.started == started
    parser.close()


def test_an_episode_over_which_the_trainer_is_killed_again_and_again_is_refused(tmp_path):
    following = Following(tmp_path)
    following.upload(make(tmp_path, 'deadly'))
    for _ in range(MOST['killed']):
        following.ingest.attempts.begin('r1/deadly')
        following.start()
    following.settle()
    assert following.states() == {'deadly': 'refused'}
    assert 'killed' in following.events[-1][1]['reason']


def test_an_episode_that_stays_damaged_in_the_store_is_refused_by_name(tmp_path):
    following = Following(tmp_path)
    following.upload(make(tmp_path, 'damaged'))
    victim = next(Path(following.store.url).rglob('*.mcap'))
    victim.write_bytes(victim.read_bytes()[:-1] + b'x')
    following.settle(until=100_000.0)
    [entry] = following.ingest.ledger.of('refused')
    assert 'damaged.mcap' in entry.reason
    assert len([e for e, _ in following.events if e == 'not_fetched']) == MOST['damaged'] - 1


@pytest.mark.parametrize('name', ['one byte', 'endless', 'deep JSON'])
def test_a_record_that_lies_blocks_nothing(tmp_path, name):
    following = Following(tmp_path)
    following.upload(make(tmp_path, 'liar'))
    following.upload(make(tmp_path, 'good'))
    complete = next(Path(following.store.url).rglob('liar/complete.json'))
    if name == 'one byte':
        record = json.loads(complete.read_bytes())
        record['files']['liar.mcap']['size'] = 1
        complete.write_text(json.dumps(record))
        (complete.parent / 'liar.mcap').write_bytes(bytes(32 << 20))
    else:
        complete.write_bytes({'endless': bytes(2 << 20), 'deep JSON': b'[' * 100_000}[name])
    following.settle(until=100_000.0)
    assert following.states() == {'good': 'ingested', 'liar': 'refused'}


def test_the_same_life_is_learned_once_whoever_uploads_it(tmp_path):
    following = Following(tmp_path)
    first = make(tmp_path, 'first')
    following.upload(first)
    following.settle()
    following.upload(make(tmp_path, 'second', lambda parts: setattr(parts, 'end', None)), 'r2')
    following.settle()
    assert following.states() == {'first': 'ingested', 'second': 'refused'}
    assert 'episode first of r1' in following.events[-1][1]['reason']


def test_a_robot_cannot_take_anothers_uuid(tmp_path):
    following = Following(tmp_path)
    junk = tmp_path / 'junk' / 'same'
    junk.mkdir(parents=True)
    (junk / 'same.mcap').write_bytes(b'junk')
    following.upload(junk, 'attacker')
    following.settle()
    following.upload(make(tmp_path, 'same'), 'honest')
    following.settle()
    assert following.ingest.ledger.entries['honest/same'].state == 'ingested'


def test_a_robot_that_floods_waits_for_the_others(tmp_path):
    following = Following(tmp_path, robot_episodes=2)
    names = [f'{k:02}' for k in range(5)]
    for name in names:
        folder = tmp_path / 'junk' / name
        folder.mkdir(parents=True)
        (folder / f'{name}.mcap').write_bytes(b'junk')
        following.upload(folder, 'flood')
    following.upload(make(tmp_path, 'z'), 'calm')
    following.ingest.look(following.store)
    assert [ref.robot_id for ref in following.ingest.waiting] == ['calm', 'flood', 'flood']
    assert following.ingest.deferred == 3
    for _ in range(3):
        following.settle()
    assert len(following.states()) == 6


def test_attempts_survive_damage_to_one_copy(tmp_path):
    attempts = Attempts(tmp_path)
    attempts.failed('r1/a', 'ended')
    attempts.failed('r1/a', 'ended')
    (tmp_path / 'attempts.0.json').write_bytes(b'\0' * 100)
    assert Attempts(tmp_path).counts == {'r1/a': {'ended': 2}}
    assert Attempts(tmp_path).failed('r1/a', 'ended')


def test_numbers_that_no_robot_measures_are_refused(tmp_path, parser):
    def change(parts):
        for number in parts.ticks()[1:]:
            parts.set_tick(number, 'reward', 1e30)

    with pytest.raises(ParserRefused, match='reward'):
        parser.read(make(tmp_path, 'e', change))


def test_the_child_ends_with_its_parent(tmp_path):
    code = (
        'import os, sys; from pathlib import Path;'
        'from world_model_ros.training.data.parser import Parser;'
        'from world_model_ros.experience import EpisodeReader;'
        f'source = Path({str(SOURCE)!r});'
        f'p = Parser(EpisodeReader(source).contract, Path({str(tmp_path / "p")!r}));'
        'p.read(source); print(p.pid, flush=True); os.kill(os.getpid(), 9)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, timeout=120, check=False
    )
    pid, give_up = int(done.stdout), time.monotonic() + 60.0
    while Path(f'/proc/{pid}').exists() and time.monotonic() < give_up:
        if Path(f'/proc/{pid}/stat').read_text().split()[2] == 'Z':
            break
        time.sleep(0.01)
    assert time.monotonic() < give_up
