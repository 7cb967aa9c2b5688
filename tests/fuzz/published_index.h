#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controller/inventory/inventory.h"
#include "controller/store/store.h"
#include "shared/base/check.h"
#include "tests/fuzz/scratch.h"

namespace escape::fuzz {

/// An inventory that holds ns/app in three versions: `index` gives a copy in memory, for one input to change.
class PublishedIndex {
 public:
  PublishedIndex() : packages_(scratch_.path()) {
    const std::unique_ptr<store::Database> database = store::make_memory_database();
    const std::string digest = store_package();
    for (const char* version : {"0.1", "0.2", "1.0"}) publish(*database, version, digest);
    const auto keep = [&](std::string_view key, std::string_view value) {
      rows_.push_back({store::Table::inventory, std::string(key), std::string(value)});
      return true;
    };
    CHECK(database->scan(store::Table::inventory, "", "", store::Reader::Order::ascending, keep).has_value());
  }

  std::unique_ptr<store::Database> index() const {
    std::unique_ptr<store::Database> database = store::make_memory_database();
    CHECK(database->commit(rows_).has_value());
    return database;
  }
  const inventory::PackageFolder& packages() const { return packages_; }

 private:
  static void publish(store::Database& database, std::string version, const std::string& digest) {
    release::Metadata metadata;
    metadata.project = "ns";
    metadata.name = "app";
    metadata.version = std::move(version);
    constexpr Timestamp when{1'700'000'000'000'000};
    const auto writes = inventory::Index(database).publish(metadata, "ns", "ann", when, digest, package_bytes.size());
    CHECK(writes.has_value() && database.commit(writes.value()).has_value());
  }
  std::string store_package() {
    auto upload = packages_.begin();
    CHECK(upload.has_value() && upload.value()->append(package_bytes).has_value());
    const auto stored = upload.value()->finish();
    CHECK(stored.has_value());
    return stored.value().sha256;
  }

  static constexpr std::string_view package_bytes = "the bytes of a package";
  Scratch scratch_;
  inventory::PackageFolder packages_;
  std::vector<store::Write> rows_;
};

}  // namespace escape::fuzz
