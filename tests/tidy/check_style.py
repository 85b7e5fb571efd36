#!/usr/bin/env python3
"""Style that a program can check: floors, one door per library, banned calls, shape of files, mirrored tests.

Usage: check_style.py [--root DIR]     prints FILE:LINE: [rule] what is wrong and what to do instead; exit 1 on any fault.

The tables are at the top. A rule is a function with @rule that yields faults; each has a planted violation in
tests/tidy/planted/<rule>, which check_style_test.py holds against that folder's expected.txt.
"""
import argparse
import collections
import fnmatch
import pathlib
import re
import sys

BASE, LOOP, WIRE, MODEL, STORE = "runtime/base", "runtime/loop", "runtime/wire", "runtime/model", "runtime/store"
HTTP, REGISTRY, METER, TELEMETRY = "runtime/http", "runtime/registry", "runtime/meter", "runtime/telemetry"
WORKER, POOL, ROUTER, CONTROL = "runtime/worker", "runtime/pool", "runtime/router", "runtime/control"
SDK, SANDBOX = "sdk", "sandbox"
EVENT_SINK, TRIGGER = "runtime/router/event_sink.h", "runtime/router/trigger.h"
DESTINATION = "runtime/router/destination.h"
TRIGGER_MAY_INCLUDE = [BASE, LOOP, HTTP, MODEL, STORE, REGISTRY, EVENT_SINK, TRIGGER, DESTINATION]
EVERYTHING = ["runtime", "sandbox", "triggers", "sdk"]

# The floors of docs/architecture.md: folder -> folders (or single headers) that it may include, besides itself.
FLOORS = {
    SDK: [],
    BASE: [],
    LOOP: [BASE],
    WIRE: [BASE],
    MODEL: [BASE],
    STORE: [BASE, LOOP],
    SANDBOX: [BASE],
    HTTP: [BASE, LOOP],
    REGISTRY: [BASE, LOOP, MODEL, STORE],
    METER: [BASE, LOOP, MODEL, STORE],
    TELEMETRY: [BASE, LOOP, MODEL],
    WORKER: [SDK, BASE, WIRE, SANDBOX],
    POOL: [BASE, LOOP, WIRE, MODEL, SANDBOX],
    ROUTER: [BASE, LOOP, WIRE, MODEL, STORE, SANDBOX, HTTP, REGISTRY, METER, TELEMETRY, POOL],
    "triggers/http": TRIGGER_MAY_INCLUDE,
    "triggers/queue": TRIGGER_MAY_INCLUDE,
    "triggers/bucket": TRIGGER_MAY_INCLUDE,
    "triggers/schedule": TRIGGER_MAY_INCLUDE,
    "triggers/topic": TRIGGER_MAY_INCLUDE,
    CONTROL: [BASE, LOOP, HTTP, MODEL, STORE, REGISTRY, METER, TELEMETRY, POOL, ROUTER],
    "runtime/daemon": EVERYTHING,
    "runtime/cli": EVERYTHING,
}
INCLUDED_BY_NOBODY = ["runtime/daemon", "runtime/cli"]

# One door per library: (include, where it may stand, the door's name). First match counts. A unit test of the door's folder
# may use the library too.
DOORS = [
    (r"uv\.h|uv/.*", ["runtime/loop/*"], "libuv: use the classes of runtime/loop"),
    (r"boost/process.*", ["runtime/base/spawn.cc"], "Boost.Process: use Spawn() of runtime/base/process.h"),
    (r"boost/.*", ["runtime/http/*", "runtime/cli/*", "runtime/base/spawn.cc"], "Boost.Beast: use runtime/http"),
    (r"sqlite3.*\.h", ["runtime/store/*"], "SQLite: use the interfaces of runtime/store"),
    (r"seccomp\.h", ["sandbox/seccomp_filter.cc"], "libseccomp: use sandbox/seccomp_filter.h"),
    (r"prometheus/.*", ["runtime/telemetry/*"], "prometheus-cpp: add a row to runtime/model/metric_definitions.h"),
    (r"nlohmann/.*", ["*_json.cc", "*_json.h", "runtime/control/*", "runtime/cli/*", "runtime/daemon/*", "sdk/*", "tests/*",
                      "examples/*"], "nlohmann/json: decode in a *_json.cc"),
    (r"sys/inotify\.h", ["triggers/bucket/*"], "inotify: only the bucket trigger watches files"),
    (r"openssl/.*", ["runtime/base/digest.cc", "runtime/base/base64.cc"], "libcrypto: use runtime/base/digest.h or base64.h"),
    (r"zlib\.h", ["runtime/base/digest.cc", "runtime/base/base64.cc"], "zlib: use runtime/base/digest.h"),
    (r"zip\.h", ["runtime/worker/*"], "libzip: packages are unpacked by runtime/worker, confined"),
    (r"vips/.*", ["examples/image_resize/*"], "libvips: only the image example needs it"),
]

PRODUCT = ["runtime/*", "sandbox/*", "triggers/*"]
TEST_HANDLERS = "tests/handlers/*"  # they misbehave on purpose
E2E_HANDLERS = "tests/e2e/handlers/*"  # what they are billed for sleeping is measured
C_HANDLERS = "tests/*/handlers/*.c"  # plain C has neither std::string nor std::from_chars
KILLED_WRITERS = "tests/unit/runtime/store/*"  # a child that writes a durable file until it is killed
PLAYED_WORKERS = "tests/unit/runtime/pool/play*.h"  # a script in a process of its own, that is killed
# The kernel tells nobody when the last task has left a v1 cgroup: at the end of the daemon it is asked again for 0.1 s at most.
CGROUP_FOLDERS = "sandbox/cgroup_folder.cc"
# The command line has no loop: `--wait` asks the daemon again four times a second.
REDRIVE = "runtime/cli/verb_queue_redrive.cc"
# (call, folders where it is banned, exceptions, what to do instead)
BANNED = [
    (r"(?<![\w.>])v?fork\s*\(", ["*"], ["sandbox/*", "runtime/worker/*", TEST_HANDLERS, KILLED_WRITERS,
                                           PLAYED_WORKERS],
     "fork(): start programs with Spawn() of runtime/base/process.h; only sandbox and worker fork"),
    (r"(?<![\w.>])system\s*\(", ["*"], [TEST_HANDLERS], "system(): no shell; use Spawn() of runtime/base/process.h"),
    (r"(?<![\w.>])popen\s*\(", ["*"], [], "popen(): no shell; use Spawn() with an output fd"),
    (r"(?<![\w.>])(?:u|nano)?sleep\s*\(|\bsleep_(?:for|until)\b", ["runtime/*", "sandbox/*", "triggers/*", "tests/*"],
     [TEST_HANDLERS, E2E_HANDLERS, CGROUP_FOLDERS, REDRIVE], "sleep: in the runtime start a Timer of runtime/loop; in a test advance the manual clock or wait for the state"),
    (r"\bstr(?:n?cpy|n?cat)\s*\(", ["*"], [C_HANDLERS], "strcpy/strcat: use std::string, or memcpy with a checked size"),
    (r"\bv?sprintf\s*\(", ["*"], [], "sprintf(): use snprintf with the size, or std::to_string"),
    (r"\bato(?:i|l|ll|f)\s*\(", ["*"], [C_HANDLERS], "atoi(): cannot report an error; use std::from_chars"),
    (r"\bstd::(?:basic_)?w?regex\b", [*PRODUCT, "sdk/*", "examples/*"], [], "std::regex: slow, and recursive on foreign input; write a small parser"),
    (r"\bstd::(?:jthread\b|async\b|thread\b(?!::id))", PRODUCT, ["runtime/loop/work_thread.*", "runtime/loop/loop_thread.*"],
     "std::thread: blocking work goes through WorkThread of runtime/loop/work_thread.h, loops of their own through LoopThread"),
    (r"\bthrow\b", PRODUCT, [], "throw: an expected failure is a Result<T>, a bug is CHECK_TRUE"),
]

LINES_MAX = {".h": 300, ".cc": 600, ".c": 600, ".py": 600}

# Source folders without a folder of the same name in tests/unit, each with the reason.
WITHOUT_UNIT_TESTS = {
    "runtime/daemon": "composition only: every line of it runs in tests/e2e",
}

SOURCE_FOLDERS = ["sdk", "runtime", "sandbox", "triggers", "examples", "tests"]
CODE = (".h", ".cc", ".c")
NOT_OURS = ["tests/tidy/planted/*", "*/__pycache__/*"]

Fault = collections.namedtuple("Fault", "path line message")
RULES = {}


def rule(check):
    RULES[check.__name__] = check
    return check


# --- reading -----------------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[>"]')
QUIET = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<raw>[^(\s]*)\(.*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)


class Source:
    """One file: its lines, its includes, and its code without comments and literals (lines kept)."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.splitlines()
        self.suffix = pathlib.PurePath(path).suffix
        self.includes = [(number, match[1] == "<", match[2]) for number, match in
                         enumerate(map(INCLUDE.match, self.lines), 1) if match]

    def code_lines(self):
        blank = QUIET.sub(lambda match: "\n" * match[0].count("\n"), self.text)
        return enumerate(blank.splitlines(), 1)


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        found = [path for folder in SOURCE_FOLDERS for path in (self.root / folder).rglob("*") if path.is_file()]
        names = sorted(path.relative_to(self.root).as_posix() for path in found)
        self.names = [name for name in names if not matches(name, NOT_OURS)]
        self.sources = [Source(self.root, name) for name in self.names if name.endswith(CODE)]

    def exists(self, path):
        return (self.root / path).is_file()


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def stands_for(path):
    """A unit test may do what the folder that it mirrors may."""
    return path.removeprefix("tests/unit/")


def folder_of(path):
    """The floor that a file is on, None for what has no floor (tests, examples)."""
    floors = [folder for folder in FLOORS if path.startswith(folder + "/")]
    return max(floors, key=len, default=None)


def included_path(angled, target):
    """Where an include points in this tree, None for the system's and third parties' headers."""
    if angled:
        return "sdk/include/" + target if target.startswith("hearth/") else None
    return target


# --- rules -------------------------------------------------------------------------------------------------------------

@rule
def floors(tree):
    for source in tree.sources:
        if not source.path.startswith(("runtime/", "sandbox/", "triggers/", "sdk/")):
            continue
        here = folder_of(source.path)
        if here is None:
            yield Fault(source.path, 1, "this folder is not in the floors table: add it to FLOORS in "
                                        "tests/tidy/check_style.py and to docs/architecture.md")
            continue
        for line, angled, target in source.includes:
            path = included_path(angled, target)
            if path and not may_include(here, path):
                allowed = ", ".join(FLOORS[here]) or "nothing of ours but itself"
                yield Fault(source.path, line, f"{here} must not include {target}: it may include {allowed}")


def may_include(here, path):
    there = folder_of(path)
    if there == here:
        return True
    if there in INCLUDED_BY_NOBODY:
        return False
    return any(path == allowed or path.startswith(allowed + "/") for allowed in FLOORS[here])


@rule
def doors(tree):
    for source in tree.sources:
        for line, angled, target in source.includes:
            door = next((door for door in DOORS if angled and re.fullmatch(door[0], target)), None)
            if door and not (matches(source.path, door[1]) or test_of_door(source.path, door[1])):
                yield Fault(source.path, line, f"<{target}> has one door. {door[2]}")


def test_of_door(path, allowed):
    if not path.startswith("tests/unit/"):
        return False
    folders = [pattern.rsplit("/", 1)[0] + "/*" for pattern in allowed if "/" in pattern]
    return matches(stands_for(path), folders)


@rule
def pragma_once(tree):
    for source in tree.sources:
        # abi.h is C99, where #pragma once is no standard: an include guard says the same.
        guarded = source.path == "sdk/include/hearth/abi.h" and "#ifndef HEARTH_ABI_H_" in source.text
        if source.suffix == ".h" and "#pragma once" not in source.lines and not guarded:
            yield Fault(source.path, 1, "header without #pragma once")


@rule
def own_header_first(tree):
    for source in tree.sources:
        header = str(pathlib.PurePath(source.path).with_suffix(".h"))
        if source.suffix != ".cc" or not tree.exists(header) or source.path.startswith("examples/"):
            continue
        if not source.includes or source.includes[0][2] != header:
            line = source.includes[0][0] if source.includes else 1
            yield Fault(source.path, line, f'the first include must be "{header}": it shows that the header stands alone')


@rule
def full_path_include(tree):
    for source in tree.sources:
        if source.path.startswith("examples/"):
            continue  # an example is a project of its own, to be copied out of the tree
        for line, angled, target in source.includes:
            known = tree.exists(target) or tree.exists(target + ".in")  # .in: CMake makes the header
            if not angled and (".." in target or not known):
                yield Fault(source.path, line, f'"{target}" is not a path from the root of the tree '
                                               '(system and SDK headers take <...>)')


@rule
def using_namespace(tree):
    for source in tree.sources:
        for line, code in source.code_lines():
            literals = (source.suffix == ".cc" or source.path.startswith("tests/")) and re.match(r"using namespace std::(\w+::)*\w*literals;", code)
            if code.startswith("using namespace") and not literals:
                yield Fault(source.path, line, "using namespace at file scope: name what you use, or put it in the function "
                                               "(literals may stand in a .cc and in tests)")


@rule
def banned_call(tree):
    for source in tree.sources:
        bans = [(re.compile(call), message) for call, where, but, message in BANNED
                if matches(source.path, where) and not matches(source.path, but) and not matches(stands_for(source.path), but)]
        for line, code in source.code_lines():
            for call, message in bans:
                if call.search(code):
                    yield Fault(source.path, line, message)


@rule
def file_length(tree):
    for name in tree.names:
        limit = LINES_MAX.get(pathlib.PurePath(name).suffix)
        if limit:
            lines = (tree.root / name).read_bytes().count(b"\n")
            if lines > limit:
                yield Fault(name, limit, f"{lines} lines, at most {limit}: a file is one noun, so find the second and split")


LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


@rule
def leftover(tree):
    for name in tree.names:
        if not name.endswith((*CODE, ".py", ".cmake", ".txt", ".md", ".json")):
            continue
        for line, text in enumerate((tree.root / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found = LEFTOVER.search(text)
            if found:
                yield Fault(name, line, f"{found[0]} left over: do it, or say in an issue what is missing")


@rule
def mirrored_tests(tree):
    # The SDK is headers: its folder counts as one that has sources.
    folders = {str(pathlib.PurePath(source.path).parent) for source in tree.sources
               if source.suffix in (".cc", ".c") and source.path.startswith(("runtime/", "sandbox/", "triggers/"))}
    if any(source.path.startswith("sdk/include/") for source in tree.sources):
        folders.add("sdk")
    for folder in sorted(folders - WITHOUT_UNIT_TESTS.keys()):
        tests = f"tests/unit/{folder}/"
        if not any(name.startswith(tests) and name.endswith(("_test.cc", "_test.c")) for name in tree.names):
            yield Fault(folder, 1, f"no *_test.cc in {tests}: write one, or give the reason in WITHOUT_UNIT_TESTS")


TESTED_BY = re.compile(r"<!--\s*tested-by:\s*(\S+?)(?:::(\S+))?\s*-->")


@rule
def readme_block(tree):
    """Each ```sh block of README.md stands under <!-- tested-by: PATH[::NAME] -->, and that file has that name in it."""
    if not tree.exists("README.md"):
        return
    above = ""
    fenced = False
    for line, text in enumerate((tree.root / "README.md").read_text(encoding="utf-8").splitlines(), 1):
        if text.startswith("```"):
            if text.strip() in ("```sh", "```bash", "```console", "```shell") and not fenced:
                yield from readme_faults(tree, line, TESTED_BY.fullmatch(above.strip()))
            fenced = not fenced
        if text.strip():
            above = text


def readme_faults(tree, line, marker):
    if not marker:
        yield Fault("README.md", line, "shell block that no test is named for: put <!-- tested-by: PATH::NAME --> above it")
    elif not tree.exists(marker[1]):
        yield Fault("README.md", line, f"tested-by names {marker[1]}, which does not exist")
    elif marker[2] and marker[2] not in (tree.root / marker[1]).read_text(encoding="utf-8"):
        yield Fault("README.md", line, f"tested-by names {marker[2]}, which is not in {marker[1]}")


# --- main --------------------------------------------------------------------------------------------------------------

def check(root):
    """All faults of a tree, as (rule, fault)."""
    tree = Tree(root)
    return [(name, fault) for name, find in RULES.items() for fault in find(tree)]


def main():
    parser = argparse.ArgumentParser(description="checks the style rules that a program can check")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2], help="tree to check (default: this one)")
    faults = check(parser.parse_args().root)
    for name, fault in faults:
        print(f"{fault.path}:{fault.line}: [{name}] {fault.message}")
    print(f"style: {len(faults)} faults" if faults else f"style: {len(RULES)} rules hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
