#include "runtime/wire/launcher_frames.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/wire/frame_mangler.h"

namespace hearth {
namespace {

template <class Frame>
ReadAndWrite AgainWith(std::optional<Frame> (*decode)(std::string_view)) {
  return [decode](std::string_view packet) {
    const auto frame = decode(packet);
    return frame ? Encode(*frame) : std::string();
  };
}

MakeSandboxFrame ASandbox() {
  return {.sandbox_id = 5,
          .name = "resize",
          .code_folder = "/var/lib/hearth/code/ab",
          .library = "libresize.so",
          .symbol = "hearth_function",
          .function_name = "resize",
          .function_version = "$LATEST",
          .memory_bytes = 128u << 20,
          .tmp_bytes = 64u << 20,
          .pids_max = 64,
          .host_uid = 100001,
          .has_memory_cgroup = 1,
          .environment = {"SIZE=200", "FORMAT=webp"},
          .mounts = {{"/srv/photos", "/mnt/photos", 0}, {"/srv/thumbs", "/mnt/thumbs", 1}},
          .layers_folder = "/var/lib/hearth/layers/cd",
          .secrets = {{"token", 40}},
          .own_worker = 12,
          .egress = 1,
          .tcp_ports = {443, 65535},

          .snapshot_limit_ms = 10'000};
}

TEST_CASE("launcher frames survive the way there and nothing else does", "[wire]") {
  SECTION("Hello") {
    CheckFrameReader(Encode(HelloFrame{4, "user ns: ok\n", 1, "no nft"}), AgainWith(&DecodeHello));
  }
  SECTION("MakeSandbox") { CheckFrameReader(Encode(ASandbox()), AgainWith(&DecodeMakeSandbox)); }
  SECTION("SandboxReady") {
    CheckFrameReader(Encode(SandboxReadyFrame{5, 900, 1, {{1, 0, 13}, {0, 13, 0}}}),
                     AgainWith(&DecodeSandboxReady));
  }
  SECTION("SandboxFailed") {
    CheckFrameReader(Encode(SandboxFailedFrame{5, {"load library", 0, "no libfoo.so.3", 1}}),
                     AgainWith(&DecodeSandboxFailed));
  }
  SECTION("Blanks") {
    CheckFrameReader(Encode(LauncherFrameKind::kBlanks, BlanksFrame{3, "clone init"}),
                     [](std::string_view packet) {
                       const auto frame = DecodeBlanks(packet);
                       return frame ? Encode(*KindOf(packet), *frame) : std::string();
                     });
  }
  SECTION("UnpackZip") {
    CheckFrameReader(Encode(UnpackZipFrame{1, 250u << 20, 1000}), AgainWith(&DecodeUnpackZip));
  }
  SECTION("UnpackDone") {
    CheckFrameReader(Encode(UnpackDoneFrame{1, "../x: .."}), AgainWith(&DecodeUnpackDone));
  }
  SECTION("ForkWorker") { CheckFrameReader(Encode(ForkWorkerFrame{77}), AgainWith(&DecodeForkWorker)); }
  SECTION("WorkerForked") {
    CheckFrameReader(Encode(WorkerForkedFrame{77, 4}), AgainWith(&DecodeWorkerForked));
  }
  SECTION("ForkFailed") {
    CheckFrameReader(Encode(ForkFailedFrame{77, {"clone", 11, "", 0}}), AgainWith(&DecodeForkFailed));
  }
  SECTION("WorkerExited") {
    CheckFrameReader(Encode(WorkerExitedFrame{77, -1, 31, 2048, 55, "mount"}),
                     AgainWith(&DecodeWorkerExited));
  }
}

TEST_CASE("every field of MakeSandbox arrives", "[wire]") {
  const auto frame = DecodeMakeSandbox(Encode(ASandbox()));
  REQUIRE(frame);
  CHECK(frame->sandbox_id == 5);
  CHECK(frame->name == "resize");
  CHECK(frame->code_folder == "/var/lib/hearth/code/ab");
  CHECK(frame->library == "libresize.so");
  CHECK(frame->symbol == "hearth_function");
  CHECK(frame->function_version == "$LATEST");
  CHECK(frame->memory_bytes == 128u << 20);
  CHECK(frame->tmp_bytes == 64u << 20);
  CHECK(frame->pids_max == 64);
  CHECK(frame->own_worker == 12);
  CHECK(frame->snapshot_limit_ms == 10'000);
  CHECK(frame->host_uid == 100001);
  CHECK(frame->has_memory_cgroup == 1);
  CHECK(frame->environment == std::vector<std::string>{"SIZE=200", "FORMAT=webp"});
  REQUIRE(frame->mounts.size() == 2);
  CHECK(frame->mounts[1].source == "/srv/thumbs");
  CHECK(frame->mounts[1].target == "/mnt/thumbs");
  CHECK(frame->mounts[1].writable == 1);
  CHECK(frame->egress == 1);
  CHECK(frame->tcp_ports == std::vector<uint32_t>{443, 65535});
}

TEST_CASE("a frame is read as its own kind only", "[wire]") {
  const std::string ready = Encode(SandboxReadyFrame{5, 900, 0, {}});
  CHECK(KindOf(ready) == LauncherFrameKind::kSandboxReady);
  CHECK_FALSE(DecodeSandboxId(ready));
  CHECK_FALSE(DecodeWorkerForked(ready));
  CHECK_FALSE(KindOf(""));
  CHECK_FALSE(KindOf("\x7f"));

  const std::string kill = Encode(LauncherFrameKind::kKillSandbox, SandboxIdFrame{5});
  CHECK(KindOf(kill) == LauncherFrameKind::kKillSandbox);
  CHECK(DecodeSandboxId(kill)->sandbox_id == 5);
  CHECK(KindOf(EncodeZygoteExited(-1, 11)) == LauncherFrameKind::kZygoteExited);
}

TEST_CASE("a list that claims more items than there are bytes is refused", "[wire]") {
  MakeSandboxFrame frame = ASandbox();
  frame.tcp_ports.clear();
  std::string bytes = Encode(frame);
  constexpr size_t kFromEnd = 4 + 4;  // their number, and the limit of init behind it
  bytes.replace(bytes.size() - kFromEnd, 4, "\xff\xff\xff\xff");
  CHECK_FALSE(DecodeMakeSandbox(bytes));
}

}  // namespace
}  // namespace hearth
