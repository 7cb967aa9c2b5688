#include "controller/http/route.h"

#include <array>

#include "shared/base/text.h"

namespace escape::http {
namespace {

struct Pattern {
  RouteName name;
  std::string_view method;
  std::string_view path;  ///< $p project, $a application, $v version query
};

constexpr std::string_view api = "/api/v1/inventory/";

constexpr std::array patterns{
    Pattern{RouteName::namespaces, "GET", ""},
    Pattern{RouteName::namespace_, "GET", "$p/"},
    Pattern{RouteName::put_namespace, "PUT", "$p/"},
    Pattern{RouteName::add_namespace, "POST", "$p/add-namespace"},
    Pattern{RouteName::units, "GET", "$p/units/"},
    Pattern{RouteName::unit, "GET", "$p/units/$a/"},
    Pattern{RouteName::versions, "GET", "$p/units/$a/versions/"},
    Pattern{RouteName::next_version, "GET", "$p/units/$a/next-version"},
    Pattern{RouteName::reserve, "POST", "$p/units/$a/reserve"},
    Pattern{RouteName::tags, "POST", "$p/units/$a/tags/"},
    Pattern{RouteName::list_tags, "GET", "$p/units/$a/tags/"},
    Pattern{RouteName::remove_tag, "DELETE", "$p/units/$a/tags/"},
    Pattern{RouteName::register_release, "POST", "$p/register"},
    Pattern{RouteName::version, "GET", "$p/units/$a/versions/$v/"},
    Pattern{RouteName::previous, "GET", "$p/units/$a/versions/$v/previous/"},
    Pattern{RouteName::upload, "POST", "$p/units/$a/versions/$v/upload"},
    Pattern{RouteName::download, "GET", "$p/units/$a/versions/$v/download"},
    Pattern{RouteName::download, "HEAD", "$p/units/$a/versions/$v/download"},
};

bool fits(const Pattern& pattern, const std::vector<std::string>& pieces, Route& route) {
  const std::vector<std::string> wanted = split(pattern.path, '/');
  if (wanted.size() != pieces.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool is_variable = wanted[i].starts_with('$');
    if (is_variable ? pieces[i].empty() : wanted[i] != pieces[i]) return false;
    if (wanted[i] == "$p") route.project = pieces[i];
    if (wanted[i] == "$a") route.application = pieces[i];
    if (wanted[i] == "$v") route.version = pieces[i];
  }
  route.name = pattern.name;
  return true;
}

}  // namespace

Route find_route(std::string_view method, std::string_view path) {
  if (method == "GET" && path == "/") return {RouteName::root};
  if (method == "GET" && path == "/health") return {RouteName::health};
  if (method == "GET" && path == "/api/v1/auth/login-methods") return {RouteName::login_methods};
  if (!path.starts_with(api)) return {};
  const std::vector<std::string> pieces = split(path.substr(api.size()), '/');
  for (const Pattern& pattern : patterns) {
    Route route;
    if (pattern.method == method && fits(pattern, pieces, route)) return route;
  }
  return {};
}

bool is_write(RouteName name) {
  switch (name) {
    case RouteName::put_namespace:
    case RouteName::add_namespace:
    case RouteName::reserve:
    case RouteName::tags:
    case RouteName::remove_tag:
    case RouteName::register_release:
    case RouteName::upload:
      return true;
    default:
      return false;
  }
}

}  // namespace escape::http
