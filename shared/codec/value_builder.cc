#include "shared/codec/value_builder.h"

#include <algorithm>
#include <string_view>

namespace escape::codec {
namespace {

/// The first key that occurs twice, or nothing. Sorts, so that an object of a million members costs no quadratic time.
std::optional<std::string_view> repeated_key(const Value::Object& object) {
  std::vector<std::string_view> keys;
  keys.reserve(object.size());
  for (const Value::Member& member : object) keys.push_back(member.first);
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice == keys.end()) return std::nullopt;
  return *twice;
}

}  // namespace

bool ValueBuilder::refuse(std::string why) {
  if (refusal_.empty()) refusal_ = std::move(why);
  return false;
}

bool ValueBuilder::count() {
  if (++items_ > max_items) return refuse("more than " + std::to_string(max_items) + " values");
  return true;
}

void ValueBuilder::place(Value value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return;
  }
  Open& parent = open_.back();
  if (Value::List* list = parent.container.as_list()) {
    list->push_back(std::move(value));
  } else {
    parent.container.as_object()->append(std::move(parent.key), std::move(value));
    parent.key.clear();
  }
}

bool ValueBuilder::add(Value value) {
  if (!count()) return false;
  place(std::move(value));
  return true;
}

bool ValueBuilder::open(Value container) {
  if (!count()) return false;
  if (open_.size() >= depth_limit_) return refuse("nested more than " + std::to_string(depth_limit_) + " levels deep");
  open_.push_back({std::move(container), {}});
  return true;
}

bool ValueBuilder::begin_list() { return open(Value::List{}); }

bool ValueBuilder::begin_object() { return open(Value::Object{}); }

bool ValueBuilder::key(std::string name) {
  open_.back().key = std::move(name);
  return true;
}

bool ValueBuilder::end() {
  Value done = std::move(open_.back().container);
  if (const Value::Object* object = done.as_object()) {
    if (const auto key = repeated_key(*object)) return refuse("the key '" + std::string(*key) + "' occurs twice");
  }
  open_.pop_back();
  place(std::move(done));
  return true;
}

}  // namespace escape::codec
