#pragma once

#include <list>
#include <memory>
#include <string>

#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

/// How `escape-controller backup` gets at the database of a controller that runs.
///
/// Only the process that has the database open for writing can copy a moment of it (RocksDB's checkpoint: hard links
/// of the tables, a copy of the logs, a few milliseconds). So the loop does that and no more; whoever asked hashes and
/// copies in a process of its own. A socket of the file system, because the right to ask is the right to read the data
/// folder: it lies there, mode 0700, and needs no key.
namespace escape::controller {

/// The running controller's side. To connect is to ask; the answer is one line of JSON: {"folder": …} or {"kind",
/// "message", "hint"}. The checkpoint goes when the connection does, or with the next start.
/// Thread: the loop.
class Checkpoints {
 public:
  /// Removes what an earlier life left. Error: storage.
  static Result<std::unique_ptr<Checkpoints>> open(const std::string& data_folder);
  ~Checkpoints();

  /// Readable when somebody asks.
  int descriptor() const { return listener_.get(); }
  /// Answers who asks, and removes the checkpoints of those who have gone. `trouble`: why none can be made.
  void serve(const store::Database& database, const Error* trouble);

 private:
  explicit Checkpoints(std::string folder) : folder_(std::move(folder)) {}
  struct Lent {
    io::Fd connection;
    std::string folder;
  };
  void lend(io::Fd connection, const store::Database& database, const Error* trouble);

  std::string folder_;  ///< DATA/checkpoints
  io::Fd listener_;
  std::list<Lent> lent_;
};

/// The asking side: the checkpoint is there as long as this is.
struct BorrowedCheckpoint {
  std::string folder;
  io::Fd connection;
};
/// Blocks until the controller has answered. Errors: unreachable; what the controller says.
Result<BorrowedCheckpoint> borrow_checkpoint(const std::string& data_folder);

}  // namespace escape::controller
