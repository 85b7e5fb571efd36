#include "triggers/bucket/bucket_put.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "runtime/http/error_response.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {

http::Response DoorError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return http::ErrorResponse(400, "bad_request", error.message);
    case ErrorCode::kNotFound:
      return http::ErrorResponse(404, "not_found", error.message);
    case ErrorCode::kPrecondition:
      return http::ErrorResponse(412, "precondition_failed", error.message);
    case ErrorCode::kTooLarge:
      return http::ErrorResponse(413, "payload_too_large", error.message);
    default:
      return http::ErrorResponse(507, "not_stored", error.message + "; nothing of the object was kept");
  }
}

Status CheckReserve(const DiskReserve& reserve, const std::string& root, uint64_t bytes) {
  if (reserve.bytes == 0) return Ok();
  struct stat ours {
  }, buckets{};
  struct statvfs disk {};
  // Who cannot be asked finds out by writing.
  if (stat(reserve.folder.c_str(), &ours) != 0 || stat(root.c_str(), &buckets) != 0) return Ok();
  if (ours.st_dev != buckets.st_dev || statvfs(root.c_str(), &disk) != 0) return Ok();
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free >= reserve.bytes + bytes) return Ok();
  return Error{ErrorCode::kUnavailable, "the disk of " + root + " is full: " + std::to_string(free >> 20) +
                                            " MiB are left, and objects are taken while they leave " +
                                            std::to_string(reserve.bytes >> 20) +
                                            " MiB (--disk-reserve-mib)"};
}

BucketPut::BucketPut(WorkThread& disk, Target target, uint64_t random, std::function<void()> resume)
    : disk_(disk), target_(std::move(target)), resume_(std::move(resume)) {
  disk_.Submit([file = file_, root = target_.root, random] {
    auto object = IncomingObject::Create(root, random);
    if (object.ok()) {
      file->object = std::move(*object);
    } else {
      file->status = object.error();
    }
  });
}

std::optional<http::Response> BucketPut::OnBytes(std::string bytes) {
  received_ += bytes.size();
  if (received_ > target_.bytes_max) {
    return DoorError({ErrorCode::kTooLarge, "the object has over " + std::to_string(target_.bytes_max) +
                                                " bytes, the limit of bucket " + target_.bucket +
                                                " (PutBytesMax)"});
  }
  if (!status_.ok()) return DoorError(status_.error());
  pending_ += bytes;
  if (pending_.size() >= kPieceBytes) Submit();
  return std::nullopt;
}

void BucketPut::Submit() {
  const size_t size = pending_.size();
  unwritten_ += size;
  disk_.Run<Status>(
      [file = file_, piece = std::exchange(pending_, {}), root = target_.root, reserve = target_.reserve] {
        if (file->status.ok()) file->status = CheckReserve(reserve, root, piece.size());
        if (file->status.ok()) file->status = file->object->Write(piece);
        return file->status;
      },
      [weak = weak_.Get(), size](const Status& written) {
        if (!weak) return;
        const bool was_full = weak->full();
        weak->unwritten_ -= size;
        if (!written.ok()) weak->status_ = written;
        if (was_full && !weak->full()) weak->resume_();
      });
}

void BucketPut::OnEnd(std::unique_ptr<http::BodySink>, http::Responder responder) {
  if (!pending_.empty()) Submit();
  struct Put {
    Result<ObjectIdentity> identity;
  };
  const auto answer = std::make_shared<http::Responder>(std::move(responder));
  disk_.Run<std::shared_ptr<Put>>(
      [file = file_, target = target_] {
        if (!file->status.ok()) return std::make_shared<Put>(Put{file->status.error()});
        return std::make_shared<Put>(Put{file->object->Commit(target.key, target.condition)});
      },
      [answer](const std::shared_ptr<Put>& put) {
        if (!put->identity.ok()) return answer->Send(DoorError(put->identity.error()));
        http::Response response{.status = 200};
        response.headers.Set("etag", '"' + ETagOf(*put->identity) + '"');
        answer->Send(std::move(response));
      });
}

}  // namespace hearth
