#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/release/release_id.h"

namespace escape::inventory {

/// What is kept of a project besides its releases.
struct Namespace {
  std::string name;
  std::string description{};
  std::string org_url{};
  std::string logo{};
  bool is_public = false;  ///< kept and shown, never enforced
  friend bool operator==(const Namespace&, const Namespace&) = default;
};

/// What the highest visible version says of its application.
struct Unit {
  std::string project;
  std::string name;
  std::string description{};
  std::string latest_version{};
  std::string logo{};
  std::string uploaded_by{};
  Timestamp uploaded_at{};  ///< of the registration
  friend bool operator==(const Unit&, const Unit&) = default;
};

/// Projects and applications as the HTTP API lists them. A project is there once somebody added it or a release of it
/// became visible; an application once it has a visible version. Same rules as Index: reads answer, writes return the
/// rows to commit.
class Catalogue {
 public:
  explicit Catalogue(const store::Reader& reader) : reader_(reader) {}

  Result<std::vector<Namespace>> namespaces() const;
  Result<std::optional<Namespace>> find_namespace(std::string_view project) const;
  Result<std::vector<Unit>> units(std::string_view project) const;
  Result<std::optional<Unit>> find_unit(const release::ApplicationId& application) const;

  /// bad_data for the name, conflict when it exists.
  Result<std::vector<store::Write>> add_namespace(const Namespace& value) const;
  /// not_found when it does not exist.
  Result<std::vector<store::Write>> replace_namespace(const Namespace& value) const;

 private:
  const store::Reader& reader_;
};

}  // namespace escape::inventory
