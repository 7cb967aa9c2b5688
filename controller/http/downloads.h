#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "controller/store/store.h"
#include "shared/release/release_id.h"

namespace escape::http {

/// Downloads since the last flush. A download itself writes nothing: a crash may lose the counts of half a minute,
/// never more. Thread: any.
class DownloadCounts {
 public:
  void add(const release::ReleaseId& id);
  /// Not yet in the index.
  std::uint64_t waiting(const release::ReleaseId& id) const;

  struct Count {
    release::ReleaseId id;
    std::uint64_t count = 0;
  };
  std::vector<Count> take_all();
  static Result<std::vector<store::Write>> writes(const std::vector<Count>& counts, const store::Reader& reader);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Count> counts_;  ///< by the release's text
};

}  // namespace escape::http
