#include "triggers/bucket/bucket_listing.h"

namespace hearth {

void BucketListing::Run(WorkThread& disk, const std::string& root, RulesPtr rules, ListRequest request,
                        Done done) {
  struct Attached {
    Result<BucketRoot> root;
  };
  std::shared_ptr<BucketListing> listing(new BucketListing(disk, std::move(request), std::move(done)));
  disk.Run<std::shared_ptr<Attached>>(
      [root] { return std::make_shared<Attached>(Attached{AttachRoot(root)}); },
      [listing, rules = std::move(rules)](const std::shared_ptr<Attached>& attached) {
        if (!attached->root.ok()) return listing->done_(attached->root.error());
        listing->reader_ = std::make_shared<FolderReader>(*attached->root, rules);
        listing->reader_->Add("");
        listing->ReadSome();
      });
}

void BucketListing::ReadSome() {
  disk_.Run<FolderReader::Step>(
      [reader = reader_] { return reader->Read(kEntriesAtOnce); },
      [self = shared_from_this()](FolderReader::Step step) { self->Take(std::move(step)); });
}

void BucketListing::Take(FolderReader::Step step) {
  for (FolderReader::File& file : step.files) {
    if (!file.key.starts_with(request_.prefix) || file.key <= request_.start_after) continue;
    page_.objects.emplace(std::move(file.key), file.identity);
    if (page_.objects.size() <= request_.keys_max) continue;
    page_.truncated = true;
    page_.objects.erase(std::prev(page_.objects.end()));
  }
  for (std::string& folder : step.folders) {
    if (MayHold(folder)) reader_->Add(std::move(folder));
  }
  if (!step.at_end || reader_->has_more()) return ReadSome();
  done_(std::move(page_));
}

// Keys of the prefix.
bool BucketListing::MayHold(const std::string& folder) const {
  const std::string inside = folder + "/";
  return inside.starts_with(request_.prefix) || request_.prefix.starts_with(inside);
}

}  // namespace hearth
