# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as other programs write them: rosbag2 by `rosbags`, LeRobot by `pyarrow` and `av`.

Nothing here uses the code under test: layouts are written down from what LeRobot publishes. As a
program it makes the fixtures: `python test/experience/foreign_data.py test/fixtures`.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

T0_NS = 1_760_000_000_000_000_000  # in 2025
PERIOD_NS = 50_000_000
FPS = 20
JOINTS = ('slide', 'lift')
STORE = get_typestore(Stores.ROS2_JAZZY)
CAMERA = 'observation.images.camera'


def command(k: int, phase: float = 0.0) -> np.ndarray:
    """What a demonstrator commands at frame k, float32 rad: it goes back and forth."""
    at = 0.35 * k + phase
    return np.array([0.8 * math.sin(at), 0.6 * math.cos(0.7 * at)], np.float32)


def position(k: int, phase: float = 0.0) -> np.ndarray:
    """Where the joints are at frame k: where they were told to go one frame before."""
    return command(k - 1, phase)


def picture(k: int, phase: float = 0.0, size: int = 32) -> np.ndarray:
    """A ball where the joints are, before a smooth background; RGB."""
    rows, columns = np.mgrid[:size, :size]
    canvas = np.stack([rows * 3, columns * 3, np.full_like(rows, 40)], -1).astype(np.uint8)
    x, y = ((position(k, phase) + 1.0) / 2.0 * (size - 9) + 4).astype(int)
    cv2.circle(canvas, (int(x), int(y)), 4, (250, 220, 30), -1)
    return canvas


# ---- rosbag2 ---------------------------------------------------------------------------------


def header(t_ns: int, frame: str = ''):
    stamp = STORE.types['builtin_interfaces/msg/Time'](t_ns // 10**9, t_ns % 10**9)
    return STORE.types['std_msgs/msg/Header'](stamp, frame)


def joint_state(t_ns: int, names, positions, velocities=()) -> bytes:
    kind = STORE.types['sensor_msgs/msg/JointState']
    numbers = [np.array(column, np.float64) for column in (positions, velocities, ())]
    return bytes(STORE.serialize_cdr(kind(header(t_ns), list(names), *numbers), kind.__msgtype__))


def image(t_ns: int, pixels: np.ndarray) -> bytes:
    kind = STORE.types['sensor_msgs/msg/Image']
    height, width = pixels.shape[:2]
    message = kind(header(t_ns, 'cam'), height, width, 'rgb8', 0, width * 3, pixels.reshape(-1))
    return bytes(STORE.serialize_cdr(message, kind.__msgtype__))


def compressed(t_ns: int, pixels: np.ndarray, suffix: str = '.png') -> bytes:
    kind = STORE.types['sensor_msgs/msg/CompressedImage']
    _, data = cv2.imencode(suffix, pixels[:, :, ::-1])
    message = kind(header(t_ns, 'cam'), f'rgb8; {suffix[1:]} compressed bgr8', data.ravel())
    return bytes(STORE.serialize_cdr(message, kind.__msgtype__))


def bag_messages(frames: int, phase: float = 0.0, late_ns: int = 4_000_000, t0_ns: int = T0_NS):
    """(topic, type, log time, CDR) of a robot that somebody drives, in the order of arrival."""
    out = []
    for k in range(frames):
        t_ns = t0_ns + k * PERIOD_NS
        speed = (position(k, phase) - position(k - 1, phase)) / (PERIOD_NS * 1e-9)
        joints = joint_state(t_ns, JOINTS, position(k, phase), speed)
        out.append(('/arm/joint_states', 'sensor_msgs/msg/JointState', t_ns + late_ns, joints))
        pixels = image(t_ns, picture(k, phase))
        out.append(('/arm/camera/image_raw', 'sensor_msgs/msg/Image', t_ns + 2 * late_ns, pixels))
        sent_ns = t_ns + 3 * late_ns
        said = joint_state(sent_ns, JOINTS, command(k, phase))
        out.append(('/arm/command', 'sensor_msgs/msg/JointState', sent_ns, said))
    return out


def write_bag(folder: Path, messages, plugin: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """As ros2 bag record leaves it."""
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for topic, kind, log_ns, data in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], log_ns, data)
    return folder


# ---- LeRobot ---------------------------------------------------------------------------------

DEFAULTS = {
    'timestamp': ('float32', [1]),
    'frame_index': ('int64', [1]),
    'episode_index': ('int64', [1]),
    'index': ('int64', [1]),
    'task_index': ('int64', [1]),
}


def features(film: bool, rewards: bool) -> dict:
    names = [f'{joint}.pos' for joint in JOINTS]
    found = {
        CAMERA: {
            'dtype': 'video' if film else 'image',
            'shape': [32, 32, 3],
            'names': ['height', 'width', 'channels'],
        },
        'observation.state': {'dtype': 'float32', 'shape': [2], 'names': names},
        'action': {'dtype': 'float32', 'shape': [2], 'names': names},
    }
    if film:
        found[CAMERA]['info'] = {'video.codec': 'h264', 'video.pix_fmt': 'yuv444p'}
    if rewards:
        found['next.reward'] = {'dtype': 'float32', 'shape': [1], 'names': None}
        found['next.success'] = {'dtype': 'bool', 'shape': [1], 'names': None}
    return found | {
        name: {'dtype': kind, 'shape': shape, 'names': None}
        for name, (kind, shape) in DEFAULTS.items()
    }


def table(episode: int, frames: int, start: int, film: bool, rewards: bool):
    """The rows of one episode, as a pyarrow table."""
    import pyarrow

    phase = 0.9 * episode
    vector = pyarrow.list_(pyarrow.float32(), 2)
    columns = {}
    if not film:
        shots = []
        for k in range(frames):
            _, data = cv2.imencode('.png', picture(k, phase)[:, :, ::-1])
            shots.append({'bytes': data.tobytes(), 'path': f'frame-{k:06d}.png'})
        kind = pyarrow.struct([('bytes', pyarrow.binary()), ('path', pyarrow.string())])
        columns[CAMERA] = pyarrow.array(shots, kind)
    rows = range(frames)
    columns['observation.state'] = pyarrow.array(
        [position(k, phase).tolist() for k in rows], vector
    )
    columns['action'] = pyarrow.array([command(k, phase).tolist() for k in rows], vector)
    if rewards:
        earned = [float(k == frames - 1) for k in rows]
        columns['next.reward'] = pyarrow.array(earned, pyarrow.float32())
        columns['next.success'] = pyarrow.array([bool(r) for r in earned], pyarrow.bool_())
    columns['timestamp'] = pyarrow.array([k / FPS for k in rows], pyarrow.float32())
    columns['frame_index'] = pyarrow.array(list(rows), pyarrow.int64())
    columns['episode_index'] = pyarrow.array([episode] * frames, pyarrow.int64())
    columns['index'] = pyarrow.array([start + k for k in rows], pyarrow.int64())
    columns['task_index'] = pyarrow.array([0] * frames, pyarrow.int64())
    return pyarrow.table(columns)


def write_film(path: Path, shots) -> None:
    """Pictures as H.264 without loss of detail, one after the other at FPS."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as film:
        stream = film.add_stream('libx264', rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 32, 32, 'yuv444p'
        stream.options = {'qp': '0', 'g': '2'}
        for pixels in shots:
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')):
                film.mux(packet)
        for packet in stream.encode():
            film.mux(packet)


def write_json(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=4))


def write_parquet(path: Path, rows) -> None:
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(rows, path, compression='snappy')


def write_v21(root: Path, episodes: int = 2, frames: int = 8, film=False, rewards=False) -> Path:
    """A dataset of LeRobot v2.1: one data file, and one film per camera, for each episode."""
    shutil.rmtree(root, ignore_errors=True)
    info = {
        'codebase_version': 'v2.1',
        'robot_type': 'pusher',
        'total_episodes': episodes,
        'total_frames': episodes * frames,
        'total_tasks': 1,
        'total_videos': episodes * film,
        'total_chunks': 1,
        'chunks_size': 1000,
        'fps': FPS,
        'splits': {'train': f'0:{episodes}'},
        'data_path': 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet',
        'video_path': 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}'
        '.mp4',
        'features': features(film, rewards),
    }
    write_json(root / 'meta/info.json', info)
    listed = [{'episode_index': e, 'tasks': ['push'], 'length': frames} for e in range(episodes)]
    (root / 'meta/episodes.jsonl').write_text(''.join(json.dumps(e) + '\n' for e in listed))
    (root / 'meta/tasks.jsonl').write_text(json.dumps({'task_index': 0, 'task': 'push'}) + '\n')
    for e in range(episodes):
        rows = table(e, frames, e * frames, film, rewards)
        write_parquet(root / f'data/chunk-000/episode_{e:06d}.parquet', rows)
        if film:
            path = root / f'videos/chunk-000/{CAMERA}/episode_{e:06d}.mp4'
            write_film(path, [picture(k, 0.9 * e) for k in range(frames)])
    return root


def write_v30(root: Path, episodes: int = 2, frames: int = 8, film=False, rewards=False) -> Path:
    """A dataset of LeRobot v3.0: files hold many episodes, the list of them is parquet."""
    import pyarrow

    shutil.rmtree(root, ignore_errors=True)
    info = {
        'codebase_version': 'v3.0',
        'robot_type': 'pusher',
        'total_episodes': episodes,
        'total_frames': episodes * frames,
        'total_tasks': 1,
        'chunks_size': 1000,
        'data_files_size_in_mb': 100,
        'video_files_size_in_mb': 500,
        'fps': FPS,
        'splits': {'train': f'0:{episodes}'},
        'data_path': 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
        'video_path': 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4',
        'features': features(film, rewards),
    }
    write_json(root / 'meta/info.json', info)
    tasks = pyarrow.table({'task_index': [0], '__index_level_0__': ['push']})
    write_parquet(root / 'meta/tasks.parquet', tasks)
    rows = []
    for e in range(episodes):
        row = {
            'episode_index': e,
            'tasks': ['push'],
            'length': frames,
            'data/chunk_index': 0,
            'data/file_index': 0,
            'dataset_from_index': e * frames,
            'dataset_to_index': (e + 1) * frames,
            'meta/episodes/chunk_index': 0,
            'meta/episodes/file_index': 0,
        }
        if film:
            row |= {
                f'videos/{CAMERA}/chunk_index': 0,
                f'videos/{CAMERA}/file_index': 0,
                f'videos/{CAMERA}/from_timestamp': e * frames / FPS,
                f'videos/{CAMERA}/to_timestamp': (e + 1) * frames / FPS,
            }
        rows.append(row)
    write_parquet(
        root / 'meta/episodes/chunk-000/file-000.parquet', pyarrow.Table.from_pylist(rows)
    )
    tables = [table(e, frames, e * frames, film, rewards) for e in range(episodes)]
    write_parquet(root / 'data/chunk-000/file-000.parquet', pyarrow.concat_tables(tables))
    if film:
        shots = [picture(k, 0.9 * e) for e in range(episodes) for k in range(frames)]
        write_film(root / f'videos/{CAMERA}/chunk-000/file-000.mp4', shots)
    return root


def main(target: Path) -> None:
    """Write the fixtures."""
    for name, plugin in (('mcap', StoragePlugin.MCAP), ('sqlite', StoragePlugin.SQLITE3)):
        folder = target / f'import_rosbag2_{name}'
        shutil.rmtree(folder, ignore_errors=True)
        write_bag(folder, bag_messages(8), plugin)
    write_v21(target / 'import_lerobot_v21', frames=6, rewards=True)
    write_v30(target / 'import_lerobot_v30', frames=6, rewards=True)
    write_v21(target / 'import_lerobot_v21_video', frames=6, film=True)
    write_v30(target / 'import_lerobot_v30_video', frames=6, film=True)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
