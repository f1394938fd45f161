# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A first robot file from a bag: what was seen stands in it, and each guess is marked CHECK."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_messages import image_cdr, joints_cdr
from rosbags.rosbag2 import StoragePlugin, Writer
from typer.testing import CliRunner

from world_model_ros.bringup.bag_topics import BagError, bag_topics
from world_model_ros.bringup.draft_contract import NothingHeard, draft_contract
from world_model_ros.bringup.draft_streams import nice_rate
from world_model_ros.bringup.observed import KEPT_SMALL, Observed
from world_model_ros.cli import main
from world_model_ros.contract import load_contract, parse_contract
from world_model_ros.wire.cdr import FLOATS, IMAGE, JOINT_STATE, encode, typestore

TYPES = typestore().types
BEGIN_NS = 1_700_000_000 * 10**9
SEC = 10**9
WIDE = np.zeros((48, 64, 3), np.uint8)
ARM, HAND = ('j1', 'j2'), ('finger',)


def at(rate_hz, seconds=2.0, jitter=0.0):
    """Times of a steady publisher."""
    return [BEGIN_NS + round((i + jitter) * SEC / rate_hz) for i in range(int(rate_hz * seconds))]


def observed(topic, kind, messages, **known):
    row = Observed(topic, kind, **known)
    for t_ns, cdr in messages:
        row.add(t_ns, cdr)
    return row


def camera(rate_hz=30.0, late_s=0.02, topic='/camera/image_raw'):
    late_ns = round(late_s * SEC)
    rows = [(t, image_cdr(t - late_ns, WIDE, 'bgr8')) for t in at(rate_hz)]
    return observed(topic, IMAGE, rows)


def joints(rate_hz=100.0, names=ARM, topic='/joint_states', size=0.4, **fields):
    rows = []
    for i, t in enumerate(at(rate_hz)):
        angle = size * np.sin(i / 20)
        given = {'position': [angle] * len(names), 'velocity': [0.3] * len(names), **fields}
        rows.append((t, joints_cdr(t, names, **given)))
    return observed(topic, JOINT_STATE, rows)


def commands(topic='/arm/commands', rate_hz=50.0, width=2):
    layout = TYPES['std_msgs/msg/MultiArrayLayout']([], 0)
    cdr = encode(FLOATS, TYPES[FLOATS](layout, np.full(width, 0.6)))
    return observed(topic, FLOATS, [(t, cdr) for t in at(rate_hz)])


def drafted(*heard, **words):
    draft = draft_contract(list(heard), 'a test', **words)
    return draft, yaml.safe_load(draft.text)


def words(draft):
    """The file without line breaks and comment marks."""
    return ' '.join(line.strip(' #') for line in draft.text.splitlines())


def test_an_arm_with_a_camera_gives_a_file_that_passes():
    draft, data = drafted(camera(), joints(), commands())
    contract = parse_contract(draft.text)
    assert not draft.problems and draft.streams == ('camera', 'joints')
    assert data['control']['rate'] == 30.0 and data['control']['command_rate'] == 60.0
    assert data['streams']['camera'] == {
        **{'kind': 'image', 'topic': 'camera/image_raw', 'rate': 30.0},
        **{'max_age': contract.stream('camera').max_age_s, 'shape': [64, 64, 3], 'fit': 'crop'},
    }
    assert 0.08 <= contract.stream('camera').max_age_s <= 0.1
    joint_stream = contract.stream('joints')
    assert joint_stream.names == ARM and joint_stream.fields == ('position', 'velocity')
    assert joint_stream.rate_hz == 100.0 and joint_stream.stamp == 'header'
    (action,) = contract.groups
    assert (action.topic, action.type, action.kind) == ('arm/commands', FLOATS, 'position')
    # Where the joints were and what was sent, and nothing beyond.
    assert action.low == (-0.4, -0.4) and action.high == (0.6, 0.6) and action.safe == 'hold'
    assert {'action.low', 'action.rate_limit', 'action.kind', 'control.rate'} <= set(draft.doubts)


def test_every_doubt_is_a_comment_above_its_key():
    draft, _ = drafted(camera(), joints(), commands())
    lines = draft.text.splitlines()
    assert sum('CHECK' in line for line in lines) == len(draft.doubts) + 1  # one in the head
    at_low = next(i for i, line in enumerate(lines) if line.lstrip().startswith('low:'))
    above = ' '.join(line.strip(' #') for line in lines[at_low - 2 : at_low])
    assert above.startswith('CHECK: low and high:') and 'the limits that are safe' in above


def test_joints_of_several_publishers_become_streams_of_their_own():
    both = joints()
    for t_ns, cdr in joints(names=HAND, rate_hz=50.0).kept:
        both.add(t_ns, cdr)
    draft, data = drafted(both)
    assert [row['names'] for row in data['streams'].values()] == [list(ARM), list(HAND)]
    assert [row['rate'] for row in data['streams'].values()] == [100.0, 50.0]
    assert 'streams.joints.names' in draft.doubts and not draft.problems


def test_stamps_of_another_clock_are_not_taken_and_are_named():
    draft, data = drafted(camera(late_s=10_800.0), joints())
    assert data['streams']['camera']['stamp'] == 'receive'
    assert 'stamp' not in data['streams']['joints']
    assert 'streams.camera.stamp' in draft.doubts and 'synchronise the clocks' in words(draft)


def test_what_cannot_be_decoded_is_no_stream_but_is_named():
    pictures = [(t, image_cdr(t, WIDE, 'pink16')) for t in at(5.0)]
    odd = observed('/odd/image_raw', IMAGE, pictures)
    silent = Observed('/wrist/image_raw', IMAGE)
    draft, data = drafted(odd, silent, joints())
    assert list(data['streams']) == ['joints']
    assert "'pink16'" in words(draft) and '/wrist/image_raw' in words(draft)


def test_fields_that_are_not_always_numbers_are_left_out():
    _, data = drafted(joints(velocity=[np.nan, 0.0]))
    assert data['streams']['joints']['fields'] == ['position']
    draft, _ = drafted(joints(velocity=[0.0, 0.0]))
    assert 'velocity was always 0 though the joints moved' in words(draft)


def test_torques_are_refused_until_a_person_says_that_they_are_safe():
    torques = joints(topic='/effort_command', position=(), velocity=(), effort=[0.2, 0.2])
    draft, data = drafted(joints(), torques)
    assert data['action']['kind'] == 'effort' and data['action']['high'] == [0.2, 0.2]
    assert [problem.key for problem in draft.problems] == ['action.gravity_safe']
    assert 'action.gravity_safe' in draft.doubts and '# gravity_safe: true' in draft.text
    corrected = draft.text.replace('# gravity_safe: true', 'gravity_safe: true')
    assert parse_contract(corrected).groups[0].gravity_safe


def test_a_topic_that_only_waits_for_messages_takes_commands():
    waiting = Observed('/move', JOINT_STATE, listeners=('/driver',))
    draft, data = drafted(joints(), waiting)
    assert data['action']['topic'] == 'move' and data['action']['names'] == list(ARM)
    assert {'action.topic', 'action.names', 'action.kind'} <= set(draft.doubts)
    assert not draft.problems


def test_our_own_topics_are_no_streams_and_reward_and_clock_are_known():
    reward = joints(topic='/reward', names=('reward', 'terminal'))
    own = [joints(topic=topic) for topic in ('/agent/tick', '/guard/sent')]
    clock = Observed('/clock', 'rosgraph_msgs/msg/Clock', count=5)
    draft, data = drafted(joints(), reward, *own, clock)
    assert list(data['streams']) == ['joints'] and data['reward'] == {'topic': 'reward'}
    assert data['control']['tick'] == {'source': 'sim_time'} and 'control.tick' in draft.doubts


def test_a_namespace_makes_topics_relative():
    _, data = drafted(
        joints(topic='/left/joint_states'), joints(topic='/x/base'), namespace='left'
    )
    topics = [row['topic'] for row in data['streams'].values()]
    assert topics == ['joint_states', '/x/base']


def test_nothing_to_make_a_stream_of_is_refused_with_what_is_there():
    with pytest.raises(NothingHeard, match='/silent'):
        drafted(Observed('/silent', IMAGE))
    with pytest.raises(NothingHeard, match='no topic of a known type'):
        drafted()


@settings(max_examples=40)
@given(
    names=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4, unique=True),
    topic=st.text(max_size=20),
    size=st.floats(-1e9, 1e9),
    rate_hz=st.floats(0.5, 2000.0),
    field=st.sampled_from(['position', 'velocity', 'effort']),
)
def test_whatever_is_heard_the_faults_of_the_file_are_its_doubts(
    names, topic, size, rate_hz, field
):
    numbers = [size] * len(names)
    empty = {'position': (), 'velocity': (), 'effort': ()}
    heard = joints_cdr(BEGIN_NS, names, **{**empty, 'position': numbers})
    sent = joints_cdr(BEGIN_NS, names, **{**empty, field: numbers})
    times = [BEGIN_NS + round(i * SEC / rate_hz) for i in range(3)]
    draft = draft_contract(
        [
            observed(f'/{topic}', JOINT_STATE, [(t, heard) for t in times]),
            observed('/command', JOINT_STATE, [(t, sent) for t in times]),
        ],
        topic,
    )
    assert isinstance(yaml.safe_load(draft.text), dict)
    for problem in draft.problems:
        assert any(problem.key.startswith(doubt) for doubt in draft.doubts), problem


def test_long_recordings_are_kept_evenly_and_small():
    row = Observed('/joint_states', JOINT_STATE)
    cdr = joints_cdr(BEGIN_NS)
    for i in range(3 * KEPT_SMALL):
        row.add(BEGIN_NS + i * SEC, cdr)
    steps = np.diff([t for t, _ in row.kept])
    assert len(row.kept) <= KEPT_SMALL and len(set(steps)) == 1 and row.rate_hz == 1.0


def test_rates_are_those_that_drivers_are_set_to():
    assert [nice_rate(hz) for hz in (29.4, 99.1, 14.96, 33.3)] == [30.0, 100.0, 15.0, 33.3]


def write_bag(folder, rows, storage):
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        for row in rows:
            connection = writer.add_connection(row.topic, row.type, typestore=typestore())
            for t_ns, cdr in row.kept:
                writer.write(connection, t_ns, cdr)
    return folder


@pytest.mark.parametrize('storage', list(StoragePlugin))
@pytest.mark.parametrize('form', ['folder', 'no metadata', 'file'])
def test_a_bag_of_another_recorder_gives_a_file(tmp_path, storage, form):
    bag = write_bag(tmp_path / 'bag', [joints(), commands()], storage)
    (file,) = (path for path in bag.iterdir() if path.suffix != '.yaml')
    if form == 'no metadata':
        (bag / 'metadata.yaml').unlink()
    out = tmp_path / 'robot.yaml'
    line = ['contract', 'init', '--bag', str(file if form == 'file' else bag), '--out', str(out)]
    shown = CliRunner().invoke(main.app, [*line, '--json'])
    told = json.loads(shown.output)
    assert shown.exit_code == 0 and told['streams'] == ['joints'] and told['problems'] == []
    assert load_contract(out).groups[0].topic == 'arm/commands'
    again = CliRunner().invoke(main.app, line)
    assert again.exit_code == 1 and 'exists' in again.output


def test_a_bag_that_is_none_is_refused_with_the_remedy(tmp_path):
    (tmp_path / 'broken.mcap').write_bytes(b'\x89MCAP0\r\n' + b'x' * 100)
    with pytest.raises(BagError, match='ros2 bag reindex'):
        bag_topics(tmp_path)
    with pytest.raises(BagError, match='no such bag'):
        bag_topics(tmp_path / 'none')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(BagError, match='found none'):
        bag_topics(tmp_path / 'empty')
    line = ['contract', 'init', '--out', str(tmp_path / 'x.yaml')]
    assert CliRunner().invoke(main.app, line).exit_code == 2
