#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// Where a bucket's folder is on the host: for whoever binds it into a sandbox, at /mnt/buckets/NAME.
class BucketTable {
 public:
  virtual ~BucketTable() = default;
  // kNotFound: no such bucket. The folder itself may be missing at the moment.
  virtual Result<std::string> PathOf(std::string_view bucket) const = 0;
};

}  // namespace hearth
