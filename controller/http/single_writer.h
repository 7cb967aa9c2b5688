#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "controller/http/server.h"
#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/io/service.h"

namespace escape::http {

/// The one writer of an index that nobody else owns: jobs wait until the owner's loop runs them, all that wait as one
/// batch with one sync, each seeing the ones before it. Thread: `post` from any, the rest from the loop.
class SingleWriter {
 public:
  explicit SingleWriter(store::Database& database) : database_(database) {}

  /// Readable when jobs wait.
  int descriptor() const { return waker_.descriptor(); }
  void post(WriteJob job, WriteDone done);
  /// What became visible. Error: storage; the jobs were told, and the program must end.
  Result<std::vector<Published>> run();

 private:
  struct Waiting {
    WriteJob job;
    WriteDone done;
  };
  store::Database& database_;
  io::Waker waker_;
  std::mutex mutex_;
  std::vector<Waiting> waiting_;
};

}  // namespace escape::http
