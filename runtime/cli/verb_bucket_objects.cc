#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/base/files.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

// Objects of a bucket, by its door on the data plane: for what is not on this machine. Beside it curl does all this too.

namespace hearth::cli {
namespace {

// What a put holds in memory; `curl -T` holds nothing.
constexpr uint64_t kPutBytesMax = 1ull << 30;

const Flag& TokenFlag() {
  static const Flag flag{"--bucket-token", "TOKEN", "the bucket's own token (else HEARTH_BUCKET_TOKEN)"};
  return flag;
}

// The data plane listens elsewhere; the control plane knows where. Its host is the one that we reach the daemon at.
Result<HttpClient> DataPlane(const Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json info, session.Ask("GET", "/_hearth/v1/info"));
  HEARTH_ASSIGN(Endpoint endpoint, Endpoint::Parse("http://" + TextOf(info, "data_address")));
  endpoint.host = session.client().endpoint().host;
  const char* kept = std::getenv("HEARTH_BUCKET_TOKEN");
  return HttpClient(std::move(endpoint), arguments.Text(TokenFlag().name, kept ? kept : ""));
}

// A slash in a key stays one.
std::string ObjectTarget(const std::string& bucket, const std::string& key) {
  std::string target = "/_buckets/" + PercentEncode(bucket);
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    target += '/' + PercentEncode(key.substr(begin, end - begin));
    begin = end + 1;
  }
  return target;
}

Result<ExitCode> ListObjects(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const HttpClient door, DataPlane(session, arguments));
  TextTable table({{"SIZE", Align::kRight}, {"MODIFIED"}, {"KEY"}});
  std::string start_after;
  Json all = Json::array();
  for (bool more = true; more;) {
    HEARTH_ASSIGN(const HttpAnswer answer,
                  door.Ask({.target = "/_buckets/" + PercentEncode(arguments.Word(0)) + "?prefix=" +
                                      PercentEncode(arguments.Word(1)) + "&start-after=" + start_after}));
    HEARTH_TRY(CheckAnswer(answer));
    HEARTH_ASSIGN(const Json page, ParseJson(answer.body, "the daemon's answer"));
    for (const Json& object : page.value("Contents", Json::array())) {
      all.push_back(object);
      const std::string key = TextOf(object, object.contains("Key") ? "Key" : "KeyEncoded");
      table.Add({TextOf(object, "Size"), TextOf(object, "LastModified"), key});
    }
    start_after = TextOf(page, "NextStartAfter");
    more = page.value("IsTruncated", false) && !start_after.empty();
  }
  if (session.wants_json()) {
    session.PrintJson({{"Contents", all}});
  } else {
    session.out() << Printable(table.Text());
  }
  return ExitCode::kOk;
}

Result<ExitCode> PutObject(Session& session, const Arguments& arguments) {
  const std::string file = arguments.Word(1);
  std::error_code failure;
  const uint64_t size = std::filesystem::file_size(file, failure);
  if (failure) return ErrnoError("read " + file, failure.value());
  if (size > kPutBytesMax) {
    return Error{ErrorCode::kTooLarge, file + " has " + std::to_string(size) + " bytes; over " +
                                           std::to_string(kPutBytesMax) + " use curl -T, which streams"};
  }
  HEARTH_ASSIGN(const HttpClient door, DataPlane(session, arguments));
  const std::string key =
      arguments.HasWord(2) ? arguments.Word(2) : std::filesystem::path(file).filename().string();
  HttpRequest request{.method = "PUT", .target = ObjectTarget(arguments.Word(0), key)};
  HEARTH_ASSIGN(request.body, ReadFile(file));
  HEARTH_ASSIGN(const HttpAnswer answer, door.Ask(request));
  HEARTH_TRY(CheckAnswer(answer));
  if (session.wants_json()) {
    session.PrintJson({{"Key", key}, {"ETag", answer.Header("etag")}});
  } else {
    session.PrintLine("put " + std::to_string(size) + " bytes as " + key);
  }
  return ExitCode::kOk;
}

Result<ExitCode> GetObject(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const HttpClient door, DataPlane(session, arguments));
  std::ofstream file;
  if (arguments.HasWord(2)) {
    file.open(arguments.Word(2), std::ios::binary | std::ios::trunc);
    if (!file) return ErrnoError("write " + arguments.Word(2));
  }
  std::ostream& out = arguments.HasWord(2) ? file : session.out();
  HEARTH_ASSIGN(const HttpAnswer answer,
                door.Stream({.target = ObjectTarget(arguments.Word(0), arguments.Word(1))},
                            [&out](std::string_view bytes) {
                              out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
                            }));
  HEARTH_TRY(CheckAnswer(answer));
  if (!out.flush()) return ErrnoError("write " + arguments.Word(2));
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> BucketObjectCommands() {
  const std::string door = "The bucket must be open over HTTP: hearth bucket add NAME --http read,write.\n";
  return {
      {.name = "bucket objects",
       .positionals = {"NAME", "[PREFIX]"},
       .summary = "List a bucket's objects",
       .details = door,
       .flags = {TokenFlag()},
       .examples = {{"hearth bucket objects photos 2026/", ""}},
       .run = ListObjects},
      {.name = "bucket put",
       .positionals = {"NAME", "FILE", "[KEY]"},
       .summary = "Put a file into a bucket, under its own name or KEY",
       .details = door,
       .flags = {TokenFlag()},
       .examples = {{"hearth bucket put photos cat.jpg 2026/cat.jpg", ""}},
       .run = PutObject},
      {.name = "bucket get",
       .positionals = {"NAME", "KEY", "[FILE]"},
       .summary = "Write an object to FILE, or to standard output",
       .details = door,
       .flags = {TokenFlag()},
       .examples = {{"hearth bucket get thumbs 2026/cat.jpg cat-small.jpg", ""}},
       .run = GetObject},
  };
}

}  // namespace hearth::cli
