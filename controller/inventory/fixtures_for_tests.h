#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "controller/inventory/inventory.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::inventory::testing {

inline constexpr Timestamp noon{1'700'000'000'000'000};

/// A fresh folder, removed at the end.
class Folder {
 public:
  Folder() : path_(io::make_temporary_folder("escape-inventory-").value()) {}
  ~Folder() { EXPECT_TRUE(io::remove_all(path_)); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string in(std::string_view name) const { return io::join_path(path_, name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline release::Version version(std::string_view text) { return release::Version::parse(text).value(); }

inline release::ReleaseQuery query(std::string_view application, std::string_view version_query) {
  release::ReleaseQuery found = release::parse_release_query(std::string(application) + "-v0").value();
  found.version = release::parse_version_query(version_query).value();
  return found;
}

inline release::Metadata metadata(std::string_view id, std::string description = "") {
  const release::ReleaseId release = release::parse_release_id(id).value();
  release::Metadata made;
  made.project = release.application.project;
  made.name = release.application.name;
  made.version = release.version.text();
  made.description = std::move(description);
  return made;
}

/// A package as `escape run package` makes it, with `extra` bytes inside to tell one from another.
inline std::string make_package(const Folder& folder, const release::Metadata& of, std::string extra = "hello") {
  const std::string file = folder.in(of.name + "-v" + of.version + "-" + io::sha256_of(extra).substr(0, 8) + ".tgz");
  const std::string json = codec::to_json(codec::metadata_to_value(of), codec::JsonStyle::indented);
  const Result<> packed = io::pack_archive(file, of.name + "-v" + of.version,
                                           {{"release.json", "", json, 0644}, {"data", "", std::move(extra), 0644}});
  EXPECT_TRUE(packed.has_value());
  return file;
}

/// An index in memory; each call commits.
class TestIndex {
 public:
  Index index() const { return Index(*database_); }
  store::Database& database() { return *database_; }
  void commit(const Result<std::vector<store::Write>>& writes) {
    ASSERT_TRUE(writes.has_value()) << writes.error().message;
    ASSERT_TRUE(database_->commit(writes.value()));
  }
  void publish(std::string_view id, std::string_view digest = "d1") {
    const release::Metadata made = metadata(id);
    commit(index().publish(made, made.project, "ann", noon, digest, 7));
  }

 private:
  std::unique_ptr<store::Database> database_ = store::make_memory_database();
};

}  // namespace escape::inventory::testing
