#include <cstdlib>
#include <string>

#include <hearth/hearth.h>

// Copies its object to the bucket OUTPUT_BUCKET, under "N-NAME" with N one more: a function that never knows when to stop.
// With OUTPUT_FOLDER, below that folder.

namespace {

void Bounce(const hearth::S3Event& event, hearth::Context& context) {
  const hearth::S3Record& record = event.records.at(0);
  const std::string key = record.key();
  const std::string name = key.substr(key.rfind('/') + 1);
  const std::size_t dash = name.find('-');
  const std::string next = std::to_string(std::stoi(name) + 1) + name.substr(dash);
  const char* folder = std::getenv("OUTPUT_FOLDER");
  hearth::OutputFile out(
      hearth::BucketPath(std::getenv("OUTPUT_BUCKET"), folder ? folder + ("/" + next) : next));
  out.Write(record.content.Read(1 << 20));
  out.Commit();
  context.Info("bounced " + key + " at hop " + std::to_string(context.hops()));
}

}  // namespace

HEARTH_HANDLER(Bounce);
