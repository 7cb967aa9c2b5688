#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/store/store.h"

namespace escape::inventory {

/// A reader that also sees writes which are decided but not yet committed: lets one writer decide several jobs one
/// after the other and commit them as one batch. `base` must outlive it. Thread: one.
class Overlay : public store::Reader {
 public:
  explicit Overlay(const store::Reader& base) : base_(base) {}

  void apply(const std::vector<store::Write>& writes);

  Result<std::optional<std::string>> get(store::Table table, std::string_view key) const override;
  Result<> scan(store::Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view key, std::string_view value)>& visit) const override;

 private:
  const store::Reader& base_;
  std::map<std::pair<store::Table, std::string>, std::optional<std::string>> written_;
};

}  // namespace escape::inventory
