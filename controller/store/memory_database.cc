#include <array>
#include <map>

#include "controller/store/store.h"

namespace escape::store {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
/// Each table is shared with the snapshots taken of it and copied before the first change after one.
using Tables = std::array<std::shared_ptr<Rows>, table_count>;

const Rows& rows_of(const Tables& tables, Table table) { return *tables[static_cast<std::size_t>(table)]; }

std::optional<std::string> get_row(const Tables& tables, Table table, std::string_view key) {
  const Rows& rows = rows_of(tables, table);
  const auto found = rows.find(key);
  if (found == rows.end()) return std::nullopt;
  return found->second;
}

void scan_rows(const Tables& tables, Table table, std::string_view from, std::string_view to, Reader::Order order,
               const std::function<bool(std::string_view, std::string_view)>& visit) {
  if (!to.empty() && to <= from) return;
  const Rows& rows = rows_of(tables, table);
  const auto begin = rows.lower_bound(from);
  const auto end = to.empty() ? rows.end() : rows.lower_bound(to);
  if (order == Reader::Order::ascending) {
    for (auto it = begin; it != end; ++it) {
      if (!visit(it->first, it->second)) return;
    }
  } else {
    for (auto it = end; it != begin;) {
      --it;
      if (!visit(it->first, it->second)) return;
    }
  }
}

class MemorySnapshot : public Reader {
 public:
  explicit MemorySnapshot(Tables tables) : tables_(std::move(tables)) {}
  Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
    return get_row(tables_, table, key);
  }
  Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    scan_rows(tables_, table, from, to, order, visit);
    return ok();
  }

 private:
  Tables tables_;
};

class MemoryDatabase : public Database {
 public:
  MemoryDatabase() {
    for (auto& table : tables_) table = std::make_shared<Rows>();
  }
  Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
    return get_row(tables_, table, key);
  }
  Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    scan_rows(tables_, table, from, to, order, visit);
    return ok();
  }
  Result<> commit(const std::vector<Write>& batch) override {
    for (const Write& write : batch) {
      Rows& rows = own(write.table);
      if (write.value) {
        rows.insert_or_assign(write.key, *write.value);
      } else {
        rows.erase(write.key);
      }
    }
    return ok();
  }
  std::unique_ptr<Reader> snapshot() const override {
    is_shared_.fill(true);
    return std::make_unique<MemorySnapshot>(tables_);
  }
  Result<> refresh() override { return ok(); }

 private:
  /// A flag and not the count of the shared pointer: another thread may be reading a snapshot, and its count is no
  /// fence.
  Rows& own(Table table) {
    const auto index = static_cast<std::size_t>(table);
    if (is_shared_[index]) tables_[index] = std::make_shared<Rows>(*tables_[index]);
    is_shared_[index] = false;
    return *tables_[index];
  }

  Tables tables_;
  mutable std::array<bool, table_count> is_shared_{};
};

}  // namespace

std::unique_ptr<Database> make_memory_database() { return std::make_unique<MemoryDatabase>(); }

}  // namespace escape::store
