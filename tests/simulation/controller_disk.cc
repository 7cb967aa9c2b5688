#include "tests/simulation/controller_disk.h"

#include "shared/base/check.h"
#include "tests/simulation/checks.h"

namespace escape::simulation {

ControllerDisk::ControllerDisk(World& world)
    : world_(&world), database_(store::make_memory_database()), truth_(std::make_unique<Truth>()) {}

ControllerDisk ControllerDisk::copy_of(const ControllerDisk& other) {
  ControllerDisk copy(*other.world_);
  *copy.truth_ = *other.truth_;
  Batch all;
  for (std::size_t table = 0; table < store::table_count; ++table) {
    (void)other.database_->scan(
        static_cast<store::Table>(table), "", "", store::Reader::Order::ascending,
        [&](std::string_view key, std::string_view value) {
          all.push_back({static_cast<store::Table>(table), std::string(key), std::string(value)});
          return true;
        });
  }
  CHECK(copy.database_->commit(all));
  return copy;
}

void ControllerDisk::apply(const Batch& batch, const Changes& changes) {
  CHECK(database_->commit(batch));
  check_batch(*world_, *truth_, changes);
}

void ControllerDisk::sync(const Batch& batch, const Changes& changes) {
  keep_all();
  apply(batch, changes);
}

void ControllerDisk::write_unsynced(const Batch& batch, const Changes& changes) {
  while (!unsynced_.empty() && unsynced_.front().at + 5s < world_->now()) {
    apply(unsynced_.front().batch, unsynced_.front().changes);
    unsynced_.pop_front();
  }
  unsynced_.push_back({world_->now(), batch, changes});
}

void ControllerDisk::keep_all() {
  for (const Unsynced& one : unsynced_) apply(one.batch, one.changes);
  unsynced_.clear();
}

void ControllerDisk::lose_power() { unsynced_.clear(); }

Micros ControllerDisk::latency(Random& random) const {
  return slow > 0 ? random.between(100ms, 3s) : random.between(50us, 2ms);
}

}  // namespace escape::simulation
