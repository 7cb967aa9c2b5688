#include "controller/inventory/version_rows.h"

#include <algorithm>

#include "controller/inventory/rows.h"

namespace escape::inventory {

using release::Version;

Result<> each_version(const store::Reader& reader, const std::string& from, const std::string& to,
                      store::Reader::Order order, const std::function<bool(Version)>& visit) {
  std::optional<Error> broken;
  const auto visit_row = [&](std::string_view bytes) -> Result<bool> {
    TRY(auto texts, rows::read_texts(bytes));
    if (order == store::Reader::Order::descending) std::ranges::reverse(texts);
    for (const std::string& text : texts) {
      TRY(Version version, Version::parse(text));
      if (!visit(std::move(version))) return false;
    }
    return true;
  };
  TRYV(reader.scan(store::Table::inventory, from, to.empty() ? store::end_of_prefix(from) : to, order,
                   [&](std::string_view, std::string_view bytes) {
                     Result<bool> goes_on = visit_row(bytes);
                     if (goes_on) return goes_on.value();
                     broken = std::move(goes_on).error();
                     return false;
                   }));
  if (broken) return fail(std::move(*broken));
  return ok();
}

bool is_whole_prefix(std::string_view prefix) {
  if (prefix.empty()) return true;
  return prefix.back() == '.' && Version::parse(prefix.substr(0, prefix.size() - 1)).has_value();
}

Result<std::optional<Version>> highest_version(const store::Reader& reader, const std::string& rows,
                                               std::string_view prefix) {
  std::string from = rows;
  if (!prefix.empty()) {
    TRY(const Version parts, Version::parse(prefix.substr(0, prefix.size() - 1)));
    from += release::sort_key(parts);
  }
  std::optional<Version> highest;
  TRYV(each_version(reader, from, {}, store::Reader::Order::descending, [&](Version version) {
    // "00.1" sorts among the versions of "0." but does not begin with it.
    if (!version.text().starts_with(prefix)) return true;
    highest = std::move(version);
    return false;
  }));
  return highest;
}

}  // namespace escape::inventory
