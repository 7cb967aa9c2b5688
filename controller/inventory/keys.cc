#include "controller/inventory/keys.h"

namespace escape::inventory::keys {
namespace {

constexpr char separator = '\0';

std::string in_project(std::string_view table, std::string_view project) {
  std::string key(table);
  key += project;
  key += separator;
  return key;
}

std::string in_application(std::string_view table, const release::ApplicationId& application) {
  std::string key = in_project(table, application.project);
  key += application.name;
  key += separator;
  return key;
}

std::string with(std::string key, std::string_view last) {
  key += last;
  return key;
}

}  // namespace

std::string of_namespace(std::string_view project) { return in_project(all_namespaces, project); }
std::string of_unit(const release::ApplicationId& application) { return in_application("u/", application); }
std::string of_release(const release::ApplicationId& application, std::string_view version) {
  return with(in_application("r/", application), version);
}
std::string of_reservation(const release::ApplicationId& application, std::string_view version) {
  return with(reservations_of(application), version);
}
std::string of_tag(const release::ApplicationId& application, std::string_view tag) {
  return with(in_application("g/", application), tag);
}
std::string of_downloads(const release::ApplicationId& application, std::string_view version) {
  return with(in_application("d/", application), version);
}

std::string tags_of(const release::ApplicationId& application) { return in_application("g/", application); }
std::string units_of(std::string_view project) { return in_project("u/", project); }
std::string visible_of(const release::ApplicationId& application) { return in_application("v/", application); }
std::string taken_of(const release::ApplicationId& application) { return in_application("k/", application); }
std::string reservations_of(const release::ApplicationId& application) { return in_application("h/", application); }

std::string_view name_in(std::string_view key) {
  key.remove_suffix(1);
  const std::size_t before = key.rfind(separator);
  return before == std::string_view::npos ? key.substr(all_namespaces.size()) : key.substr(before + 1);
}

}  // namespace escape::inventory::keys
