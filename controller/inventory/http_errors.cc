#include "controller/inventory/http_errors.h"

#include <cctype>

#include "shared/base/text.h"

namespace escape::inventory {
namespace {

/// A server that is no inventory may answer with a page: enough of it to recognise it.
constexpr std::size_t shown_body = 500;

Error missing_error(const Asked& asked, const std::string& at) {
  const std::string& project = asked.application.project;
  switch (asked.missing) {
    case Missing::project:
      return {ErrorKind::not_found,
              asked.what + ", because the project '" + project + "' could not be found in " + at + "."};
    case Missing::application:
      return {ErrorKind::not_found, asked.what + ", because the project '" + project + "' or application '" +
                                        asked.application.name + "' could not be found in " + at + "."};
    case Missing::release:
      return {ErrorKind::not_found, asked.what + ", because the release metadata could not be found in " + at +
                                        ". You probably need to release the '" + asked.release + "' package first."};
    case Missing::other:
      break;
  }
  return {ErrorKind::not_found, asked.what + ", because " + at + " responded with status code 404: "};
}

}  // namespace

Error http_error(const Asked& asked, std::string_view url, int status, std::string_view body) {
  const std::string server = std::string(url) + "/";
  const std::string at = "the Inventory at '" + server + "'";
  const std::string text(trimmed(body.substr(0, shown_body)));
  switch (status) {
    case 400:
      return {text.ends_with("already exists") ? ErrorKind::conflict : ErrorKind::bad_data,
              asked.what + ", because " + at + " says there's a problem with the request: " + text};
    case 401:
      return {ErrorKind::refused, "You don't have a valid authentication token for the Inventory at " + server +
                                      ". Use `escape login --url " + server + "` to login."};
    case 403:
      if (!asked.release.empty()) {
        return {ErrorKind::refused, asked.what + ", because you don't have permission to view the '" + asked.release +
                                        "' release in " + at + ". Please ask an administrator for access."};
      }
      return {ErrorKind::refused, asked.what + ", because you don't have permissions to view this project in " + at +
                                      ". Please ask an administrator for access."};
    case 404:
      return missing_error(asked, at);
    case 500:
      return {ErrorKind::temporary, asked.what + ", because " + at +
                                        " responded with a server-side error code. Please try again or contact an "
                                        "administrator if the problem persists."};
    default:
      break;
  }
  const ErrorKind kind = status == 409   ? ErrorKind::conflict
                         : status == 507 ? ErrorKind::storage
                         : status >= 500 ? ErrorKind::temporary
                                         : ErrorKind::bad_data;
  return {kind, asked.what + ", because " + at + " responded with status code " + std::to_string(status) + ": " + text};
}

Error unreachable(const Asked& asked, std::string_view url, Error reason) {
  return {
      reason.kind,
      asked.what + ", because the Inventory at '" + std::string(url) + "/' could not be reached: " + describe(reason),
      "Check the address with `escape config profile`, and that the inventory is running."};
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-_.~@:").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += "%" + to_hex(std::string_view(&c, 1));
    }
  }
  return encoded;
}

}  // namespace escape::inventory
