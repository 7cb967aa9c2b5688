#include "controller/http/downloads.h"

#include "controller/inventory/inventory.h"

namespace escape::http {

void DownloadCounts::add(const release::ReleaseId& id) {
  std::lock_guard hold(mutex_);
  ++counts_.try_emplace(to_string(id), Count{id, 0}).first->second.count;
}

std::uint64_t DownloadCounts::waiting(const release::ReleaseId& id) const {
  std::lock_guard hold(mutex_);
  const auto found = counts_.find(to_string(id));
  return found == counts_.end() ? 0 : found->second.count;
}

std::vector<DownloadCounts::Count> DownloadCounts::take_all() {
  std::lock_guard hold(mutex_);
  std::vector<Count> taken;
  for (auto& [text, count] : counts_) taken.push_back(std::move(count));
  counts_.clear();
  return taken;
}

Result<std::vector<store::Write>> DownloadCounts::writes(const std::vector<Count>& counts,
                                                         const store::Reader& reader) {
  std::vector<store::Write> all;
  const inventory::Index index(reader);
  for (const Count& count : counts) {
    TRY(const auto rows, index.count_download(count.id, count.count));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace escape::http
