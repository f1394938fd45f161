# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can still be read of a recording whose file is damaged.

Owns the walk that goes on behind damage: where the framing is intact, at the next record; where it
is not, at the next bytes that are a chunk with a right CRC. Changes nothing. Must not import ROS
or torch.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import struct
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, ChunkIndex, Header, Message, Schema

from world_model_ros.experience.bag import BEGIN_RECORD, read_qos, typestore
from world_model_ros.experience.read.scan import (
    DAMAGE,
    MAGIC,
    Contents,
    Frame,
    _take,
    chunk_records,
)
from world_model_ros.experience.record.salvage_bytes import (
    DATA_END_BYTES,
    FRAME,
    PRIVATE_OPCODE,
    PROFILE,
    SMALL,
    DamagedBytes,
    Records,
    header_record,
    message_indexes,
)
from world_model_ros.experience.record.salvaged import Region, Salvaged

MAX_HEADER_BYTES = 1024  # ours have 32
# The head of the first metadata record, and how its content begins.
_BEGIN = re.compile(
    rb'\x0c.{8}' + re.escape(struct.pack('<I', len(BEGIN_RECORD)) + BEGIN_RECORD.encode()),
    re.DOTALL,
)


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


class _Walk:
    """One walk over a file."""

    def __init__(self, file: BinaryIO, data: mmap.mmap, result: Salvaged) -> None:
        self.file, self.data, self.size = file, data, len(data)
        self.bytes = DamagedBytes(data)
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
        frame = self.bytes.frame(offset)
        if frame is not None and frame.opcode == Opcode.HEADER:
            with contextlib.suppress(*DAMAGE):
                self.contents.profile = Header.read(self.bytes.content(frame)).profile
            if self.contents.profile == PROFILE:
                length = self.bytes.inner_small(Opcode.HEADER, offset)
                if length == frame.length or self.bytes.plausible(frame.end):
                    return frame.end
        begin = _BEGIN.search(self.data, offset, min(self.size, offset + MAX_HEADER_BYTES))
        if begin is not None:
            end: int | None = begin.start()
        else:
            end = frame.end if frame is not None and self.bytes.plausible(frame.end) else None
            end = end or self.bytes.next_chunk(offset + 1)
        if end is None or end - offset < len(header_record(0)):
            return offset
        self.contents.profile = PROFILE
        self.result.patches.append((offset, header_record(end - offset)))
        return end

    def _ends_at(self, offset: int) -> bool:
        """Whether the data section was ended here, by a writer that closed the file."""
        if self.data[offset : offset + FRAME.size] != FRAME.pack(Opcode.DATA_END, DATA_END_BYTES):
            return False
        after = offset + FRAME.size + DATA_END_BYTES
        tail = FRAME.pack(Opcode.FOOTER, 20)
        end = self.data[-(FRAME.size + 20 + len(MAGIC)) :]
        self.contents.whole = end.startswith(tail) and end.endswith(MAGIC)
        return self.contents.whole or self.bytes.plausible(after)

    def _step(self, offset: int) -> tuple[int, bool]:
        """Take one record, or step over damage: the next offset; whether the file ends here."""
        frame = self.bytes.frame(offset)
        if frame is not None and frame.opcode >= PRIVATE_OPCODE:
            return frame.end, False
        # Its opcode or its length may be what is damaged: what is inside decides.
        taken = self._take_chunk(offset) or self._take_small(offset)
        if taken is not None:
            return taken, False
        if frame is not None and self.bytes.plausible(frame.end):
            self._bad(offset, self._behind_indexes(frame), 'its content is damaged')
            return self.result.regions[-1].end, False
        following = self.bytes.next_chunk(offset + 1)
        if following is not None:
            self._bad(offset, following, 'its length or kind is damaged')
            return following, False
        return self._end(offset)

    def _end(self, offset: int) -> tuple[int, bool]:
        """Nothing follows: a record that the end of the file cut off, or damage up to the end."""
        cut = self.bytes.is_cut(offset)
        if cut or self.size - offset < FRAME.size or not self.data[offset:].strip(b'\0'):
            return offset, True
        self._bad(offset, self.size, 'nothing readable follows')
        return self.size, True

    def _behind_indexes(self, frame: Frame) -> int:
        """The end of a record's region: the indexes of a bad chunk belong to it."""
        end = frame.end
        while frame.opcode in (Opcode.CHUNK, Opcode.MESSAGE_INDEX):
            following = self.bytes.frame(end)
            if following is None or following.opcode != Opcode.MESSAGE_INDEX:
                break
            end = following.end
        return end

    # Records that tell their length inside, too.

    def _take_small(self, offset: int) -> int | None:
        """Take the metadata, schema or channel at an offset, whatever its head says; its end."""
        if offset + FRAME.size > self.size:
            return None
        opcode, length = FRAME.unpack_from(self.data, offset)
        for kind, inner in ((kind, self.bytes.inner_small(kind, offset)) for kind in SMALL):
            frame = Frame(kind, offset, inner or 0)
            # Where only one of opcode and length is right, a record must follow.
            right = (kind == opcode) + (inner == length)
            if inner is None or not right:
                continue
            if not self.bytes.plausible(frame.end):
                # Damage follows; or bytes of this one are lost, and a chunk begins before its end.
                following = self.bytes.next_chunk(offset + 1) if right == 2 else None
                if right < 2 or (following is not None and following < frame.end):
                    continue
            try:
                if kind == Opcode.METADATA:
                    _take(self.contents, self.file, frame)
                else:
                    read = Schema.read if kind == Opcode.SCHEMA else Channel.read
                    self.copies.append((frame, read(self.bytes.content(frame))))
            except DAMAGE:
                continue
            head = FRAME.pack(kind, inner)
            if self.data[offset : offset + FRAME.size] != head:
                self.result.patches.append((offset, head))
            return frame.end
        return None

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

    def _take_chunk(self, offset: int) -> int | None:
        """Take the chunk at an offset, whatever its opcode and length say; where it ends."""
        length = self.bytes.inner_length(offset)
        if length is None or offset + FRAME.size + length > self.size:
            return None
        frame = Frame(Opcode.CHUNK, offset, length)
        try:
            chunk = Chunk.read(self.bytes.content(frame))
            if not chunk.uncompressed_crc and not self.bytes.trusted(offset, length):
                return None
            records = list(chunk_records(chunk))
        except DAMAGE:
            return None
        self._put_head_right(frame, chunk, records)
        index = self._count(frame, chunk, records)
        return self._take_indexes(frame.end, index, records)

    def _put_head_right(self, frame: Frame, chunk: Chunk, records: Records) -> None:
        """Opcode, length and the two times have no CRC: they follow from what is in the chunk."""
        times = [record.log_time for _, record in records if isinstance(record, Message)]
        if times:
            chunk.message_start_time, chunk.message_end_time = min(times), max(times)
        head = FRAME.pack(Opcode.CHUNK, frame.length)
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
        while (frame := self.bytes.frame(at)) is not None and frame.opcode == Opcode.MESSAGE_INDEX:
            content = self.data[frame.offset : frame.end]
            channel = next((key for key, each in wanted.items() if each == content), None)
            if channel is None:
                break
            found[channel] = frame.offset
            at = frame.end
        if set(found) != set(wanted):
            if end > self.size or not self.bytes.plausible(end):
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

    def _bad(self, start: int, end: int, why: str) -> None:
        head = bytes(self.data[start : min(end, start + FRAME.size)]).hex()
        self.result.regions.append(Region(start, end, why, head))
