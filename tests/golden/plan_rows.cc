#include "tests/golden/plan_rows.h"

#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/plan/plan.h"
#include "shared/release/query.h"

namespace escape::golden {
namespace {

using release::Metadata;

Result<Metadata> compile(const World& world, const std::string& text) {
  TRY(const plan::Plan plan, plan::parse_plan(text, "escape.yml"));
  plan::FakeFiles files = world.files;
  plan::CompileOptions options;
  options.find_release = [&world](const release::ReleaseQuery& query) -> Result<Metadata> {
    const auto found = world.releases.find(to_string(query));
    if (found == world.releases.end()) return fail(ErrorKind::not_found, "No release '" + to_string(query) + "'");
    return compile(world, found->second);
  };
  options.next_version = [](const release::ApplicationId&, std::string_view prefix) {
    return Result<std::string>(std::string(prefix) + "7");
  };
  options.git = {.revision = "0123abc",
                 .branch = "main",
                 .repository = "https://user:password@host/app.git",
                 .message = "Say <hi>",
                 .author = "A <a@b>"};
  options.tool_version = "0.1.0";
  return plan::compile(plan, files, options);
}

/// What lies at `path`; of `*`, a list of what lies there in each element. Null when there is nothing.
Value at(const Value& value, std::string_view path) {
  if (path.empty()) return value;
  const std::size_t dot = path.find('.');
  const std::string_view key = path.substr(0, dot);
  const std::string_view rest = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  if (const Value::List* list = value.as_list()) {
    if (key != "*") {
      const std::size_t index = std::stoul(std::string(key));
      return index < list->size() ? at((*list)[index], rest) : Value();
    }
    Value::List all;
    for (const Value& item : *list) all.push_back(at(item, rest));
    return Value(std::move(all));
  }
  const Value::Object* object = value.as_object();
  const Value* member = object ? object->find(key) : nullptr;
  return member ? at(*member, rest) : Value();
}

std::string with_head(const std::string& plan) {
  const bool has_head = plan.find("name: ") == 0 || plan.find("version: ") == 0;
  return has_head ? plan : "name: app\nversion: 1.0\n" + plan;
}

}  // namespace

void expect_rows(const World& world, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const Result<Metadata> metadata = compile(world, with_head(row.plan));
    const bool is_refused = std::string_view(row.member) == refused;
    if (!metadata) {
      const std::string message = describe(metadata.error());
      EXPECT_TRUE(is_refused) << row.where << ": " << row.plan << "\n" << message;
      EXPECT_NE(message.find(row.expected), std::string::npos) << row.where << ": " << row.plan << "\n"
                                                               << message << "\nexpected: " << row.expected;
      continue;
    }
    EXPECT_FALSE(is_refused) << row.where << ": " << row.plan << "\naccepted, expected: " << row.expected;
    if (is_refused) continue;
    const Value found = at(codec::metadata_to_value(metadata.value()), row.member);
    EXPECT_EQ(codec::to_json(found), row.expected) << row.where << ": " << row.plan;
  }
}

}  // namespace escape::golden
