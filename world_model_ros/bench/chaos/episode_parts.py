# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode taken apart and written again with anything in it: what somebody could upload.

Owns the forging of MCAP files for tests and injectors, and the stored fixtures that they begin
with. Nothing here checks anything. Must not import ROS or torch.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import lz4.frame
import zstandard
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Chunk
from mcap.writer import CompressionType, Writer

from world_model_ros.experience import EpisodeReader
from world_model_ros.experience.bag import BEGIN_RECORD, END_RECORD
from world_model_ros.experience.read.scan import MAGIC
from world_model_ros.wire.cdr import JOINT_STATE, decode, encode, typestore

FIXTURES = Path(__file__).parents[3] / 'test' / 'fixtures'
SOURCES = ('episode_v1', 'episode_v1_compressed', 'episode_v1_model_input')
_FRAME = struct.Struct('<BQ')


@dataclass
class TopicParts:
    """One channel and its schema."""

    name: str
    type: str
    qos: str
    encoding: str = 'cdr'


@dataclass
class Parts:
    """All of an episode; every field may be changed before it is written."""

    begin: dict[str, str]
    end: dict[str, str] | None
    topics: list[TopicParts]
    messages: list[tuple[int, int, bytes]]  # number of the topic, log time in ns, CDR
    compression: CompressionType = CompressionType.ZSTD
    chunk_bytes: int = 1 << 14  # the fixtures have several chunks then
    tick_topic: int = field(default=0)

    def ticks(self) -> list[int]:
        """Numbers of the messages that are tick records."""
        return [k for k, message in enumerate(self.messages) if message[0] == self.tick_topic]

    def set_tick(self, number: int, name: str, value: float) -> None:
        """Change one number of one tick record."""
        topic, log_ns, cdr = self.messages[number]
        message = decode(JOINT_STATE, cdr)
        position = message.position.copy()
        position[list(message.name).index(name)] = value
        kind = typestore().types[JOINT_STATE]
        changed = kind(message.header, message.name, position, message.velocity, message.effort)
        self.messages[number] = (topic, log_ns, encode(JOINT_STATE, changed))


def fixture(name: str) -> Path:
    """A stored episode; raises FileNotFoundError outside of a source tree."""
    path = FIXTURES / name
    if not path.is_dir():
        raise FileNotFoundError(f'{path}: the stored fixtures are in the source tree only')
    return path


def take_apart(path: Path) -> Parts:
    """Read a whole episode."""
    reader = EpisodeReader(path)
    names = list(reader.topics)
    topics = [TopicParts(t.name, t.type, t.qos_yaml()) for t in reader.topics.values()]
    messages = [(names.index(m.topic), m.log_ns, m.data) for m in reader.messages()]
    begin = dict(reader.contents.record(BEGIN_RECORD) or {})
    end = reader.contents.record(END_RECORD)
    tick_topic = names.index(reader.topic('tick'))
    return Parts(begin, end and dict(end), topics, messages, tick_topic=tick_topic)


def put_together(
    parts: Parts, folder: Path, name: str, change: Callable[[bytes], bytes] = lambda data: data
) -> Path:
    """Write an episode directory `folder`/`name`; `change` gets the whole file's bytes."""
    target = folder / name
    target.mkdir(parents=True)
    buffer = io.BytesIO()
    writer = Writer(
        buffer, compression=parts.compression, chunk_size=parts.chunk_bytes, enable_crcs=True
    )
    writer.start('ros2', 'chaos')
    writer.add_metadata(BEGIN_RECORD, parts.begin)
    channels = []
    for topic in parts.topics:
        schema = writer.register_schema(topic.type, 'ros2msg', b'string data')
        metadata = {'offered_qos_profiles': topic.qos}
        channels.append(writer.register_channel(topic.name, topic.encoding, schema, metadata))
    for number, log_ns, cdr in parts.messages:
        writer.add_message(channels[number], log_ns, cdr, log_ns)
    if parts.end is not None:
        writer.add_metadata(END_RECORD, parts.end)
    writer.finish()
    (target / f'{name}.mcap').write_bytes(change(buffer.getvalue()))
    (target / 'metadata.yaml').write_text('rosbag2_bagfile_information: {}\n')
    return target


# ---- forged records ------------------------------------------------------------------------


def bomb(compression: str, size: int, claimed: int | None = None) -> bytes:
    """A chunk record that unpacks to `size` zeros and says that it has `claimed` bytes."""
    piece = bytes(1 << 20)
    if compression == 'zstd':
        packer = zstandard.ZstdCompressor().compressobj()
        data = b''.join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()
    else:
        lz4_packer = lz4.frame.LZ4FrameCompressor()
        data = lz4_packer.begin()
        data += b''.join(lz4_packer.compress(piece) for _ in range(size >> 20))
        data += lz4_packer.flush()
    return chunk_record(compression, data, size if claimed is None else claimed)


def forged_zstd(claimed: int) -> bytes:
    """A chunk whose zstd frame itself says that it has `claimed` bytes."""
    # Magic, a descriptor of a single segment with 8 bytes of content size, the size, an end.
    data = b'\x28\xb5\x2f\xfd\xe0' + struct.pack('<Q', claimed) + b'\x01\x00\x00'
    return chunk_record('zstd', data, claimed)


def forged_lz4(claimed: int) -> bytes:
    """The same of lz4."""
    packer = lz4.frame.LZ4FrameCompressor(auto_flush=True)
    data = packer.begin(source_size=claimed) + packer.compress(bytes(100)) + bytes(4)
    return chunk_record('lz4', data, claimed)


def chunk_record(compression: str, data: bytes, size: int, crc: int = 0) -> bytes:
    """A chunk as it lies in a file."""
    builder = RecordBuilder()
    Chunk(compression, data, 0, 0, crc, size).write(builder)
    return bytes(builder.end())


def record(opcode: int, content: bytes, length: int | None = None) -> bytes:
    """A record that may lie about its length."""
    return _FRAME.pack(opcode, len(content) if length is None else length) + content


def plain_chunk(content: bytes) -> bytes:
    """An uncompressed chunk of given records, with its right CRC."""
    return chunk_record('', content, len(content), zlib.crc32(content))


def insert_before_data_end(data: bytes, extra: bytes) -> bytes:
    """Records in front of the end of the data section."""
    at = data.rindex(_FRAME.pack(Opcode.DATA_END, 4))
    return data[:at] + extra + data[at:]


def insert_after_begin(data: bytes, extra: bytes) -> bytes:
    """Records behind header and first metadata record."""
    at = len(MAGIC)
    for _ in range(2):
        at += _FRAME.size + _FRAME.unpack_from(data, at)[1]
    return data[:at] + extra + data[at:]
