#include "controller/embedded/hashed_inventory.h"

#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"

namespace escape::embedded {
namespace {

class HashedInventory : public inventory::Client {
 public:
  HashedInventory(std::unique_ptr<inventory::Client> inner, std::string folder,
                  std::function<Result<>(const io::Download&)> download)
      : inner_(std::move(inner)), folder_(std::move(folder)), download_(std::move(download)) {}

  Result<std::vector<std::string>> projects() override { return inner_->projects(); }
  Result<std::vector<std::string>> applications(std::string_view project) override {
    return inner_->applications(project);
  }
  Result<std::vector<release::Version>> versions(const release::ApplicationId& application) override {
    return inner_->versions(application);
  }
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) override {
    TRY(release::ReleaseRecord record, inner_->resolve(query));
    if (record.sha256.empty()) {
      TRYV(hash_package(record));
    }
    return record;
  }
  Result<std::string> next_version(const release::ApplicationId& application, std::string_view prefix) override {
    return inner_->next_version(application, prefix);
  }
  Result<std::string> reserve(const release::ApplicationId& application, std::string_view prefix,
                              std::string_view holder) override {
    return inner_->reserve(application, prefix, holder);
  }
  Result<> publish(const release::Metadata& metadata, const std::string& package_file) override {
    return inner_->publish(metadata, package_file);
  }
  Result<inventory::TagMove> tag(const release::ReleaseQuery& target, std::string_view tag) override {
    return inner_->tag(target, tag);
  }
  Result<std::vector<inventory::TaggedVersion>> tags(const release::ApplicationId& application) override {
    return inner_->tags(application);
  }
  Result<> remove_tag(const release::ApplicationId& application, std::string_view tag) override {
    return inner_->remove_tag(application, tag);
  }
  std::string package_path(const release::ReleaseRecord& record) override { return inner_->package_path(record); }
  Result<std::string> package_file(const release::ReleaseRecord& record, const std::string& cache) override {
    return inner_->package_file(record, cache);
  }
  std::string base_url() override { return inner_->base_url(); }

 private:
  Result<> hash_package(release::ReleaseRecord& record) {
    const std::string file =
        io::join_path(folder_, record.id.application.project + "-" + release::without_project(record.id) + ".tgz");
    TRYV(io::make_folders(folder_, 0700));
    // Always anew: nothing but these bytes says whether they are still the same.
    TRYV(io::remove_all(file));
    TRYV(download_({.url = inner_->base_url() + inner_->package_path(record), .file = file}));
    TRY(record.sha256, io::sha256_of_file(file));
    TRY(record.size, io::file_size(file));
    return io::remove_all(file);
  }

  std::unique_ptr<inventory::Client> inner_;
  std::string folder_;
  std::function<Result<>(const io::Download&)> download_;
};

}  // namespace

std::unique_ptr<inventory::Client> with_digests(std::unique_ptr<inventory::Client> inner, std::string folder,
                                                std::function<Result<>(const io::Download&)> download) {
  return std::make_unique<HashedInventory>(std::move(inner), std::move(folder), std::move(download));
}

}  // namespace escape::embedded
