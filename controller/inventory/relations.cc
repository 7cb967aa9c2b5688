#include "controller/inventory/relations.h"

#include <algorithm>
#include <cctype>

#include "shared/base/text.h"

namespace escape::inventory {
namespace {

std::string text_of(const Value::Object& object, std::string_view key) {
  const Value* value = object.find(key);
  const std::string* text = value ? value->as_string() : nullptr;
  return text ? *text : std::string();
}

/// Calls `check` with each element of a list that may be missing or null.
template <class Check>
Result<> each_object(const release::Metadata& metadata, std::string_view field, Check check) {
  const Value* value = metadata.other.find(field);
  if (!value || value->is_null()) return ok();
  const Value::List* list = value->as_list();
  if (!list) {
    return fail(ErrorKind::bad_data, "The field '" + std::string(field) + "' in release metadata must be a list");
  }
  for (const Value& element : *list) {
    const Value::Object* object = element.as_object();
    if (!object) {
      return fail(ErrorKind::bad_data, "The list '" + std::string(field) + "' in release metadata holds a " +
                                           std::string(element.type_name()) + " where an object is expected");
    }
    TRYV(check(*object));
  }
  return ok();
}

Error malformed(const std::string& reference) {
  return {ErrorKind::bad_data, "Malformed dependency string '" + reference +
                                   "'. Expecting either a \"[RELEASE_ID]\" or \"[RELEASE_ID] as [VARIABLE]\"."};
}

bool is_variable(std::string_view text) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto may_follow = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  };
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text.substr(1), may_follow);
}

bool begins_with_previous(std::string_view text) {
  constexpr std::string_view reserved = "PREVIOUS_";
  if (text.size() < reserved.size()) return false;
  return std::ranges::equal(text.substr(0, reserved.size()), reserved,
                            [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

/// `release-id [as variable]`; gives the release id.
Result<std::string> check_reference(const std::string& reference) {
  std::vector<std::string> words = split(reference, ' ');
  std::erase(words, "");
  if (words.size() != 1 && words.size() != 3) return fail(malformed(reference));
  if (words.size() == 3) {
    if (words[1] != "as") {
      return fail(ErrorKind::bad_data, "Unexpected '" + words[1] + "'; expecting 'as' in '" + reference +
                                           ". Expecting either a \"[RELEASE_ID]\" or \"[RELEASE_ID] as [VARIABLE]\".'");
    }
    const std::string invalid =
        "Malformed dependency string '" + reference + "'. Invalid variable format '" + words[2] + "'";
    if (!is_variable(words[2])) return fail(ErrorKind::bad_data, invalid);
    if (begins_with_previous(words[2])) {
      return fail(ErrorKind::bad_data, invalid + ". Variable is not allowed to start with 'PREVIOUS_'");
    }
  }
  return words.front();
}

Result<> check_depends(const Value::Object& dependency) {
  TRY(const std::string id, check_reference(text_of(dependency, "release_id")));
  TRY(const release::ReleaseQuery query, release::parse_release_query(id));
  if (!std::holds_alternative<release::Exact>(query.version)) {
    return fail(ErrorKind::bad_data, "The dependency '" + to_string(query) + "' needs its version resolved.");
  }
  return ok();
}

Result<> check_extends(const Value::Object& extension) {
  TRY(const std::string id, check_reference(text_of(extension, "release_id")));
  TRYV(release::parse_release_query(id));
  return ok();
}

Result<> check_consumer(const Value::Object& consumer) {
  if (text_of(consumer, "name").empty()) return fail(ErrorKind::bad_data, "Missing name for Consumer");
  return ok();
}

Result<> check_download(const Value::Object& download) {
  const std::string url = text_of(download, "url");
  if (url.empty()) return fail(ErrorKind::bad_data, "Missing URL in download config.");
  if (text_of(download, "dest").empty()) {
    return fail(ErrorKind::bad_data, "Missing 'dest' in download config for '" + url + "'");
  }
  if (const std::size_t scheme = url.find("://"); scheme == std::string::npos || scheme == 0) {
    return fail(ErrorKind::bad_data, "Missing URL scheme in download config '" + url + "'");
  }
  return ok();
}

}  // namespace

Result<> check_relations(const release::Metadata& metadata) {
  TRYV(each_object(metadata, "depends", check_depends));
  TRYV(each_object(metadata, "consumes", check_consumer));
  TRYV(each_object(metadata, "downloads", check_download));
  TRYV(each_object(metadata, "extends", check_extends));
  return ok();
}

}  // namespace escape::inventory
