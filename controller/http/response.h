#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/io/files.h"

namespace escape::http {

/// What goes back: a body from memory, or a part of an open file (sent by the kernel).
struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  io::Fd file{};
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  Response&& with(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
};

/// The shapes of spec/inventory-api.md §§1.4 and 1.5.
Response empty_response(int status);
Response text_response(int status, std::string text);
Response json_response(const Value& value);
/// No such route, or another method on it.
Response no_route();
Response moved_to(std::string_view clean_path, std::string_view raw_query);
Response not_authorized(bool asks_for_basic);
/// not_found: empty; conflict: "Resource already exists"; bad_data: the message; internal: empty and logged.
Response error_response(const Error& error);

}  // namespace escape::http
