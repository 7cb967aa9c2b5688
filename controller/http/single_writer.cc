#include "controller/http/single_writer.h"

#include "controller/inventory/overlay.h"

namespace escape::http {

void SingleWriter::post(WriteJob job, WriteDone done) {
  {
    std::lock_guard hold(mutex_);
    waiting_.push_back({std::move(job), std::move(done)});
  }
  waker_.wake();
}

Result<std::vector<Published>> SingleWriter::run() {
  waker_.clear();
  std::vector<Waiting> taken;
  {
    std::lock_guard hold(mutex_);
    taken.swap(waiting_);
  }
  inventory::Overlay so_far(database_);
  std::vector<store::Write> batch;
  std::vector<Published> published;
  std::vector<WriteDone> decided;
  for (Waiting& waiting : taken) {
    Result<std::vector<store::Write>> writes = waiting.job.decide(so_far);
    if (!writes) {
      waiting.done(fail(std::move(writes).error()));
      continue;
    }
    so_far.apply(writes.value());
    if (!writes.value().empty() && waiting.job.published) published.push_back(std::move(*waiting.job.published));
    batch.insert(batch.end(), writes.value().begin(), writes.value().end());
    decided.push_back(std::move(waiting.done));
  }
  Result<> committed = batch.empty() ? Result<>(ok()) : database_.commit(batch);
  for (const WriteDone& done : decided) done(committed);
  if (!committed) return fail(std::move(committed).error());
  return published;
}

}  // namespace escape::http
