#include "agent/packages/downloads.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <utility>

#include "agent/packages/progress.h"
#include "shared/base/printable.h"
#include "shared/base/time.h"
#include "shared/io/archive.h"
#include "shared/io/beneath.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"

namespace escape::packages {
namespace {

/// Disk constant: what is not whole yet, beside the destination. It also tells that a crash cut a try off.
constexpr std::string_view part_ending = ".escape-part";
constexpr std::size_t longest_part_name = 200;

std::string part_name(const std::string& name) {
  return "." + name.substr(0, longest_part_name) + std::string(part_ending);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

class OneDownload {
 public:
  OneDownload(const std::string& folder, const release::Download& wish, const Preparation& task)
      : folder_(folder), wish_(wish), task_(task), url_(io::shown_url(wish.url)) {}

  Result<> run() {
    Result<> done = carry_out();
    if (done) return done;
    // Names and URLs are in there, which may hold anything.
    Error error = std::move(done).error();
    error.message = shown(error.message);
    error.hint = shown(error.hint);
    for (std::string& context : error.context) context = shown(context);
    return fail(std::move(error));
  }

 private:
  /// 1. Is it wanted at all? 2. Fetch into a file beside. 3. Check it. 4. Unpack it. 5. Give it its name: last, so that
  /// a name means that all before was done.
  Result<> carry_out() {
    TRY(const bool is_wanted, is_wanted());
    if (!is_wanted) return ok();
    if (wish_.unpack) {
      TRYV(io::check_archive_name(wish_.dest));
    }
    tell(fmt::format("Downloading {} to {}", url_, wish_.dest));
    Result<io::Place> place = io::Place::make(folder_, wish_.dest);
    if (!place) return cannot_open(std::move(place).error());
    Result<> done = fetch_into(place.value());
    if (!done) (void)io::remove_all(place.value().of_sibling(part_name(place.value().name())));
    return done;
  }

  void tell(const std::string& text, char end = '\n') const {
    if (task_.tell) task_.tell(shown(text) + end);
  }
  /// Secrets first: they are not found any more once a character of theirs is another one.
  std::string shown(std::string_view text) const { return printable(task_.mask(text)); }
  Result<bool> skipped(const std::string& why) const {
    tell(fmt::format("Skipping {}, because {}", url_, why));
    return false;
  }

  Result<bool> is_wanted() const {
    TRY(const bool is_there, io::exists_beneath(folder_, wish_.dest));
    if (is_there) {
      TRY(const bool is_wrong, is_known_to_be_wrong());
      if (is_wrong) return true;
    }
    if (is_there && !wish_.overwrite) return skipped(fmt::format("destination file '{}' already exists.", wish_.dest));
    // What a pattern finds may be half of what an earlier try unpacked.
    if (!was_cut_off()) {
      for (const std::string& pattern : wish_.if_not_exists) {
        TRY(const std::optional<std::string> match, io::find_match_beneath(folder_, pattern));
        if (match) return skipped(fmt::format("'{}' already exists.", *match));
      }
    }
    if (!wish_.platform.empty() && wish_.platform != task_.platform) {
      return skipped(fmt::format("download requires '{}' platform (have: '{}')", wish_.platform, task_.platform));
    }
    if (!wish_.arch.empty() && wish_.arch != task_.arch) {
      return skipped(fmt::format("download requires '{}' architecture (have: '{}')", wish_.arch, task_.arch));
    }
    return true;
  }

  /// Of what lies at the destination. No script shall find a file that the plan says is not the right one, so this
  /// comes before every reason to skip; but a plan may name one destination for several platforms.
  Result<bool> is_known_to_be_wrong() const {
    const bool is_for_here = (wish_.platform.empty() || wish_.platform == task_.platform) &&
                             (wish_.arch.empty() || wish_.arch == task_.arch);
    if (wish_.sha256.empty() || !is_for_here) return false;
    TRY(const io::Fd file, io::open_file_beneath(folder_, wish_.dest));
    if (!file) return false;  // gone meanwhile
    TRY(const std::string digest, io::sha256_of_file(fmt::format("/proc/self/fd/{}", file.get())));
    if (digest == wish_.sha256) return false;
    if (wish_.overwrite) {
      tell(fmt::format("'{}' has the SHA-256 {}, expected {}", wish_.dest, digest, wish_.sha256));
      return true;
    }
    return fail(
        ErrorKind::conflict,
        fmt::format("'{}' is there already, but has the SHA-256 {}, expected {}", wish_.dest, digest, wish_.sha256),
        "Remove it, or let the plan's download say `overwrite: true`.");
  }

  bool was_cut_off() const {
    const Result<io::Place> place = io::Place::find(folder_, wish_.dest);
    return place && io::exists(place.value().of_sibling(part_name(place.value().name())));
  }

  Result<> fetch_into(const io::Place& place) {
    if (io::is_folder(place.path())) return cannot_open(io::file_error("write", wish_.dest, EISDIR));
    const std::string part = place.of_sibling(part_name(place.name()));
    TRYV(io::remove_all(part));
    Result<io::Fd> opened = io::open_file(part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    if (!opened) return cannot_open(place.in_words(std::move(opened).error()));
    io::Fd file = std::move(opened).value();
    // The open file itself, whatever becomes of its name.
    const std::string content = fmt::format("/proc/self/fd/{}", file.get());
    TRYV(fetch(content));
    tell(fmt::format("Finished downloading {}", url_));
    if (wish_.unpack) {
      TRYV(unpack(content, place));
    }
    Result<> published = io::publish_file(std::move(file), part, place.path());
    if (!published) return cannot_open(place.in_words(std::move(published).error()));
    return ok();
  }

  Result<> fetch(const std::string& content) {
    io::Download what;
    what.url = wish_.url;
    what.file = content;
    what.is_cancelled = task_.package.is_cancelled;
    what.has_no_digest = true;  // with one it would only be found out at the end
    const std::string name = short_name(task_.mask(url_));
    Pace pace(task_.clock());
    Progress progress;
    what.on_progress = [&](std::uint64_t bytes, std::uint64_t whole) {
      progress.bytes = bytes;
      progress.whole = whole;
      if (!pace.is_due(task_.clock())) return;
      tell(to_text(progress, name), '\r');
      ++progress.told;
    };
    Result<> done = task_.fetch(what);
    if (!done) {
      // How far it came, as a line: nothing else replaces the last state.
      if (progress.told > 0) tell(to_text(progress, name));
      return cannot_download(std::move(done).error(), content);
    }
    if (wish_.sha256.empty()) return ok();
    TRY(const std::string digest, io::sha256_of_file(content));
    if (digest == wish_.sha256) return ok();
    return fail(ErrorKind::bad_data,
                fmt::format("Couldn't download '{}': it has the SHA-256 {}, expected {}", url_, digest, wish_.sha256),
                "What lies there has changed, or the plan names another file's digest.");
  }

  Result<> unpack(const std::string& content, const io::Place& place) const {
    tell(fmt::format("Unpacking {}", wish_.dest));
    const std::string target = fmt::format("/proc/self/fd/{}", place.folder());
    Result<> unpacked = io::unpack_over(content, place.name(), target, {}, task_.package.is_cancelled);
    if (unpacked) {
      tell(fmt::format("Finished unpacking {}", wish_.dest));
      return ok();
    }
    Error error = place.in_words(std::move(unpacked).error());
    if (error.kind == ErrorKind::cancelled) return fail(std::move(error));
    std::string why = describe(error);
    replace_all(why, content, wish_.dest);
    return fail(error.kind, fmt::format("Failed to unpack '{}': {}", wish_.dest, why), std::move(error.hint));
  }

  Result<> cannot_open(const Error& error) const {
    return fail(error.kind, fmt::format("Couldn't open download destination '{}': {}", wish_.dest, describe(error)),
                error.hint);
  }

  Result<> cannot_download(Error error, const std::string& content) const {
    if (error.kind == ErrorKind::cancelled) return fail(std::move(error));
    std::string why = describe(error);
    replace_all(why, content, wish_.dest);
    // Most of them begin with the URL, which is said already.
    const std::string begin = "'" + url_ + "' ";
    if (why.starts_with(begin)) why.erase(0, begin.size());
    std::string hint = error.kind == ErrorKind::refused ? "Check the URL and its credentials." : std::move(error.hint);
    return fail(error.kind, fmt::format("Couldn't download '{}': {}", url_, why), std::move(hint));
  }

  const std::string& folder_;
  const release::Download& wish_;
  const Preparation& task_;
  std::string url_;  ///< as it may be shown
};

}  // namespace

Result<> download(const std::string& folder, const release::Download& wish, const Preparation& task) {
  return OneDownload(folder, wish, task).run();
}

}  // namespace escape::packages
