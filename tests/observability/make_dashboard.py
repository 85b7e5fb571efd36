#!/usr/bin/env python3
"""Makes docs/observability/hearth-dashboard.json (Grafana 9 or newer): make_dashboard.py > docs/observability/hearth-dashboard.json

A test holds the file to be what this prints. A panel is a line below: title, unit, queries with their legends, what it tells.
"""
import json

F = 'instance=~"$instance", function=~"$function"'
I = 'instance=~"$instance"'


def quantile(q, metric, by="function", labels=F):
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket{{{labels}}}[$__rate_interval])))"


def rate(metric, by, labels=F):
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


ROWS = [
    ("Functions", [
        ("Invocations", "reqps", [(rate("hearth_invocations_total", "function"), "{{function}}")], "Attempts that ended, a second."),
        ("Errors", "percentunit",
         [(f'{rate("hearth_errors_total", "function")} / ({rate("hearth_invocations_total", "function")} > 0)', "{{function}}")],
         "Share of attempts that failed through the function: errors, timeouts, crashes, memory."),
        ("Outcomes", "reqps", [(rate("hearth_invocations_total", "outcome"), "{{outcome}}")], "How attempts ended."),
        ("By version", "reqps", [(rate("hearth_invocations_total", "function, version"), "{{function}}:{{version}}")],
         "Which version served: a new one takes over, the old one goes to zero."),
        ("Duration p50, p95, p99", "s", [(quantile(q, "hearth_invoke_duration_seconds"), "{{function}} p" + str(round(100 * q)))
                                         for q in (0.5, 0.95, 0.99)], "Time in the handler; what is billed, but for init."),
        ("Init p95", "s", [(quantile(0.95, "hearth_init_duration_seconds"), "{{function}}")], "Paid for with each cold start."),
        ("Cold starts", "percentunit",
         [(f'{rate("hearth_cold_starts_total", "function")} / ({rate("hearth_invocations_total", "function")} > 0)', "{{function}}")],
         "Share of attempts that a worker was made for."),
        ("Wait and overhead p95", "s", [(quantile(0.95, "hearth_queue_wait_seconds"), "{{function}} wait"),
                                        (quantile(0.95, "hearth_platform_overhead_seconds"), "{{function}} overhead")],
         "Wait for a worker, and what Hearth itself takes. Neither is billed."),
        ("Throttles", "reqps", [(rate("hearth_throttles_total", "function, reason"), "{{function}} {{reason}}")], "Events that found no slot in time."),
        ("Crashes and timeouts", "reqps", [(rate("hearth_crashes_total", "function, cause"), "{{function}} {{cause}}"),
                                           (rate("hearth_timeouts_total", "function"), "{{function}} timeout")], "Workers that died or were ended."),
        ("Memory p95", "bytes", [(quantile(0.95, "hearth_memory_usage_bytes"), "{{function}}")], "Peak of an attempt's worker, to set its memory by."),
        ("Processor time p95", "s", [(quantile(0.95, "hearth_cpu_usage_seconds"), "{{function}}")], "Much below the duration: the handler waits."),
    ]),
    ("Workers and money", [
        ("Workers", "short", [(f"sum by (state) (hearth_workers{{{F}}})", "{{state}}")], "Workers by state."),
        ("Worker start p95", "s", [(quantile(0.95, "hearth_worker_start_seconds"), "{{function}}")], "From asking for a worker to a started process."),
        ("Events under way", "short", [(f"hearth_events_under_way{{{I}}}", "under way"), (f"hearth_events_under_way_limit{{{I}}}", "limit")],
         "At the limit events are throttled."),
        ("Processor time without an event", "short", [(rate("hearth_worker_idle_cpu_seconds_total", "function"), "{{function}}")],
         "Processors that workers use between events: flagged, not billed."),
        ("Billed GB-seconds", "short", [(rate("hearth_billed_gb_seconds_total", "function, plan"), "{{function}} {{plan}}")], "A second, by plan."),
        ("Estimate a day at list price", "currencyUSD",
         [(f'86400 * ({rate("hearth_billed_gb_seconds_total", "function")} * $gb_second + {rate("hearth_billed_requests_total", "function")} * $request)',
           "{{function}}")], "From counters, at the two prices above; the bill is hearth bill."),
    ]),
    ("Asynchronous events and buckets", [
        ("Asynchronous events", "reqps", [(rate("hearth_async_events_total", "function, result"), "{{function}} {{result}}")], "Accepted, and what became of them."),
        ("Waiting", "short", [(f"hearth_async_events_waiting{{{F}}}", "{{function}}")], "Stored events that wait."),
        ("Age of the oldest", "s", [(f"hearth_async_event_age_seconds{{{F}}}", "{{function}}")], "Events are kept for 6 hours."),
        ("Files", "reqps", [(rate("hearth_bucket_file_events_total", "bucket, source", I), "{{bucket}} {{source}}")], "Told by inotify, or found by a scan."),
        ("Objects", "reqps", [(rate("hearth_bucket_objects_total", "bucket, result", I), "{{bucket}} {{result}}")], "What became of them."),
        ("Bucket lag", "s", [(f"hearth_bucket_lag_seconds{{{I}}}", "{{bucket}}")], "Since the oldest unsettled object was noticed."),
    ]),
    ("Ledger and stores", [
        ("Ledger takes records", "short", [(f"hearth_ledger_writable{{{I}}}", "writable"), (f"hearth_ledger_conflicts_total{{{I}}}", "conflicts")],
         "Must be 1 and 0."),
        ("Records", "reqps", [(f"rate(hearth_ledger_records_total{{{I}}}[$__rate_interval])", "records")], "Appended a second."),
        ("Unsynced records", "short", [(f"hearth_ledger_unsynced_records{{{I}}}", "unsynced")], "What power loss would take; kill -9 takes none."),
        ("Sync p99", "s", [(quantile(0.99, "hearth_ledger_sync_seconds", "instance", I), "ledger"),
                           (quantile(0.99, "hearth_store_commit_seconds", "store", I), "{{store}}")], "What the disk takes."),
        ("Commits", "short", [(rate("hearth_store_commits_total", "store", I), "{{store}}"),
                              (rate("hearth_store_commit_failures_total", "store", I), "{{store}} failed")], "Transactions a second."),
        ("Operations a commit", "short",
         [(f'{rate("hearth_store_group_operations_sum", "store", I)} / ({rate("hearth_store_group_operations_count", "store", I)} > 0)', "{{store}}")],
         "How well commits are shared."),
    ]),
    ("The daemon", [
        ("Processors", "short", [(f"rate(process_cpu_seconds_total{{{I}}}[$__rate_interval])", "hearthd")], "hearthd alone, without workers; 1 is a full loop."),
        ("Memory", "bytes", [(f"process_resident_memory_bytes{{{I}}}", "resident")], "hearthd alone."),
        ("File descriptors", "short", [(f"process_open_fds{{{I}}}", "open"), (f"process_max_fds{{{I}}}", "limit")], ""),
        ("Loop lag p99", "s", [(quantile(0.99, "hearth_loop_lag_seconds", "instance", I), "{{instance}}")], "Up to 1 ms is the timer's resolution."),
        ("Answers", "reqps", [(rate("hearth_http_answers_total", "server, code", I), "{{server}} {{code}}")], "By class."),
        ("Connections", "short", [(f"hearth_http_connections{{{I}}}", "{{server}}")], "Open now."),
    ]),
]
WIDTH, HEIGHT = 8, 8  # three panels a row of Grafana's 24 columns


def panel(number, title, unit, queries, tells, x, y):
    return {"id": number, "type": "timeseries", "title": title, "description": tells, "datasource": {"type": "prometheus", "uid": "$datasource"},
            "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT}, "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [{"refId": chr(ord("A") + i), "expr": query, "legendFormat": legend} for i, (query, legend) in enumerate(queries)]}


def variable(name, query, label):
    return {"name": name, "label": label, "type": "query", "datasource": {"type": "prometheus", "uid": "$datasource"}, "query": query, "refresh": 2,
            "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "sort": 1}


def price(name, value, label):
    return {"name": name, "label": label, "type": "textbox", "query": value, "current": {"text": value, "value": value}}


def dashboard():
    panels, y, number = [], 0, 1
    for row, members in ROWS:
        panels.append({"id": number, "type": "row", "title": row, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": [], "collapsed": False})
        number, y = number + 1, y + 1
        for i, (title, unit, queries, tells) in enumerate(members):
            panels.append(panel(number, title, unit, queries, tells, i % 3 * WIDTH, y + i // 3 * HEIGHT))
            number += 1
        y += (len(members) + 2) // 3 * HEIGHT
    return {"title": "Hearth", "uid": "hearth", "tags": ["hearth"], "schemaVersion": 37, "version": 1, "editable": True, "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"}, "panels": panels,
            "templating": {"list": [
                {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
                variable("instance", "label_values(hearth_build_info, instance)", "Daemon"),
                variable("function", "label_values(hearth_workers{instance=~\"$instance\"}, function)", "Function"),
                price("gb_second", "0.0000166667", "USD a GB-second"), price("request", "0.0000002", "USD a request")]}}


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=1))
