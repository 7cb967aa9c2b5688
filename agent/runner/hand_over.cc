#include "agent/runner/hand_over.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace escape::runner {
namespace {

/// More is no key file; and so much a pipe takes at once.
constexpr std::size_t max_bytes = 4096;

}  // namespace

Result<io::Fd> keys_in_pipe(const SealKeys& keys) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(io::file_error("make", "a pipe", errno));
  const io::Fd writing(ends[1]);
  io::Fd reading(ends[0]);
  TRYV(io::write_all(writing, keys.to_text(), "a pipe"));
  // Not among the first three, which are replaced one by one in the new process.
  io::Fd high(::fcntl(reading.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!high) return fail(io::file_error("make", "a pipe", errno));
  return high;
}

SealKeys take_keys_from_stdin() {
  struct stat status{};
  if (::fstat(STDIN_FILENO, &status) != 0 || !S_ISFIFO(status.st_mode)) return {};
  std::string text;
  std::array<char, max_bytes> buffer;
  while (text.size() < max_bytes) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const io::Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (nothing) (void)::dup2(nothing.get(), STDIN_FILENO);
  Result<SealKeys> keys = SealKeys::parse(text);
  return keys ? std::move(keys).value() : SealKeys();
}

}  // namespace escape::runner
