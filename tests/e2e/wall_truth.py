"""Durations in the ledger beside what handlers measured themselves; shared by a test and by ./dev bench truth."""
import concurrent.futures
import json
import math

from hearth_e2e import handler_path, http_call
from ledger_reader import read_ledger


def deploy(daemon, name="stopwatch", memory=128):
    daemon.create_function(name, handler_path("stopwatch"), timeout=10, memory=memory)
    return daemon.create_url(name)


def measure(daemon, url, kinds, calls, at_once):
    """`calls` calls, `at_once` at a time, orders taken in turn; the overhead in ns of each warm one, from its record."""
    host, prefix = url

    def call(n):
        answer = http_call(daemon.data_port, "POST", prefix + "/", json.dumps(kinds[n % len(kinds)]), {"content-type": "application/json"},
                           host=host)
        assert answer.status == 200, answer
        return answer.headers["x-amzn-requestid"], answer.json()["own_ns"]

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        own = dict(pool.map(call, range(calls)))
    records = {record.request_id: record for record in read_ledger(daemon.data_dir / "ledger") if record.request_id in own}
    assert len(records) == len(own), f"{len(own)} answers, {len(records)} records"
    return [(records[request_id], own_ns) for request_id, own_ns in own.items()]


def overhead_ns(measured):
    return sorted(record.duration_ns - own_ns for record, own_ns in measured)


def is_ceiling(record):
    return record.billed_ms == max(1, math.ceil((record.init_ns + record.duration_ns) / 1_000_000))
