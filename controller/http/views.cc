#include "controller/http/views.h"

namespace escape::http {

Value::Object namespace_view(const inventory::Namespace& value) {
  return {{"name", value.name},    {"description", value.description}, {"org_url", value.org_url}, {"logo", value.logo},
          {"permission", "admin"}, {"is_public", value.is_public}};
}

Value::Object unit_view(const inventory::Unit& value) {
  return {{"name", value.name},
          {"project", value.project},
          {"description", value.description},
          {"latest_version", value.latest_version},
          {"logo", value.logo},
          {"uploaded_by", value.uploaded_by},
          {"uploaded_at", time_view(value.uploaded_at)},
          {"hooks", Value{}}};
}

Value::Object units_view(const std::vector<inventory::Unit>& units) {
  Value::Object all;
  for (const inventory::Unit& unit : units) all.append(unit.name, unit_view(unit));
  return all;
}

Value::List versions_view(const std::vector<release::Version>& versions) {
  Value::List list;
  for (const release::Version& version : versions) list.emplace_back(version.text());
  return list;
}

std::string time_view(Timestamp when) {
  constexpr std::size_t up_to_seconds = std::string_view("2026-11-23T11:18:31").size();
  return to_rfc3339(when).substr(0, up_to_seconds) + "Z";
}

}  // namespace escape::http
