#include "controller/store/progress.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "controller/store/keys.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::store {
namespace {

std::string progress_file(const std::string& folder) { return io::join_path(folder, "progress"); }

std::string progress_line(std::uint64_t sequence) {
  return to_hex(u64_key(sequence)) + " " + to_hex(u64_key(~sequence)) + "\n";
}

}  // namespace

Error damaged_log(const std::string& folder, const std::string& how) {
  return {ErrorKind::storage,
          "The log of the database in '" + folder + "' is damaged: " + how,
          "Restore the folder from a backup.",
          {}};
}

Result<> write_progress(const std::string& folder, std::uint64_t sequence) {
  const std::string path = progress_file(folder);
  TRY(const io::Fd file, io::open_file(path, O_WRONLY | O_CREAT, 0600));
  TRYV(io::write_all(file, progress_line(sequence), path));
  if (::fdatasync(file.get()) != 0) return fail(io::file_error("write", path, errno));
  return ok();
}

std::uint64_t read_progress(const std::string& folder) {
  std::uint64_t sequence = 0;
  const Result<std::string> line = io::read_file(progress_file(folder));
  if (!line || line.value().size() < 2 * sizeof sequence) return 0;
  const std::optional<std::uint64_t> noted = parse_u64(from_hex(line.value().substr(0, 2 * sizeof sequence)));
  return noted && line.value() == progress_line(*noted) ? *noted : 0;
}

Result<> check_progress(const std::string& folder, std::uint64_t sequence) {
  return check_progress(folder, sequence, read_progress(folder));
}

Result<> check_progress(const std::string& folder, std::uint64_t sequence, std::uint64_t noted) {
  if (noted <= sequence) return ok();
  Error error = damaged_log(folder, "its end is lost (it ends at " + std::to_string(sequence) + ", and " +
                                        std::to_string(noted) + " was on the disk)");
  error.hint += " To go on without what is lost, remove the file '" + progress_file(folder) + "'.";
  return fail(std::move(error));
}

}  // namespace escape::store
