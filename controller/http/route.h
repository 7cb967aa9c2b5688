#pragma once

#include <string>
#include <string_view>

namespace escape::http {

/// The route table of spec/inventory-api.md §3, and what is ours: `reserve`, listing and removing tags.
enum class RouteName {
  none,
  root,
  health,
  login_methods,
  namespaces,
  namespace_,
  put_namespace,
  add_namespace,
  units,
  unit,
  versions,
  next_version,
  reserve,
  tags,
  list_tags,
  remove_tag,
  register_release,
  version,
  previous,
  upload,
  download,
};

struct Route {
  RouteName name = RouteName::none;
  std::string project{};
  std::string application{};
  std::string version{};  ///< a version query as written
};

/// Final slashes count; another method than the route's is no route.
Route find_route(std::string_view method, std::string_view path);
bool is_write(RouteName name);

}  // namespace escape::http
