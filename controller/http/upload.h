#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controller/inventory/inventory.h"
#include "shared/base/result.h"

struct MHD_Connection;
struct MHD_PostProcessor;

namespace escape::http {

/// One package on its way in: the part `file` of a multipart body, streamed to the disk and hashed, never held in
/// memory. Destroyed before `store`, it leaves nothing. Thread: `receive` and `end_of_body` from the connection's, then
/// `store` from a worker.
class PackageUpload {
 public:
  /// Errors: bad_data with the original's texts for a body that is no multipart form; storage.
  static Result<std::unique_ptr<PackageUpload>> begin(MHD_Connection* connection, release::ReleaseId id,
                                                      inventory::PackageFolder packages, std::uint64_t max_bytes);
  ~PackageUpload();
  PackageUpload(const PackageUpload&) = delete;
  PackageUpload& operator=(const PackageUpload&) = delete;

  /// The first error is kept and the rest of the body ignored, so that the sender lives to read the answer.
  void receive(std::string_view bytes);
  Result<> end_of_body();

  /// Looks into the package, then makes it durable. Errors: conflict when the release is visible with other bytes,
  /// bad_data when the package is not the one that was registered, not_found when nothing is registered any more,
  /// storage.
  struct Stored {
    inventory::Entry entry;
    inventory::PackageFolder::Upload::Stored package;
  };
  Result<Stored> store(const store::Reader& reader);
  const release::ReleaseId& id() const { return id_; }

 private:
  PackageUpload(release::ReleaseId id, std::uint64_t max_bytes) : id_(std::move(id)), max_bytes_(max_bytes) {}
  void refuse(Error error);
  Result<Stored> check_and_store(const store::Reader& reader);
  bool take(std::string_view part, std::string_view bytes, std::uint64_t offset);
  struct PartReader;

  release::ReleaseId id_;
  std::uint64_t max_bytes_;
  std::uint64_t received_ = 0;
  bool has_file_ = false;
  std::optional<Error> error_;
  std::unique_ptr<inventory::PackageFolder::Upload> file_;
  MHD_PostProcessor* parts_ = nullptr;
};

}  // namespace escape::http
