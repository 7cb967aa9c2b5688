#include "shared/base/value.h"

#include <algorithm>

namespace escape {

Value::Object::Object(std::initializer_list<Member> members) {
  for (const Member& member : members) set(member.first, member.second);
}

Value& Value::Object::set(std::string_view key, Value value) {
  for (Member& member : members_) {
    if (member.first == key) return member.second = std::move(value);
  }
  members_.emplace_back(std::string(key), std::move(value));
  return members_.back().second;
}

void Value::Object::append(std::string key, Value value) { members_.emplace_back(std::move(key), std::move(value)); }

const Value* Value::Object::find(std::string_view key) const {
  const char first = key.empty() ? '\0' : key.front();
  for (const Member& member : members_) {
    // Most keys of that length differ in their first character, which spares a call each.
    const std::string& name = member.first;
    if (name.size() == key.size() && name[0] == first && name == key) return &member.second;
  }
  return nullptr;
}

bool Value::Object::erase(std::string_view key) {
  return std::erase_if(members_, [&](const Member& member) { return member.first == key; }) > 0;
}

Value::Object Value::Object::sorted() const {
  Object copy = *this;
  std::ranges::stable_sort(copy.members_, {}, &Member::first);
  return copy;
}

bool operator==(const Value::Object& a, const Value::Object& b) { return a.members_ == b.members_; }

std::string_view Value::type_name() const {
  static constexpr std::string_view names[] = {"null",   "bool",   "integer", "number",
                                               "string", "binary", "list",    "object"};
  return names[data_.index()];
}

bool operator==(const Value& a, const Value& b) { return a.data_ == b.data_; }

}  // namespace escape
