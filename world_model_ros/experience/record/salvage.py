# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can still be read of a recording whose file is damaged, and the file put right in place.

Owns the walk that goes on behind damage: where the framing is intact, at the next record; where it
is not, at the next bytes that are a chunk with a right CRC. Damaged bytes stay in the file, inside
of a private record (MCAP: opcodes from 0x80 on) that every reader skips; of them only the first
nine change, and those are written down. Reads first, changes nothing before it knows what to keep.
Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, ChunkIndex, Header, Message, MessageIndex, Schema

from world_model_ros.experience.bag import BEGIN_RECORD, read_qos, typestore
from world_model_ros.experience.limits import CHUNK_BYTES, RECORD_BYTES
from world_model_ros.experience.read.scan import (
    DAMAGE,
    MAGIC,
    Contents,
    Frame,
    _take,
    chunk_records,
)

PRIVATE_OPCODE = 0x80
PROFILE = 'ros2'
COPY_BYTES = 1 << 20
MAX_HEADER_BYTES = 1024  # ours have 32
# The head of the first metadata record, and how its content begins.
_BEGIN = re.compile(
    rb'\x0c.{8}' + re.escape(struct.pack('<I', len(BEGIN_RECORD)) + BEGIN_RECORD.encode()),
    re.DOTALL,
)
_FRAME = struct.Struct('<BQ')
_CHUNK_HEAD = struct.Struct('<QQQI')  # start, end, uncompressed size, CRC
_KNOWN = frozenset(Opcode)
_INDEX = struct.Struct('<HI')  # channel, bytes of its records
_DATA_END_BYTES = 4
# A chunk by its inside: two times, a size, a CRC, then the name of its compression.
# Looks ahead only: what is found first may be no chunk, and overlap one.
_CHUNK = re.compile(
    rb'(?=\x06.{8}.{24}.{4}(?:\x00\x00\x00\x00|\x03\x00\x00\x00lz4|\x04\x00\x00\x00zstd))',
    re.DOTALL,
)
# Opcode -> bytes before its texts, and how many texts (a map counts as one) make up the content.
_SMALL = {int(Opcode.METADATA): (0, 2), int(Opcode.SCHEMA): (2, 3), int(Opcode.CHANNEL): (4, 3)}
_HEADER = (0, 2)
_DATA = {*_SMALL, int(Opcode.CHUNK), int(Opcode.MESSAGE_INDEX), int(Opcode.DATA_END)}
_HEAD_BYTES = _FRAME.size + _CHUNK_HEAD.size


Records = list[tuple[int, Schema | Channel | Message]]  # with the offset inside of the chunk


@dataclass(frozen=True)
class Region:
    """Bytes of the file that cannot be read."""

    start: int
    end: int
    why: str
    head: str  # the first nine bytes, hexadecimal: they are overwritten

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


@dataclass
class Salvaged:
    """What is readable, and how the file becomes one that every reader can walk."""

    contents: Contents
    regions: list[Region] = field(default_factory=list)
    patches: list[tuple[int, bytes]] = field(default_factory=list)  # offset, new bytes
    lost_channels: set[int] = field(default_factory=set)  # with messages, without definition
    torn: int = 0  # bytes of a record that the end of the file cut off

    @property
    def damaged(self) -> bool:
        """Whether something else than a cut-off end is wrong."""
        return bool(self.regions or self.patches or self.lost_channels)


def salvage(path: Path) -> Salvaged:
    """Walk the whole file; changes nothing and never raises for damage.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    result = Salvaged(Contents(path=path, size=size))
    if size <= len(MAGIC):
        result.contents.damage = f'{size} bytes: nothing was written'
        return result
    with (
        path.open('rb') as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        _Walk(file, data, result).run()
    return result


def close_gaps(salvaged: Salvaged) -> list[Region]:
    """Take regions out of the file that are too small to be covered; then `salvage` it again.

    Returns:
        The regions; their `head` is all that was in them.
    """
    gaps = sorted(
        (region for region in salvaged.regions if region.size < _FRAME.size),
        key=lambda region: region.start,
    )
    if not gaps:
        return []
    with salvaged.contents.path.open('r+b') as file:
        for region in reversed(gaps):
            source, target = region.end, region.start
            while True:
                file.seek(source)
                piece = file.read(COPY_BYTES)
                file.seek(target)
                file.write(piece)
                source, target = source + len(piece), target + len(piece)
                if len(piece) < COPY_BYTES:
                    break
            file.truncate(target)
        file.flush()
        os.fsync(file.fileno())
    return gaps


def put_right(salvaged: Salvaged) -> None:
    """Write the patches and cover the damaged bytes; the file is synced by whoever closes it."""
    with salvaged.contents.path.open('r+b') as file:
        for offset, new in salvaged.patches:
            file.seek(offset)
            file.write(new)
        for region in salvaged.regions:
            file.seek(region.start)
            file.write(_FRAME.pack(PRIVATE_OPCODE, region.size - _FRAME.size))
        file.flush()
        os.fsync(file.fileno())


class _Walk:
    """One walk over a file."""

    def __init__(self, file: BinaryIO, data: mmap.mmap, result: Salvaged) -> None:
        self.file, self.data, self.size = file, data, len(data)
        self.result, self.contents = result, result.contents
        self.unindexed: list[ChunkIndex] = []  # chunks whose message indexes are damaged
        self.used: set[int] = set()  # channels with messages
        # Schemas and channels outside of chunks: no CRC says whether they are right.
        self.copies: list[tuple[Frame, Schema | Channel]] = []

    def run(self) -> None:
        if self.data[: len(MAGIC)] != MAGIC:
            self.result.patches.append((0, MAGIC))
        offset = self._header(len(MAGIC))
        while offset < self.size:
            if self._ends_at(offset):
                break
            offset, torn = self._step(offset)
            if torn:
                break
        self._settle_copies()
        self.contents.end = offset
        for index in self.unindexed:
            start = index.chunk_start_offset + index.chunk_length
            if offset > start + index.message_index_length:  # not at the end: closing.py adds them
                index.message_index_offsets = {}
        self.result.torn = 0 if self.contents.whole else self.size - offset
        self.result.lost_channels = self.used - set(self.contents.channels)
        if self.result.damaged:
            self.contents.whole = False
        if not self.contents.whole:
            self.contents.damage = f'ends at byte {self.size} without a footer'

    # The parts of a walk.

    def _header(self, offset: int) -> int:
        """The first record: without it no reader opens the file."""
        frame = self._frame(offset)
        if frame is not None and frame.opcode == Opcode.HEADER:
            with contextlib.suppress(*DAMAGE):
                self.contents.profile = Header.read(self._content(frame)).profile
            if self.contents.profile == PROFILE:
                length = self._inner_small(Opcode.HEADER, offset)
                if length == frame.length or self._plausible(frame.end):
                    return frame.end
        begin = _BEGIN.search(self.data, offset, min(self.size, offset + MAX_HEADER_BYTES))
        if begin is not None:
            end: int | None = begin.start()
        else:
            end = frame.end if frame is not None and self._plausible(frame.end) else None
            end = end or self._next(offset + 1)
        if end is None or end - offset < len(header_record(0)):
            return offset
        self.contents.profile = PROFILE
        self.result.patches.append((offset, header_record(end - offset)))
        return end

    def _ends_at(self, offset: int) -> bool:
        """Whether the data section was ended here, by a writer that closed the file."""
        if self.data[offset : offset + _FRAME.size] != _FRAME.pack(
            Opcode.DATA_END, _DATA_END_BYTES
        ):
            return False
        after = offset + _FRAME.size + _DATA_END_BYTES
        tail = _FRAME.pack(Opcode.FOOTER, 20)
        end = self.data[-(_FRAME.size + 20 + len(MAGIC)) :]
        self.contents.whole = end.startswith(tail) and end.endswith(MAGIC)
        return self.contents.whole or self._plausible(after)

    def _step(self, offset: int) -> tuple[int, bool]:
        """Take one record, or step over damage: the next offset; whether the file ends here."""
        frame = self._frame(offset)
        if frame is not None and frame.opcode >= PRIVATE_OPCODE:
            return frame.end, False
        # Its opcode or its length may be what is damaged: what is inside decides.
        taken = self._take_chunk(offset) or self._take_small(offset)
        if taken is not None:
            return taken, False
        if frame is not None and self._plausible(frame.end):
            self._bad(offset, self._behind_indexes(frame), 'its content is damaged')
            return self.result.regions[-1].end, False
        following = self._next(offset + 1)
        if following is not None:
            self._bad(offset, following, 'its length or kind is damaged')
            return following, False
        return self._end(offset)

    def _end(self, offset: int) -> tuple[int, bool]:
        """Nothing follows: a record that the end of the file cut off, or damage up to the end."""
        cut = self._is_cut(offset)
        if cut or self.size - offset < _FRAME.size or not self.data[offset:].strip(b'\0'):
            return offset, True
        self._bad(offset, self.size, 'nothing readable follows')
        return self.size, True

    def _is_cut(self, offset: int) -> bool:
        """Whether this is the beginning of a whole record, as a kill in a write leaves it."""
        head = self.data[offset : offset + _FRAME.size]
        if len(head) < _FRAME.size:
            return True
        opcode, length = _FRAME.unpack(head)
        if opcode not in _DATA or offset + _FRAME.size + length <= self.size:
            return False
        if length > CHUNK_BYTES + RECORD_BYTES:  # nobody was going to write that
            return False
        if opcode != Opcode.CHUNK:
            return True
        inner = self._inner_length(offset)
        return inner is None or inner == length

    def _behind_indexes(self, frame: Frame) -> int:
        """The end of a record's region: the indexes of a bad chunk belong to it."""
        end = frame.end
        while frame.opcode in (Opcode.CHUNK, Opcode.MESSAGE_INDEX):
            following = self._frame(end)
            if following is None or following.opcode != Opcode.MESSAGE_INDEX:
                break
            end = following.end
        return end

    # Records that tell their length inside, too.

    def _take_small(self, offset: int) -> int | None:
        """Take the metadata, schema or channel at an offset, whatever its head says; its end."""
        if offset + _FRAME.size > self.size:
            return None
        opcode, length = _FRAME.unpack_from(self.data, offset)
        for kind, inner in ((kind, self._inner_small(kind, offset)) for kind in _SMALL):
            frame = Frame(kind, offset, inner or 0)
            # Where only one of opcode and length is right, a record must follow.
            right = (kind == opcode) + (inner == length)
            if inner is None or not right:
                continue
            if not self._plausible(frame.end):
                # Damage follows; or bytes of this one are lost, and a chunk begins before its end.
                following = self._next(offset + 1) if right == 2 else None
                if right < 2 or (following is not None and following < frame.end):
                    continue
            try:
                if kind == Opcode.METADATA:
                    _take(self.contents, self.file, frame)
                else:
                    read = Schema.read if kind == Opcode.SCHEMA else Channel.read
                    self.copies.append((frame, read(self._content(frame))))
            except DAMAGE:
                continue
            head = _FRAME.pack(kind, inner)
            if self.data[offset : offset + _FRAME.size] != head:
                self.result.patches.append((offset, head))
            return frame.end
        return None

    def _inner_small(self, kind: int, offset: int) -> int | None:
        """The length of a record's content by the texts in it; None if they lead nowhere."""
        fixed, texts = _SMALL.get(kind, _HEADER)
        start = offset + _FRAME.size
        at = start + fixed
        for _ in range(texts):
            if at + 4 > self.size:
                return None
            (length,) = struct.unpack_from('<I', self.data, at)
            at += 4 + int(length)
        return at - start if at <= self.size else None

    def _settle_copies(self) -> None:
        """Definitions: of the chunks, else what most copies say; other copies are damaged."""
        contents = self.contents
        for kind in (Schema, Channel):
            known: dict[int, Any] = contents.schemas if kind is Schema else contents.channels
            copies = [(frame, each) for frame, each in self.copies if isinstance(each, kind)]
            counts = Counter((each.id, repr(each)) for _, each in copies)
            said = {(each.id, repr(each)): each for _, each in copies}
            for (number, text), _ in counts.most_common():
                if number not in known and self._is_sound(said[number, text]):
                    known[number] = said[number, text]
            for frame, each in copies:
                if repr(known.get(each.id)) != repr(each):
                    self._bad(frame.offset, frame.end, 'another copy says otherwise, or senseless')

    def _is_sound(self, each: Schema | Channel) -> bool:
        """Whether a definition without a CRC can be one: its number may be damaged, too."""
        if isinstance(each, Schema):
            return each.name in typestore().fielddefs
        if each.id not in self.used and any(
            each.topic == other.topic for other in self.contents.channels.values()
        ):
            return False
        try:
            read_qos(each.metadata.get('offered_qos_profiles', ''))
        except ValueError:
            return False
        return each.schema_id in self.contents.schemas

    # Chunks.

    def _inner_length(self, offset: int) -> int | None:
        """The length of a chunk's content by what is in it; None where that is cut off."""
        try:
            at = offset + _HEAD_BYTES
            (name,) = struct.unpack_from('<I', self.data, at)
            if name > 16:
                return None
            (records,) = struct.unpack_from('<Q', self.data, at + 4 + name)
        except struct.error:
            return None
        return _CHUNK_HEAD.size + 4 + int(name) + 8 + int(records)

    def _take_chunk(self, offset: int) -> int | None:
        """Take the chunk at an offset, whatever its opcode and length say; where it ends."""
        length = self._inner_length(offset)
        if length is None or offset + _FRAME.size + length > self.size:
            return None
        frame = Frame(Opcode.CHUNK, offset, length)
        try:
            chunk = Chunk.read(self._content(frame))
            if not chunk.uncompressed_crc and not self._trusted(offset, length):
                return None
            records = list(chunk_records(chunk))
        except DAMAGE:
            return None
        self._put_head_right(frame, chunk, records)
        index = self._count(frame, chunk, records)
        return self._take_indexes(frame.end, index, records)

    def _trusted(self, offset: int, length: int) -> bool:
        """A chunk without a CRC counts only if its frame agrees."""
        head = _FRAME.pack(Opcode.CHUNK, length)
        return self.data[offset : offset + _FRAME.size] == head

    def _put_head_right(self, frame: Frame, chunk: Chunk, records: Records) -> None:
        """Opcode, length and the two times have no CRC: they follow from what is in the chunk."""
        times = [record.log_time for _, record in records if isinstance(record, Message)]
        if times:
            chunk.message_start_time, chunk.message_end_time = min(times), max(times)
        head = _FRAME.pack(Opcode.CHUNK, frame.length)
        head += struct.pack('<QQ', chunk.message_start_time, chunk.message_end_time)
        if self.data[frame.offset : frame.offset + len(head)] != head:
            self.result.patches.append((frame.offset, head))

    def _count(
        self,
        frame: Frame,
        chunk: Chunk,
        records: Records,
    ) -> ChunkIndex:
        contents = self.contents
        first = not contents.counts
        for _, record in records:
            if isinstance(record, Message):
                self.used.add(record.channel_id)
                count = contents.counts.get(record.channel_id, 0)
                contents.counts[record.channel_id] = count + 1
            elif isinstance(record, Channel):
                contents.channels[record.id] = record
            else:
                contents.schemas[record.id] = record
        start, end = chunk.message_start_time, chunk.message_end_time
        contents.start_ns = start if first else min(contents.start_ns, start)
        contents.end_ns = max(contents.end_ns, end)
        index = ChunkIndex(
            message_start_time=start,
            message_end_time=end,
            chunk_start_offset=frame.offset,
            chunk_length=frame.end - frame.offset,
            message_index_offsets={},
            message_index_length=0,
            compression=chunk.compression,
            compressed_size=len(chunk.data),
            uncompressed_size=chunk.uncompressed_size,
        )
        contents.chunks.append(index)
        return index

    def _take_indexes(
        self,
        offset: int,
        index: ChunkIndex,
        records: Records,
    ) -> int:
        """The chunk's message indexes, put right where they do not say what is in the chunk."""
        wanted = message_indexes(records)
        end = offset + sum(map(len, wanted.values()))
        found: dict[int, int] = {}
        at = offset
        while (frame := self._frame(at)) is not None and frame.opcode == Opcode.MESSAGE_INDEX:
            content = self.data[frame.offset : frame.end]
            channel = next((key for key, each in wanted.items() if each == content), None)
            if channel is None:
                break
            found[channel] = frame.offset
            at = frame.end
        if set(found) != set(wanted):
            if end > self.size or not self._plausible(end):
                self.unindexed.append(index)
                index.message_index_offsets, index.message_index_length = found, at - offset
                return at  # cut off, or the walk goes on behind the damage
            self.result.patches.append((offset, b''.join(wanted.values())))
            found, at = {}, offset
            for channel, content in wanted.items():
                found[channel] = at
                at += len(content)
        index.message_index_offsets = found
        index.message_index_length = at - offset
        return at

    # Bytes.

    def _frame(self, offset: int) -> Frame | None:
        """The whole record at an offset, by its own head."""
        if offset + _FRAME.size > self.size:
            return None
        opcode, length = _FRAME.unpack_from(self.data, offset)
        frame = Frame(opcode, offset, length)
        known = opcode in _KNOWN or opcode >= PRIVATE_OPCODE
        return frame if known and frame.end <= self.size else None

    def _content(self, frame: Frame) -> ReadDataStream:
        start = frame.offset + _FRAME.size
        return ReadDataStream(BytesIO(self.data[start : frame.end]))

    def _plausible(self, offset: int) -> bool:
        """Whether a record, whole or cut off, or the end of the file is at an offset."""
        if offset == self.size:
            return True
        frame = self._frame(offset)
        return self._is_cut(offset) if frame is None else self._agrees(frame)

    def _agrees(self, frame: Frame) -> bool:
        """Whether what is in a record of the data section agrees with its length."""
        if frame.opcode >= PRIVATE_OPCODE:
            return self._is_sane(frame.end)
        if frame.opcode == Opcode.CHUNK:
            return self._inner_length(frame.offset) == frame.length
        if frame.opcode in _SMALL:
            return self._inner_small(frame.opcode, frame.offset) == frame.length
        if frame.opcode == Opcode.DATA_END:
            return frame.length == _DATA_END_BYTES
        if frame.opcode != Opcode.MESSAGE_INDEX or frame.length < _INDEX.size:
            return False
        (records,) = _INDEX.unpack_from(self.data, frame.offset + _FRAME.size)[1:]
        return int(records) == frame.length - _INDEX.size

    def _is_sane(self, offset: int) -> bool:
        """Whether a record could begin at an offset, by its head alone."""
        frame = self._frame(offset)
        return offset == self.size or frame is not None or self._is_cut(offset)

    def _next(self, offset: int) -> int | None:
        """The next chunk that can be read, at or behind an offset."""
        for match in _CHUNK.finditer(self.data, offset):
            start = match.start()
            length = self._inner_length(start)
            if length is None or start + _FRAME.size + length > self.size:
                continue
            try:
                chunk = Chunk.read(self._content(Frame(Opcode.CHUNK, start, length)))
                if chunk.uncompressed_crc or self._trusted(start, length):
                    list(chunk_records(chunk))
                    return start
            except DAMAGE:
                continue
        return None

    def _bad(self, start: int, end: int, why: str) -> None:
        head = bytes(self.data[start : min(end, start + _FRAME.size)]).hex()
        self.result.regions.append(Region(start, end, why, head))


def message_indexes(
    records: Records,
) -> dict[int, bytes]:
    """Channel -> its index record for a chunk's records, in the order of the writer."""
    indexes: dict[int, MessageIndex] = {}
    for offset, record in records:
        if isinstance(record, Message):
            index = indexes.setdefault(record.channel_id, MessageIndex(record.channel_id, []))
            index.records.append((record.log_time, offset))
    return {channel: _record(index.write) for channel, index in indexes.items()}


def header_record(size: int) -> bytes:
    """A header of exactly so many bytes, or the smallest one."""
    empty = _record(Header(PROFILE, '').write)
    return _record(Header(PROFILE, ' ' * max(0, size - len(empty))).write)


def _record(write: Callable[[RecordBuilder], None]) -> bytes:
    builder = RecordBuilder()
    write(builder)
    return bytes(builder.end())
