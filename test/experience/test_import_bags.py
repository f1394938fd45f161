# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags of `ros2 bag record` become episodes: whole, cut off, without metadata or commands."""

from __future__ import annotations

from pathlib import Path

import counter
import foreign_data as foreign
import numpy as np
import pytest
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import StoragePlugin

from world_model_ros.contract import load_contract, parse_contract
from world_model_ros.experience import EpisodeReader, check_episode, to_arrays
from world_model_ros.experience.read.importers import import_episodes
from world_model_ros.experience.read.importers.import_episodes import import_recording
from world_model_ros.experience.read.importers.import_map import ImportMap, parse_map
from world_model_ros.experience.read.importers.import_source import (
    ImportRefused,
    open_source,
)
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.wire.decode import decode_stream

FIXTURES = Path(__file__).resolve().parents[1] / 'fixtures'
PUSHER = load_contract(FIXTURES / 'import_contract/pusher.yaml')
JOINTS, CAMERA, COMMAND = '/arm/joint_states', '/arm/camera/image_raw', '/arm/command'


def changed(*pairs: tuple[str, str]):
    """The contract with other words in its file."""
    text = PUSHER.text
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return parse_contract(text)


def recordings(path, contract=PUSHER, names=None):
    found = list(open_source(path, contract, names or ImportMap()))
    for each in found:
        if isinstance(each, tuple):
            raise each[1]
    return found


def imported(path, out, contract=PUSHER, names=None):
    return [
        episode
        for recording in recordings(path, contract, names)
        for episode in import_recording(recording, contract, out, 'r1')
    ]


def bag(tmp_path, messages, plugin=StoragePlugin.MCAP):
    return foreign.write_bag(tmp_path / 'bag', messages, plugin)


def without(messages, *topics):
    return [message for message in messages if message[0] not in topics]


def mcap_file(path: Path, messages, **options) -> Path:
    """As a recorder of another kind writes it: not by rosbags."""
    with path.open('wb') as file:
        writer = McapWriter(file, **options)
        writer.start(profile='ros2')
        channels = {}
        for topic, kind, log_ns, data in messages:
            if topic not in channels:
                text = foreign.STORE.generate_msgdef(kind, ros_version=2)[0]
                schema = writer.register_schema(kind, 'ros2msg', text.encode())
                channels[topic] = writer.register_channel(topic, 'cdr', schema)
            writer.add_message(channels[topic], log_ns, data, log_ns)
        writer.finish()
    return path


def assert_is_the_demonstration(arrays, frames, phase=0.0):
    size = len(arrays['tick'])
    assert size == frames and arrays['observed'].all()
    pictures = [foreign.picture(k, phase) for k in range(size)]
    np.testing.assert_array_equal(arrays['obs_camera'], pictures)
    places = [foreign.position(k, phase) for k in range(size)]
    np.testing.assert_array_equal(arrays['obs_joints'][:, :2], np.array(places, np.float32))
    done = [foreign.command(k, phase) for k in range(size - 1)]
    np.testing.assert_array_equal(arrays['action_sent'][1:], done)
    assert np.isnan(arrays['reward']).all()
    assert arrays['is_first'].tolist() == [True] + [False] * (size - 1)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite'])
def test_a_stored_bag_becomes_a_whole_episode(tmp_path, storage):
    (episode,) = imported(FIXTURES / f'import_rosbag2_{storage}', tmp_path / 'out')
    assert check_episode(episode.path, rebuilt=True) == []
    assert_is_the_demonstration(to_arrays(episode.path), 8)
    reader = EpisodeReader(episode.path)
    assert {tick.source for tick in read_ticks(reader)} == {'none', 'foreign'}
    assert all(tick.intervention for tick in read_ticks(reader) if not tick.first)
    assert reader.topic('stream.camera') == CAMERA  # as it was recorded
    assert '"actions": "recorded"' in reader.info.announced


@pytest.mark.parametrize('plugin', list(StoragePlugin))
def test_metadata_are_not_needed(tmp_path, plugin):
    folder = bag(tmp_path, foreign.bag_messages(10), plugin)
    (folder / 'metadata.yaml').unlink()
    (whole,) = imported(folder, tmp_path / 'whole')
    assert whole.ticks == 10


@pytest.mark.parametrize('left', [0.35, 0.5, 0.66, 0.8, 0.95])
def test_a_cut_sqlite_file_is_read_up_to_the_cut_and_no_zeros_are_taken_for_pictures(
    tmp_path, left
):
    folder = bag(tmp_path, foreign.bag_messages(40), StoragePlugin.SQLITE3)
    (file,) = folder.glob('*.db3')
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * left)])
    (recording,) = recordings(folder)
    assert any('cut off' in note for note in recording.notes)
    (part,) = import_recording(recording, PUSHER, tmp_path / 'part', 'r1')
    assert 5 < part.ticks < 40
    assert abs(part.ticks - 40 * left) < 10
    assert_is_the_demonstration(to_arrays(part.path), part.ticks)


@pytest.mark.parametrize('chunks', [True, False])
def test_a_bag_of_a_recorder_that_was_killed(tmp_path, chunks):
    """With small chunks, or without any as in rosbag2's profile fastwrite."""
    options = {'use_chunking': chunks, 'chunk_size': 8_000, 'compression': CompressionType.LZ4}
    file = mcap_file(tmp_path / 'a.mcap', foreign.bag_messages(40), **options)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    (part,) = imported(file, tmp_path / 'out')
    assert 5 < part.ticks < 40
    assert_is_the_demonstration(to_arrays(part.path), part.ticks)


def test_a_damaged_chunk_costs_its_messages_and_nothing_else(tmp_path):
    file = mcap_file(
        tmp_path / 'a.mcap', foreign.bag_messages(60), chunk_size=8_000,
        compression=CompressionType.NONE,
    )  # fmt: skip
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    (recording,) = recordings(file)
    assert any('damaged at byte' in note for note in recording.notes)
    found = list(import_recording(recording, PUSHER, tmp_path / 'out', 'r1'))
    assert sum(episode.ticks for episode in found) > 50


def test_files_of_a_split_bag_are_one_recording(tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    messages = foreign.bag_messages(30)
    for number in range(11):  # bag_10 comes after bag_9, not after bag_1
        part = messages[number * len(messages) // 11 : (number + 1) * len(messages) // 11]
        mcap_file(folder / f'bag_{number}.mcap', part)
    (episode,) = imported(folder, tmp_path / 'out')
    assert_is_the_demonstration(to_arrays(episode.path), 30)


def test_compressed_pictures_are_stored_as_they_came_and_decoded_as_live(tmp_path):
    messages = [
        (f'{topic}/compressed', 'sensor_msgs/msg/CompressedImage', log_ns,
         foreign.compressed(foreign.T0_NS + k // 3 * foreign.PERIOD_NS, foreign.picture(k // 3)))
        if topic == CAMERA else (topic, kind, log_ns, data)
        for k, (topic, kind, log_ns, data) in enumerate(foreign.bag_messages(10))
    ]  # fmt: skip
    (episode,) = imported(bag(tmp_path, messages), tmp_path / 'out')
    assert check_episode(episode.path, rebuilt=True) == []
    assert_is_the_demonstration(to_arrays(episode.path), 10)
    assert EpisodeReader(episode.path).topic('stream.camera') == f'{CAMERA}/compressed'


def test_without_commands_the_action_is_the_next_measured_position_and_marked(tmp_path):
    folder = bag(tmp_path, without(foreign.bag_messages(10), COMMAND))
    (episode,) = imported(folder, tmp_path / 'out')
    arrays = to_arrays(episode.path)
    reached = np.array([foreign.position(k) for k in range(10)], np.float32)
    np.testing.assert_array_equal(arrays['action_sent'], reached)
    reader = EpisodeReader(episode.path)
    assert {tick.source for tick in read_ticks(reader)} == {'measured'}
    assert '"actions": "measured"' in reader.info.announced
    assert check_episode(episode.path, rebuilt=True) == []


def test_without_commands_a_velocity_is_the_difference_of_positions(tmp_path):
    contract = changed(('kind: position', 'kind: velocity'), ('safe: hold', 'safe: zero'))
    folder = bag(tmp_path, without(foreign.bag_messages(10), COMMAND))
    (episode,) = imported(folder, tmp_path / 'out', contract)
    places = np.array([foreign.position(k) for k in range(10)], np.float64)
    speed = np.diff(places, axis=0) / 0.05
    np.testing.assert_allclose(to_arrays(episode.path)['action_sent'][1:], speed, atol=1e-5)


def test_a_joint_that_turns_is_differenced_the_short_way_round(tmp_path):
    contract = changed(
        ('kind: position', 'kind: velocity'), ('safe: hold', 'safe: zero'),
        ('velocity]    #', 'velocity]\n    wrap: [slide]    #'),
    )  # fmt: skip
    messages = []
    for topic, kind, log_ns, data in without(foreign.bag_messages(6), COMMAND, JOINTS):
        t_ns = log_ns - 8_000_000
        messages.append((topic, kind, log_ns, data))
        angle = 3.1 if (t_ns // foreign.PERIOD_NS) % 2 else -3.1
        joints = foreign.joint_state(t_ns, foreign.JOINTS, (angle, 0.0), (0.0, 0.0))
        messages.append((JOINTS, 'sensor_msgs/msg/JointState', log_ns, joints))
    (episode,) = imported(bag(tmp_path, messages), tmp_path / 'out', contract)
    speed = to_arrays(episode.path)['action_sent'][1:, 0]
    np.testing.assert_allclose(np.abs(speed), (2 * np.pi - 6.2) / 0.05, rtol=1e-4)


def test_forces_cannot_be_taken_from_positions(tmp_path):
    contract = changed(
        ('kind: position', 'kind: effort'), ('safe: hold', 'safe: zero\n  gravity_safe: true')
    )
    folder = bag(tmp_path, without(foreign.bag_messages(3), COMMAND))
    with pytest.raises(ImportRefused, match=r'kind effort cannot .* Record the commands'):
        recordings(folder, contract)


def test_a_simulator_recorded_by_the_wall_clock_is_timed_by_its_stamps(tmp_path):
    """Stamps begin at 3 s, the recorder's times are of 2025 and come in bursts."""
    start = 3_000_000_000
    messages = [
        (topic, kind, foreign.T0_NS + n // 30 * 900_000_000, data)
        for n, (topic, kind, _, data) in enumerate(foreign.bag_messages(30, t0_ns=start))
    ]
    folder = bag(tmp_path, messages)
    (recording,) = recordings(folder)
    assert any('the stamps are taken as the time' in note for note in recording.notes)
    (episode,) = import_recording(recording, PUSHER, tmp_path / 'out', 'r1')
    assert 28 <= episode.ticks <= 30 and episode.valid == episode.ticks
    assert to_arrays(episode.path)['t_ns'][0] < 4_000_000_000


def test_time_that_jumps_ends_an_episode(tmp_path):
    late = foreign.bag_messages(10, t0_ns=foreign.T0_NS + 5_000_000_000)
    early = foreign.bag_messages(10, t0_ns=foreign.T0_NS - 60_000_000_000)
    folder = bag(tmp_path, [*foreign.bag_messages(10), *late, *early])
    found = imported(folder, tmp_path / 'out')
    assert [episode.ticks for episode in found] == [10, 10, 10]
    for episode in found:
        assert_is_the_demonstration(to_arrays(episode.path), 10)
        assert check_episode(episode.path, rebuilt=True) == []


def test_a_long_recording_becomes_segments_that_go_on_counting(tmp_path):
    contract = changed(('segment_ticks: 600', 'segment_ticks: 8'))
    found = imported(bag(tmp_path, foreign.bag_messages(20)), tmp_path / 'out', contract)
    assert [episode.ticks for episode in found] == [8, 8, 4]
    arrays = [to_arrays(episode.path) for episode in found]
    assert [a['tick'][0] for a in arrays] == [0, 8, 16]
    assert [bool(a['is_first'][0]) for a in arrays] == [True, False, False]
    done = np.concatenate([a['action_sent'] for a in arrays])
    np.testing.assert_array_equal(done[1:], [foreign.command(k) for k in range(19)])
    assert all(check_episode(episode.path, rebuilt=True) == [] for episode in found)


def test_messages_a_little_out_of_order_are_put_in_order(tmp_path):
    messages = foreign.bag_messages(20)
    rng = np.random.default_rng(0)
    order = [i + j for i in range(0, 60, 12) for j in rng.permutation(12)]
    shuffled = [messages[place] for place in order]
    (episode,) = imported(mcap_file(tmp_path / 'a.mcap', shuffled), tmp_path / 'out')
    assert_is_the_demonstration(to_arrays(episode.path), 20)


def test_ticks_of_a_bag_are_those_that_the_agent_made_live(tmp_path):
    """An episode of our own, stripped to what ros2 bag record would have of it."""
    robot = counter.contract()
    period = robot.period_ns
    live, messages = [], []
    for message in counter.run(12):
        if message.role == 'tick':
            live.append(message.cdr)
            continue
        topic = counter.TOPICS[message.role]
        messages.append((topic.name, topic.type, message.t_ns, message.cdr))
        if message.role == 'reward':
            tick = (message.t_ns - counter.T0_NS) // period
            asked = counter.joint_state(
                message.t_ns, list(robot.action.names), [], effort=[tick * 1e-4] * 2
            )
            command = counter.TOPICS['command']
            messages.append((command.name, command.type, message.t_ns + 1, asked))
    # Of one time: numbers before the camera, which triggers the tick.
    messages.sort(key=lambda m: (m[2], m[0].startswith('/camera')))
    (episode,) = imported(mcap_file(tmp_path / 'a.mcap', messages), tmp_path / 'out', robot)
    again = read_ticks(EpisodeReader(episode.path))
    from world_model_ros.experience.read.rebuild import tick_record

    for ours, theirs in zip(again, map(tick_record, live), strict=True):
        assert (ours.tick, ours.t_ns, ours.obs_crc) == (theirs.tick, theirs.t_ns, theirs.obs_crc)
        assert ours.streams == theirs.streams
        np.testing.assert_array_equal(ours.sent, theirs.sent.astype(np.float32))
        assert ours.first or ours.reward == theirs.reward


def test_importing_twice_adds_nothing_and_what_a_kill_left_is_made_again(tmp_path):
    out = tmp_path / 'out'
    (first,) = imported(FIXTURES / 'import_rosbag2_mcap', out)
    (again,) = imported(FIXTURES / 'import_rosbag2_mcap', out)
    assert again.already and again.path == first.path
    assert [path.name for path in out.iterdir()] == [first.path.name]
    # As after a kill in the middle: the folder is there under its first name.
    active = first.path.with_name(first.path.name + '.active')
    first.path.rename(active)
    (active / 'metadata.yaml').unlink()
    (made,) = imported(FIXTURES / 'import_rosbag2_mcap', out)
    assert not made.already and [path.name for path in out.iterdir()] == [made.path.name]


def test_an_import_that_breaks_off_leaves_nothing_half(tmp_path, monkeypatch):
    def full(*_):
        raise OSError('no space left on device')

    monkeypatch.setattr(import_episodes.EpisodeWriter, 'wait_for_room', full)
    with pytest.raises(OSError, match='no space left'):
        imported(FIXTURES / 'import_rosbag2_mcap', tmp_path / 'out')
    assert list((tmp_path / 'out').iterdir()) == []


def test_topics_may_have_other_names(tmp_path):
    renamed = {JOINTS: '/robot/state', CAMERA: '/front', COMMAND: '/robot/goal'}
    messages = [(renamed[topic], *rest) for topic, *rest in foreign.bag_messages(6)]
    names = parse_map(
        {'streams': {'joints': '/robot/state', 'camera': 'front'}, 'action': '/robot/goal'}, PUSHER
    )
    (episode,) = imported(bag(tmp_path, messages), tmp_path / 'out', names=names)
    assert_is_the_demonstration(to_arrays(episode.path), 6)


def test_rewards_of_the_contract_are_read_and_a_terminal_ends_the_episode(tmp_path):
    contract = changed(('reward: {}', 'reward: {topic: score, sampling: sum}'))
    messages = foreign.bag_messages(12)
    for k in range(1, 12):
        stamp = foreign.T0_NS + k * foreign.PERIOD_NS
        said = foreign.joint_state(stamp, ['reward', 'terminal'], [k / 4, float(k == 6)])
        messages.append(('/score', 'sensor_msgs/msg/JointState', stamp + 1000, said))
    messages.sort(key=lambda message: message[2])
    found = imported(bag(tmp_path, messages), tmp_path / 'out', contract)
    arrays = to_arrays(found[0].path)
    assert arrays['terminal'].tolist() == [False] * (found[0].ticks - 1) + [True]
    known = arrays['reward'][1:]
    np.testing.assert_array_equal(known, [k / 4 for k in range(1, found[0].ticks)])
    assert len(found) == 2 and found[1].ticks >= 4


def test_the_pictures_of_the_fixture_are_what_the_decoder_makes_of_them():
    """The fixture's own bytes, beside the file: a fault in both would not show above."""
    stream = PUSHER.stream('camera')
    pixels = decode_stream(stream, foreign.image(5, foreign.picture(3)))
    np.testing.assert_array_equal(pixels, foreign.picture(3))
