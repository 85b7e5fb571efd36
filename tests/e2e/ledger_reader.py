"""Reads a ledger folder as docs/ledger-format.md describes it, without any code of Hearth's: what bills are made from, seen from outside.

    for record in read_ledger(daemon.data_dir / "ledger"):
        print(record.request_id, record.outcome, record.duration_ns)
"""
import collections
import dataclasses
import json
import pathlib
import struct
import uuid
import zlib

TRIGGERS = ("direct", "http", "queue", "bucket", "schedule", "topic")
OUTCOMES = ("success", "function_error", "timeout", "out_of_memory", "crash", "init_error", "init_timeout", "throttled", "cancelled",
            "platform_fault", "interrupted", "aborted")
PLANS = ("on-demand", "reserved", "spot", "dedicated")
SOURCES = ("none", "cgroup", "rusage")
BLOCK, FRAME = 64, 8
ACCOUNT_EVENT = 3


@dataclasses.dataclass
class Record:
    number: int
    request_id: str
    function: str
    version: str
    trigger: str
    outcome: str
    billable: bool
    cold: bool
    attempt: int = 1
    started_us: int = 0
    init_ns: int = 0
    duration_ns: int = 0
    queued_ns: int = 0
    billed_ms: int = 0
    memory_mib: int = 0
    memory_peak_kib: int = 0
    cpu_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    worker: int = 0
    plan: str = "on-demand"
    usage_source: str = "none"
    commitment: str = ""
    tmp_mib: int = 0
    idle_cpu_us: int = 0
    boot_id: int = 0


class Fields:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def raw(self, size):
        self.at += size
        assert self.at <= len(self.data), "an entry is cut short"
        return self.data[self.at - size:self.at]

    def text(self):
        return self.raw(self.byte()).decode()

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        value = self.number()
        return (value >> 1) ^ -(value & 1)


def crc_of(number, length, padded):
    return zlib.crc32(padded, zlib.crc32(struct.pack("<QI", number, length)))


def frames_of(data, first_number, at):
    """Payloads from `at` on, up to the first that does not fit its CRC: (number, payload, offset)."""
    number = first_number
    while at + FRAME <= len(data):
        length, crc = struct.unpack_from("<II", data, at)
        if length == 0 or length > 65536:
            return
        padded = data[at + FRAME:at + FRAME + (length + 7) // 8 * 8]
        if crc_of(number, length, padded) != crc:
            return
        yield number, padded[:length], at
        number += 1
        at += FRAME + len(padded)


def decode(number, payload):
    """An invocation record, or None for another kind of entry."""
    fields = Fields(payload)
    kind = fields.byte()
    assert 1 <= kind <= 4, f"entry of kind {kind}"
    if kind > 2:
        return None
    version = 1 if kind == 1 else fields.byte()
    flags, trigger, outcome = fields.byte(), fields.byte(), fields.byte()
    request_id = str(uuid.UUID(bytes=fields.raw(16))) if flags & 4 else fields.text()
    record = Record(number, request_id, fields.text(), fields.text(), TRIGGERS[trigger], OUTCOMES[outcome], bool(flags & 1), bool(flags & 2))
    record.attempt, record.started_us = fields.number(), fields.signed()
    for name in ("init_ns", "duration_ns", "queued_ns", "billed_ms", "memory_mib", "memory_peak_kib", "cpu_us", "bytes_in", "bytes_out",
                 "worker"):
        setattr(record, name, fields.number())
    if version >= 2:
        record.plan, record.usage_source, record.commitment = PLANS[fields.byte()], SOURCES[fields.byte()], fields.text()
        record.tmp_mib, record.idle_cpu_us = fields.number(), fields.number()
        record.boot_id, = struct.unpack("<Q", fields.raw(8))
    assert fields.at == len(payload), "bytes follow an entry's last field"
    return record


def segments_of(folder):
    return sorted(pathlib.Path(folder).glob("*.ledger"))


class Follower:
    """Reads on where it stopped; what it has read must still be there as it was, byte for byte."""

    def __init__(self, folder):
        self.folder, self.known = folder, {}  # path: (bytes up to the last record, number of the next)

    def more(self):
        records = []
        for path in segments_of(self.folder):
            data = path.read_bytes()
            if not any(data[:BLOCK]):
                continue  # prepared, not used yet
            if path not in self.known:
                assert data[:8] == b"HEARTHLG" and struct.unpack_from("<I", data, 8)[0] == 1, path
                assert zlib.crc32(data[:60]) == struct.unpack_from("<I", data, 60)[0], f"header of {path}"
                self.known[path] = data[:BLOCK], struct.unpack_from("<Q", data, 24)[0]
            before, next_number = self.known[path]
            assert data.startswith(before), f"{path}: what was there has changed"
            end = len(before)
            for number, payload, at in frames_of(data, next_number, end):
                next_number, end = number + 1, at + FRAME + (len(payload) + 7) // 8 * 8
                if record := decode(number, payload):
                    records.append(record)
            self.known[path] = data[:end], next_number
        return records


def read_ledger(folder):
    """All invocation records that are there raw, in the ledger's order."""
    return Follower(folder).more()


def account_events(folder):
    """What happened to the account, in order: {"kind", "payload"}."""
    events = []
    for path in segments_of(folder):
        data = path.read_bytes()
        for _, payload, _ in frames_of(data, struct.unpack_from("<Q", data, 24)[0], BLOCK):
            fields = Fields(payload)
            if fields.byte() != ACCOUNT_EVENT:
                continue
            fields.byte()  # its version
            kind = fields.text()
            fields.signed(), fields.raw(8)  # when, in which life
            events.append({"kind": kind, "payload": json.loads(payload[fields.at:])})
    return events


def twice(records):
    """Identities that have more than one record: there are none in a good ledger."""
    counts = collections.Counter((record.request_id, record.attempt) for record in records)
    return [identity for identity, count in counts.items() if count > 1]


def forge(path, which=0):
    """Changes a byte of the `which`th invocation record of a segment and fits its CRC, as somebody would who knows the format."""
    data = bytearray(path.read_bytes())
    first_number, = struct.unpack_from("<Q", data, 24)
    number, payload, at = [frame for frame in frames_of(bytes(data), first_number, BLOCK) if decode(*frame[:2])][which]
    data[at + FRAME + len(payload) - 1] ^= 1  # a byte of the boot id: it still is an entry
    padded = bytes(data[at + FRAME:at + FRAME + (len(payload) + 7) // 8 * 8])
    struct.pack_into("<I", data, at + 4, crc_of(number, len(payload), padded))
    path.write_bytes(data)
