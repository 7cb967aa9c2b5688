#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/inventory/catalogue.h"
#include "controller/inventory/inventory.h"
#include "controller/store/store.h"

/// The values behind keys.h: msgpack maps with a row version each ("row": 1), so that fields can be added. Unknown
/// fields are ignored, missing ones keep their default.
namespace escape::inventory::rows {

struct Reservation {
  std::string holder;
  std::string prefix;
  Timestamp until{};
};

Result<std::optional<Entry>> find_entry(const store::Reader& reader, const release::ApplicationId& application,
                                        std::string_view version);
/// Digests of all packages that releases name.
Result<std::set<std::string>> stored_packages(const store::Reader& reader);
store::Write write_entry(const release::ApplicationId& application, const Entry& entry);

Result<std::optional<Namespace>> find_namespace(const store::Reader& reader, std::string_view project);
Result<Namespace> read_namespace(std::string_view bytes);
store::Write write_namespace(const Namespace& value);

Result<std::optional<Unit>> find_unit(const store::Reader& reader, const release::ApplicationId& application);
Result<Unit> read_unit(std::string_view bytes);
store::Write write_unit(const Unit& value);

/// Version texts of one order, oldest first ("v/" and "k/" rows).
Result<std::vector<std::string>> read_texts(std::string_view bytes);
/// The row with `text` added or taken away; absent when it changes nothing.
Result<std::optional<store::Write>> add_text(const store::Reader& reader, std::string key, std::string_view text);
Result<std::optional<store::Write>> remove_text(const store::Reader& reader, std::string key, std::string_view text);

Result<Reservation> read_reservation(std::string_view bytes);
store::Write write_reservation(const release::ApplicationId& application, std::string_view version,
                               const Reservation& value);

Result<std::optional<std::string>> find_tag(const store::Reader& reader, const release::ApplicationId& application,
                                            std::string_view tag);
Result<std::string> read_tag(std::string_view bytes);  ///< the version
store::Write remove_tag(const release::ApplicationId& application, std::string_view tag);
store::Write write_tag(const release::ApplicationId& application, std::string_view tag, std::string_view version);

Result<std::uint64_t> read_downloads(const store::Reader& reader, const release::ApplicationId& application,
                                     std::string_view version);
store::Write write_downloads(const release::ApplicationId& application, std::string_view version, std::uint64_t count);

}  // namespace escape::inventory::rows
