#pragma once

#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace hearth {

// Hears what becomes of one table of the host's rules, of the `inet` family, whoever does it: a firewall that is loaded
// anew flushes those of others too.
//
// Failure: where the kernel cannot keep up with telling us, the table counts as gone.
class NftWatch final {
 public:
  static Result<NftWatch> Create(std::string table);
  int fd() const { return kernel_.get(); }  // readable when there is news
  // By the news so far: made, gone, or neither.
  std::optional<bool> IsThere();

 private:
  NftWatch(UniqueFd kernel, std::string table) : kernel_(std::move(kernel)), table_(std::move(table)) {}

  UniqueFd kernel_;
  std::string table_;
};

}  // namespace hearth
