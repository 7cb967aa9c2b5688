#include "controller/core/secret_texts.h"

#include <algorithm>

#include "shared/codec/codec.h"

namespace escape::controller {
namespace {

constexpr std::size_t shortest = 4;

template <class Use>
void for_each_text(const Value& value, const Use& use) {
  if (const std::string* text = value.as_string()) return use(*text, true);
  if (const Value::List* list = value.as_list()) {
    for (const Value& item : *list) for_each_text(item, use);
  } else if (const Value::Object* object = value.as_object()) {
    for (const auto& [name, member] : *object) for_each_text(member, use);
  } else {
    use(codec::to_json(value), false);
  }
}

}  // namespace

void SecretTexts::add(const Value& value) {
  for_each_text(value, [&](const std::string& text, bool is_string) {
    if (text.size() >= (is_string ? 1 : shortest)) texts_.insert(text);
  });
}

bool SecretTexts::is_in(const Value& value) const {
  bool found = false;
  for_each_text(value, [&](const std::string& text, bool) {
    found = found || std::ranges::any_of(texts_, [&](const std::string& secret) {
              return text == secret || (secret.size() >= shortest && text.find(secret) != std::string::npos);
            });
  });
  return found;
}

}  // namespace escape::controller
