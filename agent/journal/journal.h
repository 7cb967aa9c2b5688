#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/model.h"
#include "shared/base/result.h"
#include "shared/base/seal.h"
#include "shared/io/files.h"

namespace escape::journal {

/// What an agent must not forget: the tasks that it accepted, their results, and the ids of those that are over. Plain
/// files, one folder per task (README.md draws them), because a supervisor writes its part while no agent runs.
///
/// Offers and results hold values of variables and are sealed, with the key in DATA/secrets.key.
///
/// Thread: one.  Durable: every write is on the disk when its function returns.  Errors: storage, no_permission;
/// conflict when another agent has the folder open; bad_configuration when tasks are sealed with a key that is missing.
class Journal {
 public:
  /// Makes what is missing (a key only while no task is sealed), locks the folder against a second agent and compacts
  /// the list of settled tasks.
  static Result<std::unique_ptr<Journal>> open(const std::string& data_folder);

  /// A task as the files tell. What its supervisor does is the runner's to find out.
  struct Kept {
    protocol::Offer offer;
    std::optional<agent::TaskResult> result{};
  };
  /// All tasks with a readable offer. A folder without one is the rest of an interrupted write or removal and is
  /// removed; an offer that cannot be read, or is that of another
  /// task, is left where it is and named in `unreadable`.
  struct Found {
    std::vector<Kept> tasks;
    std::vector<agent::TaskKey> settled;  ///< oldest first
    std::vector<std::string> unreadable;
  };
  Result<Found> find_all();

  /// After an error nothing of the task is left.
  Result<> keep_offer(const protocol::Offer& offer);
  Result<> keep_result(const agent::TaskKey& key, const agent::TaskResult& result);
  /// The id is remembered before the folder goes.
  Result<> settle(const agent::TaskKey& key);

  /// Forgets every task and every settled id: their numbers were another controller's.
  Result<> start_over();

  /// "DATA/tasks/12.0.1".
  std::string folder_of(const agent::TaskKey& key) const;
  /// Bytes [offset, offset + length) of the task's output; fewer when it is shorter.
  Result<std::string> read_output(const agent::TaskKey& key, std::uint64_t offset, std::uint64_t length) const;

  const std::string& data_folder() const { return data_folder_; }
  /// What files of tasks are sealed with.
  const SealKeys& keys() const { return keys_; }

 private:
  Journal(std::string data_folder, io::FileLock lock);
  Result<> load_settled();
  Result<> load_keys();
  Result<std::optional<std::string>> foreign_key() const;

  std::string data_folder_;
  io::FileLock lock_;
  std::vector<agent::TaskKey> settled_;  ///< as found at start
  io::Fd settled_file_;
  SealKeys keys_;
};

}  // namespace escape::journal
