#include "runtime/store/key_store.h"

namespace hearth {

Status ValidateWrites(const std::vector<KeyStore::Write>& writes) {
  for (const auto& write : writes) {
    if (write.key.empty())
      return Error{ErrorCode::kInvalidArgument, "write to the key store: the key is empty"};
    if (write.key.size() > kKeyBytesMax) {
      return Error{ErrorCode::kTooLarge, "write key " + write.key.substr(0, 64) + "...: a key has at most " +
                                             std::to_string(kKeyBytesMax) + " bytes, this one " +
                                             std::to_string(write.key.size())};
    }
    if (write.value && write.value->size() > kValueBytesMax) {
      return Error{ErrorCode::kTooLarge, "write key " + write.key + ": a value has at most " +
                                             std::to_string(kValueBytesMax) + " bytes, this one " +
                                             std::to_string(write.value->size())};
    }
  }
  return Ok();
}

}  // namespace hearth
