#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>
#include <thread>

#include "shared/base/text.h"
#include "shared/io/curl_transfer.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"

namespace escape::io {
namespace {

constexpr Millis first_pause{200};
constexpr Millis longest_pause{5'000};
// How soon a cancelled download notices it while it pauses.
constexpr Millis pause_slice{20};
// A try that brings the file this much further has not failed: large packages get through lines that often break.
constexpr std::uint64_t worthwhile_progress = 1 << 20;

/// What stands behind "bytes 5-9/10" or "bytes */10": {5, 10}, {nothing, 10}.
struct ContentRange {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> whole;
};

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return count;
}

ContentRange parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return {};
  text = trimmed(text.substr(6));
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  return {parse_count(text.substr(0, std::min(text.find('-'), slash))), parse_count(text.substr(slash + 1))};
}

/// How one try ended when it did not end everything.
struct Try {
  bool is_done = false;
  Error problem{};
  static Try done() { return {true}; }
  static Try again(Error problem) { return {false, std::move(problem)}; }
};

/// One download over all its tries. The file's size is the whole memory of how far it came.
class Downloader {
 public:
  explicit Downloader(const Download& what) : what_(what) {}

  Result<> run() {
    TRY(file_, open_file(what_.file, O_RDWR | O_CREAT));
    Millis pause = first_pause;
    for (int failures = 0;;) {
      TRY(const Try last, try_once());
      if (last.is_done) return ok();
      if (reached_ < size_ && size_ - reached_ >= worthwhile_progress) {
        failures = 0;
        pause = first_pause;
      }
      reached_ = std::max(reached_, size_);
      if (++failures >= what_.tries) return fail(last.problem);
      TRYV(wait(pause));
      pause = std::min(pause * 2, longest_pause);
    }
  }

 private:
  /// An error inside the Try: another try may help. A failed result: none would.
  Result<Try> try_once() {
    TRYV(find_offset());
    if (what_.expected_size > 0 && offset_ == what_.expected_size) return Try::done();
    auto answer = transfer(make_request(), {[this](int status, std::string_view bytes) { return take(status, bytes); },
                                            what_.is_cancelled});
    if (answer) return judge(answer.value());
    const ErrorKind kind = answer.error().kind;
    if (kind == ErrorKind::unreachable || kind == ErrorKind::timed_out) return Try::again(answer.error());
    if (kind == ErrorKind::bad_data) {
      TRYV(start_over());
    }
    return fail(std::move(answer).error());
  }

  Result<> find_offset() {
    TRY(size_, file_size(what_.file));
    if (what_.expected_size > 0 && size_ > what_.expected_size) {
      TRYV(start_over());
    }
    offset_ = size_;
    has_begun_ = false;
    return ok();
  }

  HttpRequest make_request() const {
    HttpRequest request{.url = what_.url};
    if (!what_.token.empty()) request.headers.emplace_back("X-Escape-Token", what_.token);
    if (offset_ > 0) request.headers.emplace_back("Range", fmt::format("bytes={}-", offset_));
    return request;
  }

  Result<> take(int status, std::string_view bytes) {
    if (status != 200 && status != 206) return ok();  // the text of an error page
    TRYV(begin(status));
    if (what_.expected_size > 0 && bytes.size() > what_.expected_size - size_) {
      return fail(ErrorKind::bad_data,
                  fmt::format("'{}' sends more than the {} bytes that were expected", shown_url(what_.url),
                              what_.expected_size),
                  "The package at the server is not the one that was registered.");
    }
    TRYV(write_all(file_, bytes, what_.file));
    size_ += bytes.size();
    return ok();
  }

  /// Once for each answer: a server that does not know ranges sends the whole file again.
  Result<> begin(int status) {
    if (has_begun_) return ok();
    has_begun_ = true;
    if (status == 200) {
      TRYV(start_over());
    }
    if (::lseek(file_.get(), static_cast<off_t>(size_), SEEK_SET) < 0)
      return fail(file_error("write", what_.file, errno));
    return ok();
  }

  Result<> start_over() {
    if (::ftruncate(file_.get(), 0) != 0) return fail(file_error("write", what_.file, errno));
    size_ = 0;
    return ok();
  }

  Result<Try> judge(const Answer& answer) {
    const std::string url = shown_url(what_.url);
    const ContentRange range = parse_content_range(find_header(answer.headers, "content-range"));
    switch (answer.status) {
      case 206:
      case 200:
        return check_whole(answer.status, range);
      case 416:
        return after_unsatisfiable_range(range);
      case 404:
        return fail(ErrorKind::not_found, fmt::format("'{}' does not exist at the server", url));
      case 401:
      case 403:
        return fail(ErrorKind::refused, fmt::format("the server refuses '{}' (HTTP {})", url, answer.status),
                    "Check the token or the login of this profile.");
      default:
        break;
    }
    Error error{ErrorKind::unreachable, fmt::format("'{}' cannot be downloaded: HTTP {}", url, answer.status), {}, {}};
    const bool may_pass = answer.status >= 500 || answer.status == 408 || answer.status == 429;
    if (!may_pass) return fail(std::move(error));
    return Try::again(std::move(error));
  }

  Result<Try> check_whole(int status, const ContentRange& range) {
    TRYV(begin(status));
    if (status == 206 && range.first != offset_) {
      TRYV(start_over());
      return Try::again(unusable("the server sends another part than was asked for"));
    }
    const std::uint64_t whole = what_.expected_size > 0 ? what_.expected_size : range.whole.value_or(size_);
    if (size_ == whole) return Try::done();
    const Error error = unusable(fmt::format("{} bytes came, {} were expected", size_, whole));
    TRYV(start_over());
    return fail(error);
  }

  /// Either the file is whole already, or what lies here is of another one.
  Result<Try> after_unsatisfiable_range(const ContentRange& range) {
    if (what_.expected_size == 0 && offset_ > 0 && range.whole == offset_) return Try::done();
    TRYV(start_over());
    return Try::again(unusable("the part of it that is here does not belong to it"));
  }

  Error unusable(std::string_view why) const {
    return {ErrorKind::bad_data, fmt::format("cannot download '{}': {}", shown_url(what_.url), why), {}, {}};
  }

  /// Half of the pause and a random part of the other half, so that many agents do not come back at the same moment.
  Result<> wait(Millis pause) const {
    static thread_local std::minstd_rand random{std::random_device{}()};
    std::uniform_int_distribution<std::int64_t> half(0, pause.count() / 2);
    Millis left{pause.count() / 2 + half(random)};
    for (; left > Millis{0}; left -= pause_slice) {
      if (what_.is_cancelled && what_.is_cancelled()) {
        return fail(ErrorKind::cancelled, fmt::format("the transfer of '{}' was cancelled", shown_url(what_.url)));
      }
      std::this_thread::sleep_for(std::min(left, pause_slice));
    }
    return ok();
  }

  const Download& what_;
  Fd file_;
  std::uint64_t offset_ = 0;   ///< where this try goes on
  std::uint64_t size_ = 0;     ///< bytes in the file
  std::uint64_t reached_ = 0;  ///< the most that any try reached
  bool has_begun_ = false;
};

}  // namespace

Result<> download(const Download& what) { return Downloader(what).run(); }

}  // namespace escape::io
