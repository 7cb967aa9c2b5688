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

/// What proves that two answers are parts of one file (RFC 9110, 13.1.5): a strong ETag, else the date. Empty: nothing.
std::string validator_of(const Answer& answer) {
  const std::string_view tag = find_header(answer.headers, "etag");
  if (!tag.empty() && !tag.starts_with("W/")) return std::string(tag);
  return std::string(find_header(answer.headers, "last-modified"));
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
    auto answer = transfer(
        make_request(),
        {[this](const Answer& head, std::string_view bytes) { return take(head, bytes); }, what_.is_cancelled});
    if (answer) return judge(answer.value());
    if (is_of_another_) return another_file();
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
    if (what_.has_no_digest && validator_.empty()) {
      TRYV(start_over());
    }
    offset_ = size_;
    has_begun_ = false;
    is_of_another_ = false;
    return ok();
  }

  HttpRequest make_request() const {
    HttpRequest request{.url = what_.url,
                        .user = what_.user,
                        .password = what_.password,
                        .insecure_skip_verify = what_.insecure_skip_verify};
    if (!what_.token.empty()) request.headers.emplace_back("X-Escape-Token", what_.token);
    if (offset_ == 0) return request;
    request.headers.emplace_back("Range", fmt::format("bytes={}-", offset_));
    if (!validator_.empty()) request.headers.emplace_back("If-Range", validator_);
    return request;
  }

  Result<> take(const Answer& head, std::string_view bytes) {
    if (head.status != 200 && head.status != 206) return ok();  // the text of an error page
    TRYV(begin(head));
    if (what_.expected_size > 0 && bytes.size() > what_.expected_size - size_) {
      return fail(ErrorKind::bad_data,
                  fmt::format("'{}' sends more than the {} bytes that were expected", shown_url(what_.url),
                              what_.expected_size),
                  "The package at the server is not the one that was registered.");
    }
    TRYV(write_all(file_, bytes, what_.file));
    size_ += bytes.size();
    if (what_.on_progress) what_.on_progress(size_, whole_);
    return ok();
  }

  /// Once for each answer: a server that does not know ranges sends the whole file again, and so does one whose file is
  /// another one now. Before the first byte is written: parts of two files never meet.
  Result<> begin(const Answer& head) {
    if (has_begun_) return ok();
    has_begun_ = true;
    const ContentRange range = parse_content_range(find_header(head.headers, "content-range"));
    const std::string validator = validator_of(head);
    if (head.status == 206) {
      is_of_another_ = range.first != offset_ || (!validator.empty() && !validator_.empty() && validator != validator_);
      if (is_of_another_) return fail(unusable("the server sends a part of something else"));
    } else {
      TRYV(start_over());
      validator_.clear();
    }
    if (!validator.empty()) validator_ = validator;
    const std::optional<std::uint64_t> told = parse_count(find_header(head.headers, "content-length"));
    whole_ = what_.expected_size > 0 ? what_.expected_size
             : head.status == 206    ? range.whole.value_or(0)
                                     : told.value_or(0);
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
        return check_whole(answer, range);
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

  Result<Try> check_whole(const Answer& answer, const ContentRange& range) {
    const Result<> begun = begin(answer);  // an empty file has no bytes that would have done it
    if (is_of_another_) return another_file();
    TRYV(begun);
    const std::uint64_t whole = what_.expected_size > 0 ? what_.expected_size : range.whole.value_or(size_);
    if (size_ == whole) return Try::done();
    const Error error = unusable(fmt::format("{} bytes came, {} were expected", size_, whole));
    TRYV(start_over());
    return fail(error);
  }

  /// Either the file is whole already, or what lies here is of another one.
  Result<Try> after_unsatisfiable_range(const ContentRange& range) {
    const bool may_be_whole = what_.expected_size == 0 && !what_.has_no_digest;
    if (may_be_whole && offset_ > 0 && range.whole == offset_) return Try::done();
    return another_file();
  }

  Result<Try> another_file() {
    TRYV(start_over());
    validator_.clear();
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
  std::uint64_t whole_ = 0;    ///< as the server says; 0: it does not
  std::string validator_;      ///< the ETag or the date of the file that is being fetched
  bool has_begun_ = false;
  bool is_of_another_ = false;  ///< the answer is not what was asked for
};

}  // namespace

Result<> download(const Download& what) { return Downloader(what).run(); }

}  // namespace escape::io
