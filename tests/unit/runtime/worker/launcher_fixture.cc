#include "tests/unit/runtime/worker/launcher_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

std::string MakeFolder() {
  std::string path = (fs::temp_directory_path() / "hearth-launcher-XXXXXX").string();
  REQUIRE(mkdtemp(path.data()) != nullptr);
  REQUIRE(chmod(path.c_str(), 0755) == 0);
  return path;
}

bool WaitReadable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return poll(&watched, 1, 10'000) == 1;
}

}  // namespace

bool RunsAsRoot() { return geteuid() == 0; }

std::optional<Packet> NextPacket(int fd) {
  if (!WaitReadable(fd)) FAIL("nothing heard for ten seconds");
  auto received = ReceivePacket(fd, FdPolicy::kAccept);
  if (!received.ok()) FAIL(received.error().message);
  if (received->kind != ReceivedPacket::Kind::kPacket) return std::nullopt;
  return std::move(received->packet);
}

std::string TestLauncher::Package(const std::vector<std::string>& files) {
  const std::string folder = folders_.emplace_back(MakeFolder());
  for (const std::string& file : files) {
    const fs::path target = fs::path(folder) / fs::path(file).filename();
    REQUIRE(fs::copy_file(file, target));
    fs::permissions(target, fs::perms(0755));
  }
  return folder;
}

TestLauncher::TestLauncher(As as) : as_(as) {
  // Copies in a folder that everybody may read, wherever this tree lies.
  const std::string folder =
      Package({HEARTH_LIBEXEC_DIR "/hearth-launcher", HEARTH_LIBEXEC_DIR "/hearth-worker"});
  auto pair = MakePacketSocketPair();
  REQUIRE(pair.ok());
  control_ = std::move(pair->ours);
  SpawnOptions options;
  options.executable = folder + "/hearth-launcher";
  if (as == As::kNobody && RunsAsRoot()) {
    options.executable = "/usr/bin/setpriv";
    options.arguments = {"--reuid=65534", "--regid=65534", "--clear-groups", folder + "/hearth-launcher"};
  }
  options.inherited_fd = pair->theirs.get();
  auto process = Spawn(options);
  REQUIRE(process.ok());
  process_ = std::move(process).value();
  pair->theirs.Reset();
  const auto packet = NextPacket(control_.get());
  REQUIRE(packet);
  const auto hello = DecodeHello(packet->bytes);
  REQUIRE(hello);
  hello_ = *hello;
}

TestLauncher::~TestLauncher() {
  control_.Reset();
  for (const std::string& folder : folders_) (void)RemoveTree(folder);
}

MakeSandboxFrame TestLauncher::ASandbox(const std::string& folder, const std::string& library) {
  MakeSandboxFrame request;
  request.sandbox_id = 1;
  request.name = "probe";
  request.code_folder = folder;
  request.library = library;
  request.symbol = "hearth_function";
  request.function_name = "probe";
  request.function_version = "$LATEST";
  request.memory_bytes = 256u << 20;
  request.tmp_bytes = 8u << 20;
  request.pids_max = 16;
  request.environment = {"COLOUR=green", "LAMBDA_TASK_ROOT=/var/task"};
  return request;
}

MakeSandboxFrame TestLauncher::Complete(MakeSandboxFrame request) const {
  if (as_ == As::kRoot && request.host_uid == 0) request.host_uid = 100'777;
  return request;
}

Packet TestLauncher::NextOfLauncher() {
  for (;;) {
    auto packet = NextPacket(control_.get());
    REQUIRE(packet);
    const auto blanks = DecodeBlanks(packet->bytes);
    if (!blanks) return std::move(*packet);
    blanks_ = *blanks;
  }
}

void TestLauncher::KeepBlanks(uint32_t count) {
  REQUIRE(SendPacket(control_.get(), Encode(LauncherFrameKind::kKeepBlanks, BlanksFrame{count, {}})).ok());
}

void TestLauncher::AwaitBlanks(uint32_t count) {
  while (blanks_.count != count) {
    const auto packet = NextPacket(control_.get());
    REQUIRE(packet);
    const auto blanks = DecodeBlanks(packet->bytes);
    REQUIRE(blanks);
    REQUIRE(blanks->problem == "");
    blanks_ = *blanks;
  }
}

std::optional<StageFailure> TestLauncher::Make(const MakeSandboxFrame& wanted) {
  const MakeSandboxFrame request = Complete(wanted);
  REQUIRE(SendPacket(control_.get(), Encode(request)).ok());
  return TakeMade();
}

std::optional<StageFailure> TestLauncher::TakeMade() {
  Packet packet = NextOfLauncher();
  if (const auto failed = DecodeSandboxFailed(packet.bytes)) return failed->failure;
  const auto ready = DecodeSandboxReady(packet.bytes);
  REQUIRE(ready);
  REQUIRE(packet.fds.size() == 1);
  init_channel_ = std::move(packet.fds[0]);
  was_blank_ = ready->was_blank != 0;
  return std::nullopt;
}

TestWorker TestLauncher::NewWorker(UniqueFd& theirs, UniqueFd& write_end) {
  TestWorker worker;
  worker.id = next_worker_++;
  auto pair = MakePacketSocketPair();
  REQUIRE(pair.ok());
  worker.channel = std::move(pair->ours);
  theirs = std::move(pair->theirs);
  int output[2];
  REQUIRE(pipe2(output, O_CLOEXEC) == 0);
  worker.output.Reset(output[0]);
  write_end.Reset(output[1]);
  return worker;
}

TestWorker TestLauncher::MakeWithWorker(MakeSandboxFrame request, const std::vector<int>& tasks,
                                        std::optional<StageFailure>& failure) {
  UniqueFd theirs, write_end;
  TestWorker worker = NewWorker(theirs, write_end);
  request = Complete(std::move(request));
  request.own_worker = worker.id;
  std::vector<int> fds{theirs.get(), write_end.get(), write_end.get()};
  fds.insert(fds.end(), tasks.begin(), tasks.end());
  REQUIRE(SendPacket(control_.get(), Encode(request), fds).ok());
  failure = TakeMade();
  return worker;
}

void TestLauncher::MustMake(const MakeSandboxFrame& request) {
  const auto failure = Make(request);
  if (failure) FAIL(failure->stage << ": errno " << failure->error << " " << failure->detail);
}

TestWorker TestLauncher::Fork(const std::vector<int>& tasks) {
  UniqueFd theirs, write_end;
  TestWorker worker = NewWorker(theirs, write_end);
  std::vector<int> fds{theirs.get(), write_end.get(), write_end.get()};
  fds.insert(fds.end(), tasks.begin(), tasks.end());
  REQUIRE(SendPacket(init_channel_.get(), Encode(ForkWorkerFrame{worker.id}), fds).ok());
  const auto packet = NextPacket(init_channel_.get());
  REQUIRE(packet);
  if (const auto failed = DecodeForkFailed(packet->bytes)) {
    FAIL(failed->failure.stage << ": errno " << failed->failure.error << " " << failed->failure.detail);
  }
  const auto forked = DecodeWorkerForked(packet->bytes);
  REQUIRE(forked);
  REQUIRE(forked->worker_id == worker.id);
  return worker;
}

TestWorker TestLauncher::ForkAndInit(const std::vector<int>& tasks) {
  TestWorker worker = Fork(tasks);
  REQUIRE(worker.Init() == "ready");
  return worker;
}

std::string TestWorker::Init() {
  const auto started = NextPacket(channel.get());
  if (!started) return "gone";
  std::string_view body;
  auto header = TakeHeader(started->bytes, body);
  REQUIRE(header);
  REQUIRE(header->kind == static_cast<uint16_t>(WorkerFrameKind::kStarted));
  REQUIRE(DecodeStarted(body));
  REQUIRE(SendPacket(channel.get(), EncodeEmpty(WorkerFrameKind::kInit)).ok());
  const auto answer = NextPacket(channel.get());
  if (!answer) return "gone";
  header = TakeHeader(answer->bytes, body);
  REQUIRE(header);
  if (header->kind == static_cast<uint16_t>(WorkerFrameKind::kReady)) return "ready";
  const auto error = DecodeError(body);
  REQUIRE(error);
  return error->type;
}

Answer TestWorker::Invoke(const std::string& payload) {
  InvokeFrame frame;
  frame.request_id = "8476a536-e9f4-41e3-8d4f-5f9a2d1c0b7e";
  std::string bytes;
  const BodyPlace place = EncodeInvoke(++sequence, frame, payload, bytes);
  const auto memfd =
      place == BodyPlace::kMemfd ? MakeSealedMemfd("payload", payload) : Result<UniqueFd>(UniqueFd());
  std::vector<int> fds;
  if (place == BodyPlace::kMemfd) fds.push_back(memfd->get());
  Answer answer;
  if (!SendPacket(channel.get(), bytes, fds).ok()) return answer;
  for (;;) {
    const auto packet = NextPacket(channel.get());
    if (!packet) return answer;
    std::string_view body;
    const auto header = TakeHeader(packet->bytes, body);
    REQUIRE(header);
    if (header->kind == static_cast<uint16_t>(WorkerFrameKind::kCrash)) {
      answer.crash = DecodeCrash(body);
      REQUIRE(answer.crash);
      continue;
    }
    REQUIRE(header->sequence == sequence);
    if (header->kind == static_cast<uint16_t>(WorkerFrameKind::kLog)) {
      answer.logs.push_back(DecodeLog(body)->message);
      continue;
    }
    if (header->kind == static_cast<uint16_t>(WorkerFrameKind::kFailure)) {
      answer.kind = Answer::Kind::kFailure;
      answer.text = DecodeError(body)->type;
      return answer;
    }
    REQUIRE(header->kind == static_cast<uint16_t>(WorkerFrameKind::kResponse));
    answer.kind = Answer::Kind::kResponse;
    const auto response = DecodeResponse(body, header->flags);
    REQUIRE(response);
    answer.text = response->payload;
    if ((header->flags & kFlagBodyInMemfd) != 0) {
      REQUIRE(packet->fds.size() == 1);
      answer.text = ReadSealedBody(packet->fds[0].get(), 64u << 20).value();
    }
    return answer;
  }
}

std::string TestWorker::ReadOutput() {
  REQUIRE(WaitReadable(output.get()));
  char text[4096];
  const ssize_t size = read(output.get(), text, sizeof text);
  return std::string(text, static_cast<size_t>(size > 0 ? size : 0));
}

WorkerExitedFrame TestLauncher::WaitForExit(const TestWorker& worker) {
  const auto packet = NextPacket(init_channel_.get());
  REQUIRE(packet);
  const auto exited = DecodeWorkerExited(packet->bytes);
  REQUIRE(exited);
  REQUIRE(exited->worker_id == worker.id);
  return *exited;
}

void TestLauncher::Kill(uint64_t sandbox_id) {
  REQUIRE(
      SendPacket(control_.get(), Encode(LauncherFrameKind::kKillSandbox, SandboxIdFrame{sandbox_id})).ok());
}

void TestLauncher::WaitForGone(uint64_t sandbox_id) {
  const Packet packet = NextOfLauncher();
  REQUIRE(KindOf(packet.bytes) == LauncherFrameKind::kSandboxGone);
  REQUIRE(DecodeSandboxId(packet.bytes)->sandbox_id == sandbox_id);
}

std::string TestLauncher::Unpack(int zip, int folder, uint64_t bytes_max, uint32_t entries_max) {
  const int fds[] = {zip, folder};
  REQUIRE(SendPacket(control_.get(), Encode(UnpackZipFrame{9, bytes_max, entries_max}), fds).ok());
  const auto packet = NextPacket(control_.get());
  REQUIRE(packet);
  const auto done = DecodeUnpackDone(packet->bytes);
  REQUIRE(done);
  REQUIRE(done->ticket == 9);
  return done->error;
}

}  // namespace hearth
