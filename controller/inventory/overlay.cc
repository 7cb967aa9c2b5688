#include "controller/inventory/overlay.h"

#include <algorithm>

namespace escape::inventory {

void Overlay::apply(const std::vector<store::Write>& writes) {
  for (const store::Write& write : writes) written_[{write.table, write.key}] = write.value;
}

Result<std::optional<std::string>> Overlay::get(store::Table table, std::string_view key) const {
  const auto found = written_.find({table, std::string(key)});
  if (found != written_.end()) return found->second;
  return base_.get(table, key);
}

Result<> Overlay::scan(store::Table table, std::string_view from, std::string_view to, Order order,
                       const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  std::vector<std::pair<std::string_view, const std::optional<std::string>*>> pending;
  for (auto it = written_.lower_bound({table, std::string(from)}); it != written_.end() && it->first.first == table;
       ++it) {
    if (!to.empty() && it->first.second >= to) break;
    pending.emplace_back(it->first.second, &it->second);
  }
  if (order == Order::descending) std::ranges::reverse(pending);

  std::size_t next = 0;
  bool goes_on = true;
  const auto visit_next = [&] {
    const auto& [key, value] = pending[next++];
    if (*value) goes_on = visit(key, **value);
  };
  const auto is_before = [&](std::string_view a, std::string_view b) {
    return order == Order::ascending ? a < b : a > b;
  };
  TRYV(base_.scan(table, from, to, order, [&](std::string_view key, std::string_view value) {
    while (goes_on && next < pending.size() && is_before(pending[next].first, key)) visit_next();
    if (!goes_on) return false;
    if (next < pending.size() && pending[next].first == key) {
      visit_next();
    } else {
      goes_on = visit(key, value);
    }
    return goes_on;
  }));
  while (goes_on && next < pending.size()) visit_next();
  return ok();
}

}  // namespace escape::inventory
