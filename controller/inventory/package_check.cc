#include "controller/inventory/inventory.h"
#include "shared/codec/domain.h"
#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::inventory {
namespace {

Result<> check_same(std::string_view field, const std::string& in_package, const std::string& registered) {
  if (in_package == registered) return ok();
  return fail(ErrorKind::bad_data, "The release.json inside the package has the " + std::string(field) + " '" +
                                       in_package + "', but '" + registered + "' was registered");
}

}  // namespace

Result<> check_package(const std::string& file, const release::ReleaseId& id) {
  const std::string member = without_project(id) + "/release.json";
  Result<std::string> text = io::read_archive_member(file, member);
  if (!text && text.error().kind == ErrorKind::not_found) {
    return fail(ErrorKind::bad_data, "The package holds no '" + member + "'",
                "`escape run package` makes packages that fit.");
  }
  if (!text && text.error().kind == ErrorKind::bad_data) {
    return fail(ErrorKind::bad_data, "The package is not a gzip'd tar that can be read",
                "`escape run package` makes packages that fit.");
  }
  if (!text) return fail(std::move(text).error());
  Result<release::Metadata> inside = codec::parse_release_json(text.value());
  if (!inside) return fail(std::move(inside).error().in("in '" + member + "' of the package"));
  TRYV(check_same("name", inside.value().name, id.application.name));
  TRYV(check_same("version", inside.value().version, id.version.text()));
  TRYV(check_same("project", inside.value().project, id.application.project));
  return ok();
}

Result<> check_digest(const std::string& file, const release::ReleaseRecord& record) {
  const std::string package = "The package of '" + to_string(record.id) + "' has ";
  const std::string hint = "Nothing was unpacked. Check the inventory's copy.";
  TRY(const std::uint64_t size, io::file_size(file));
  if (record.size != 0 && size != record.size) {
    return fail(ErrorKind::bad_data,
                package + std::to_string(size) + " bytes, expected " + std::to_string(record.size) + ".", hint);
  }
  if (record.sha256.empty()) return ok();
  TRY(const std::string digest, io::sha256_of_file(file));
  if (digest == record.sha256) return ok();
  return fail(ErrorKind::bad_data, package + "the digest " + digest + ", expected " + record.sha256 + ".", hint);
}

}  // namespace escape::inventory
