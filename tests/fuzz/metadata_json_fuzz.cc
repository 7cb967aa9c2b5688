// A release.json, a state file, or any other JSON: what is read is written so that it reads the same, as JSON and as
// msgpack.
#include "shared/base/check.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/plan/list_text.h"
#include "shared/plan/variables.h"
#include "shared/release/metadata.h"
#include "tests/fuzz/input.h"

namespace escape {
namespace {

using codec::JsonStyle;

void check_json(std::string_view text) {
  const Result<Value> value = codec::from_json(text);
  if (!value) {
    CHECK(value.error().kind == ErrorKind::bad_data && !value.error().message.empty());
    CHECK(!codec::parse_release_json(text));
    return;
  }
  for (const JsonStyle style : {JsonStyle::compact, JsonStyle::indented}) {
    const Result<Value> again = codec::from_json(codec::to_json(value.value(), style));
    CHECK(again.has_value());
    CHECK(again.value() == value.value());
  }
  const Result<Value> packed = codec::from_msgpack(codec::to_msgpack(value.value()));
  CHECK(packed.has_value());
  CHECK(packed.value() == value.value());
}

/// Declarations and values from outside, before anybody has looked at them.
void check_variable(const release::Variable& variable) {
  (void)release::check_variable_id(variable.id);
  const bool is_sound = plan::check_declaration(variable).has_value();
  if (!variable.fallback) return;
  const Result<Value> converted = plan::convert(variable, *variable.fallback);
  if (!converted) return;
  (void)plan::to_environment_text(converted.value());
  // A value that was converted is one that the type takes.
  if (is_sound) CHECK(plan::convert(variable, converted.value()).has_value());
}

void check_release(std::string_view text) {
  const Result<release::Metadata> metadata = codec::parse_release_json(text);
  if (!metadata) {
    CHECK(!metadata.error().message.empty());
    return;
  }
  const Result<release::Metadata> again =
      codec::parse_release_json(codec::to_json(codec::metadata_to_value(metadata.value()), JsonStyle::indented));
  CHECK(again.has_value());
  CHECK(again.value() == metadata.value());
  (void)release::release_id_of(metadata.value());
  for (const auto& [name, stage] : metadata.value().stages) (void)release::step_text(stage);
  for (const release::Variable& variable : metadata.value().inputs) check_variable(variable);
  for (const release::Variable& variable : metadata.value().outputs) check_variable(variable);
}

void check_state(std::string_view text) {
  const Result<Value> value = codec::from_json(text);
  if (!value) return;
  const Result<codec::ProjectState> read = codec::project_from_state_json(value.value());
  if (!read) {
    CHECK(read.error().kind == ErrorKind::bad_data && !read.error().message.empty());
    return;
  }
  const Value written = codec::project_to_state_json(read.value().name, read.value().environments);
  const Result<codec::ProjectState> again = codec::project_from_state_json(written);
  CHECK(again.has_value());
  CHECK(codec::to_json(codec::project_to_state_json(again.value().name, again.value().environments)) ==
        codec::to_json(written));
}

void check_list_text(std::string_view text) {
  const Result<Value::List> list = plan::list_from_text(text);
  if (!list) return;
  const Result<Value::List> again = plan::list_from_text(plan::list_to_text(list.value()));
  CHECK(again.has_value());
  CHECK(again.value() == list.value());
}

}  // namespace
}  // namespace escape

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  const std::string_view text = input.rest();
  escape::check_json(text);
  escape::check_release(text);
  escape::check_state(text);
  escape::check_list_text(text);
  return 0;
}
