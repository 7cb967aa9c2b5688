#include "controller/http/route.h"

#include <gtest/gtest.h>

namespace escape::http {
namespace route_test {

TEST(Route, SlashesAndMethodsCount) {
  struct Row {
    const char* method;
    const char* path;
    RouteName name;
  };
  const Row table[] = {
      {"GET", "/", RouteName::root},
      {"GET", "/health", RouteName::health},
      {"HEAD", "/health", RouteName::none},
      {"GET", "/health/", RouteName::none},
      {"GET", "/api/v1/inventory", RouteName::none},
      {"GET", "/api/v1/inventory/", RouteName::namespaces},
      {"GET", "/api/v1/inventory/_/", RouteName::namespace_},
      {"PUT", "/api/v1/inventory/_/", RouteName::put_namespace},
      {"GET", "/api/v1/inventory/_", RouteName::none},
      {"GET", "/api/v1/inventory/_/units/", RouteName::units},
      {"GET", "/api/v1/inventory/_/units", RouteName::none},
      {"GET", "/api/v1/inventory/_/units/a/versions/v1/", RouteName::version},
      {"GET", "/api/v1/inventory/_/units/a/versions/v1", RouteName::none},
      {"GET", "/api/v1/inventory/_/units/a/versions//", RouteName::none},
      {"GET", "/api/v1/inventory/_/units/a/versions/v1/download", RouteName::download},
      {"HEAD", "/api/v1/inventory/_/units/a/versions/v1/download", RouteName::download},
      {"GET", "/api/v1/inventory/_/units/a/versions/v1/download/", RouteName::none},
      {"POST", "/api/v1/inventory/_/units/a/versions/v1/upload", RouteName::upload},
      {"GET", "/api/v1/inventory/_/units/a/versions/v1/upload", RouteName::none},
      {"POST", "/api/v1/inventory/_/units/a/tags/", RouteName::tags},
      {"POST", "/api/v1/inventory/_/units/a/tags", RouteName::none},
      {"GET", "/api/v1/inventory/_/units/a/tags/", RouteName::list_tags},
      {"DELETE", "/api/v1/inventory/_/units/a/tags/", RouteName::remove_tag},
      {"POST", "/api/v1/inventory/_/register", RouteName::register_release},
      {"OPTIONS", "/api/v1/inventory/_/register", RouteName::none},
      {"GET", "/api/v1/inventory/__providers", RouteName::none},
      {"GET", "/api/v1/inventory/_/units/a/versions/v1/downstream", RouteName::none},
      {"GET", "/api/v1/inventory/_/hooks/", RouteName::none},
  };
  for (const Row& row : table)
    EXPECT_EQ(find_route(row.method, row.path).name, row.name) << row.method << " " << row.path;
  const Route route = find_route("GET", "/api/v1/inventory/p/units/n/versions/1.@/");
  EXPECT_EQ(route.project, "p");
  EXPECT_EQ(route.application, "n");
  EXPECT_EQ(route.version, "1.@");
}

}  // namespace route_test
}  // namespace escape::http
