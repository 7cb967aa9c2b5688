#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

/// The parts of a request that are text from outside, taken apart. Pure and total.
namespace escape::http {

/// What stands in the request line, decoded.
struct Target {
  std::string path;                          ///< percent-decoded; an encoded slash is a slash
  std::string raw_query;                     ///< as sent, without '?'
  std::map<std::string, std::string> query;  ///< the first of several wins
};
/// Nothing when an escape is broken or the path holds a NUL byte.
std::optional<Target> parse_target(std::string_view raw);

/// Without `//`, `/./`, `/../`; a final slash stays. Equal to the path when there is nothing to clean.
std::string cleaned_path(std::string_view path);
std::string percent_encoded_path(std::string_view path);

/// `Authorization: Basic …`, or nothing. The password goes to the end, colons included.
struct BasicCredentials {
  std::string user;
  std::string password;
};
std::optional<BasicCredentials> parse_basic(std::string_view header);

/// One `Range: bytes=…` against a file. Several ranges or another unit are ignored (whole file), as RFC 9110 allows.
struct ByteRange {
  enum class Kind { whole, part, unsatisfiable };
  Kind kind = Kind::whole;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
ByteRange parse_range(std::string_view header, std::uint64_t size);

}  // namespace escape::http
