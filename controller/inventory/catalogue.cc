#include "controller/inventory/catalogue.h"

#include "controller/inventory/keys.h"
#include "controller/inventory/rows.h"

namespace escape::inventory {
namespace {

template <class T>
Result<std::vector<T>> read_all(const store::Reader& reader, const std::string& prefix,
                                Result<T> (*read)(std::string_view bytes)) {
  std::vector<T> found;
  std::optional<Error> broken;
  TRYV(reader.scan(store::Table::inventory, prefix, store::end_of_prefix(prefix), store::Reader::Order::ascending,
                   [&](std::string_view, std::string_view bytes) {
                     Result<T> row = read(bytes);
                     if (!row) {
                       broken = std::move(row).error();
                       return false;
                     }
                     found.push_back(std::move(row).value());
                     return true;
                   }));
  if (broken) return fail(std::move(*broken));
  return found;
}

}  // namespace

Result<std::vector<Namespace>> Catalogue::namespaces() const {
  return read_all<Namespace>(reader_, std::string(keys::all_namespaces), rows::read_namespace);
}

Result<std::optional<Namespace>> Catalogue::find_namespace(std::string_view project) const {
  return rows::find_namespace(reader_, project);
}

Result<std::vector<Unit>> Catalogue::units(std::string_view project) const {
  return read_all<Unit>(reader_, keys::units_of(project), rows::read_unit);
}

Result<std::optional<Unit>> Catalogue::find_unit(const release::ApplicationId& application) const {
  return rows::find_unit(reader_, application);
}

Result<std::vector<store::Write>> Catalogue::add_namespace(const Namespace& value) const {
  TRYV(release::check_project_name(value.name));
  TRY(const auto existing, find_namespace(value.name));
  if (existing) return fail(ErrorKind::conflict, "The project '" + value.name + "' already exists");
  return std::vector{rows::write_namespace(value)};
}

Result<std::vector<store::Write>> Catalogue::replace_namespace(const Namespace& value) const {
  TRY(const auto existing, find_namespace(value.name));
  if (!existing) return fail(ErrorKind::not_found, "The project '" + value.name + "' could not be found");
  return std::vector{rows::write_namespace(value)};
}

}  // namespace escape::inventory
