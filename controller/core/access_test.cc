#include <gtest/gtest.h>

#include "controller/core/core.h"

namespace escape::controller {
namespace access_test {

namespace request = protocol::request;

Principal person(std::string role, std::vector<std::string> environments = {}) {
  Principal principal;
  principal.name = "somebody";
  principal.role = std::move(role);
  principal.environments = std::move(environments);
  return principal;
}

TEST(CheckAllowed, holds_the_table_of_roles) {
  struct Row {
    protocol::Request request;
    bool reader, bound_operator, admin;
  };
  request::Submit here, there;
  here.environment = "test";
  there.environment = "live";
  const std::vector<Row> table{
      {request::ListJobs{}, true, true, true},
      {request::Attach{}, true, true, true},
      {request::ExportState{}, true, true, true},
      {request::ExportState{"", true}, false, false, true},
      {request::ExportState{"test", true}, false, true, true},
      {request::ExportState{"live", true}, false, false, true},
      {request::ShowDeployment{"live", "app"}, true, true, true},
      {request::ShowDeployment{"test", "app", true}, false, true, true},
      {request::ShowDeployment{"live", "app", true}, false, false, true},
      {request::PlanConverge{"live", false}, true, true, true},
      {here, false, true, true},
      {there, false, false, true},
      {request::RemoveEnvironment{"live"}, false, false, true},
      {request::CreateDeployment{"test", "", "", {}}, false, true, true},
      {request::SetDeployment{"test", "app", "", {}, {}}, false, true, true},
      {request::SetDeployment{"live", "app", "", {}, {}}, false, false, true},
      {request::RequestDeployment{"test", "app", "smoke"}, false, true, true},
      {request::RequestDeployment{"live", "app", "smoke"}, false, false, true},
      {request::CancelJob{1}, false, true, true},
      {request::RetryJob{1}, false, true, true},
      {request::ResolveJob{1, true, "why"}, false, true, true},
      {request::InventoryToken{}, false, true, true},
      {request::ImportState{}, false, false, true},
      {request::ImportState{.state = {}, .environment = "test", .dry_run = true}, false, false, true},
      {request::Invite{}, false, false, true},
      {request::RemoveAgent{}, false, false, true},
      {request::ListPrincipals{}, false, false, true},
      {request::RemovePrincipal{}, false, false, true},
  };
  for (const Row& row : table) {
    const std::string word(protocol::word_of(row.request));
    EXPECT_EQ(check_allowed(person("reader"), row.request).has_value(), row.reader) << word;
    EXPECT_EQ(check_allowed(person("operator", {"test"}), row.request).has_value(), row.bound_operator) << word;
    EXPECT_EQ(check_allowed(person("admin"), row.request).has_value(), row.admin) << word;
    EXPECT_FALSE(check_allowed(person("unknown"), row.request).has_value()) << word;
  }
}

}  // namespace access_test
}  // namespace escape::controller
