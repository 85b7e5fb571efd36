#pragma once

#include <string>

#include "triggers/bucket/bucket_listing.h"

namespace hearth {

// {"Name", "Prefix", "IsTruncated", "NextStartAfter", "Contents": [{"Key", "Size", "ETag", "LastModified"}]}. A key
// that is not UTF-8 is "KeyEncoded", percent-encoded; so is NextStartAfter always, as it goes into a query.
std::string EncodeListPage(const std::string& bucket, const ListRequest& request, const ListPage& page);

}  // namespace hearth
