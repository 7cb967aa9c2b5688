// An escape.yml and the settings files that use the same reader. What is read keeps its meaning when it is written as
// JSON, which is YAML too; a plan that compiles gives metadata that the reader of releases takes.
#include <algorithm>

#include "shared/base/check.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/plan/document.h"
#include "shared/plan/fake_files_for_tests.h"
#include "shared/plan/plan.h"
#include "shared/plan/variables.h"
#include "tests/fuzz/input.h"

namespace escape::plan {
namespace {

void check_bad_data(const Error& error) {
  CHECK(error.kind == ErrorKind::bad_data || error.kind == ErrorKind::refused);
  CHECK(!error.message.empty());
}

/// YAML takes a key of at most 1024 characters without a '?' before it, and escapes make the JSON longer than the text.
bool has_long_key(const Value& value) {
  constexpr std::size_t longest_key = 1000;
  if (const Value::List* list = value.as_list()) return std::ranges::any_of(*list, has_long_key);
  const Value::Object* object = value.as_object();
  return object && std::ranges::any_of(*object, [](const Value::Member& member) {
           return codec::to_json(member.first).size() > longest_key || has_long_key(member.second);
         });
}

void check_document(std::string_view text) {
  const Result<Document> document = parse_document(text);
  if (!document) return check_bad_data(document.error());
  const Value value = document.value().to_value();
  if (has_long_key(value)) return;
  const Result<Document> again = parse_document(codec::to_json(value));
  CHECK(again.has_value());
  CHECK(again.value().to_value() == value);
}

void check_compiled(const Plan& plan) {
  FakeFiles files;
  files.content = {{"deploy.sh", "x"}, {"build.sh", "x"}, {"conf/app.ini", "x"}, {"logo.png", "x"}, {"a", "x"}};
  files.links = {"link"};
  CompileOptions options;
  options.next_version = [](const release::ApplicationId&, std::string_view prefix) -> Result<std::string> {
    return std::string(prefix) + "0";
  };
  const Result<release::Metadata> metadata = compile(plan, files, options);
  if (!metadata) {
    CHECK(!metadata.error().message.empty());
    return;
  }
  const Result<release::Metadata> again =
      codec::parse_release_json(codec::to_json(codec::metadata_to_value(metadata.value())));
  CHECK(again.has_value());
  CHECK(again.value() == metadata.value());
}

void check_plan(std::string_view text) {
  const Result<Plan> plan = parse_plan(text, "escape.yml");
  if (!plan) return check_bad_data(plan.error());
  for (const release::Variable& variable : plan.value().inputs.variables)
    CHECK(check_declaration(variable).has_value());
  check_compiled(plan.value());
}

}  // namespace
}  // namespace escape::plan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  const std::string_view text = input.rest();
  escape::plan::check_document(text);
  escape::plan::check_plan(text);
  return 0;
}
