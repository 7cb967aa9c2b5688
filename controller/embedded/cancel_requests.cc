#include "controller/embedded/cancel_requests.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <charconv>
#include <thread>

#include "shared/base/crypto.h"
#include "shared/base/log.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"

namespace escape::embedded {
namespace {

constexpr std::string_view answer_suffix = ".answer";
// Where the system gives no notices of new files, and for whoever waits for an answer.
constexpr int look_again_millis = 1000;
constexpr Millis ask_again{50};

/// "RANDOM-JOB".
std::optional<JobId> job_of(const std::string& name) {
  const std::size_t dash = name.find('-');
  if (name.starts_with('.') || dash == std::string::npos) return std::nullopt;
  JobId job = 0;
  const auto [end, error] = std::from_chars(name.data() + dash + 1, name.data() + name.size(), job);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return job;
}

Value answer_of(const Result<protocol::Reply>& reply) {
  if (!reply) {
    const Error& error = reply.error();
    return Value::Object{
        {"kind", std::string(kind_name(error.kind))}, {"message", error.message}, {"hint", error.hint}};
  }
  const auto* done = std::get_if<protocol::reply::Done>(&reply.value());
  return Value::Object{{"done", done ? done->text : std::string()}};
}

std::string text_in(const Value::Object& object, std::string_view key) {
  const Value* value = object.find(key);
  const std::string* text = value ? value->as_string() : nullptr;
  return text ? *text : std::string();
}

Result<protocol::Reply> reply_in(const std::string& text) {
  TRY(const Value value, codec::from_json(text));
  const Value::Object* answer = value.as_object();
  if (!answer) return fail(ErrorKind::bad_data, "the command that works in this workspace answered with nonsense");
  if (answer->contains("kind")) {
    return fail(kind_from_name(text_in(*answer, "kind")), text_in(*answer, "message"), text_in(*answer, "hint"));
  }
  return protocol::Reply(protocol::reply::Done{text_in(*answer, "done")});
}

void answer_all(const std::string& folder, cli::Link& link) {
  const Result<std::vector<std::string>> names = io::list_folder(folder);
  if (!names) return;
  for (const std::string& name : names.value()) {
    const std::optional<JobId> job = job_of(name);
    if (!job) continue;
    const std::string path = io::join_path(folder, name);
    const Value answer = answer_of(link.call(protocol::request::CancelJob{*job}));
    if (Result<> written = io::write_file(path + std::string(answer_suffix), codec::to_json(answer), 0600); !written) {
      log_warn("{}", describe(written.error()));
    }
    (void)io::remove_all(path);  // last: whoever finds neither of the two asks again
  }
}

}  // namespace

std::string cancel_folder(const std::string& workspace) { return io::join_path(workspace, ".escape/state/cancel"); }

void answer_cancel_requests(const std::string& workspace, cli::Link& link, int stop) {
  const std::string folder = cancel_folder(workspace);
  (void)io::remove_all(folder);
  if (Result<> made = io::make_folders(folder, 0700); !made) return;
  const io::Fd notices(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (notices) (void)::inotify_add_watch(notices.get(), folder.c_str(), IN_MOVED_TO);
  while (true) {
    answer_all(folder, link);
    pollfd waits[] = {{stop, POLLIN, 0}, {notices.get(), POLLIN, 0}};
    if (::poll(waits, 2, look_again_millis) < 0 && errno != EINTR) return;
    if ((waits[0].revents & POLLIN) != 0) return;
    char ignored[4096];
    while (notices && ::read(notices.get(), ignored, sizeof ignored) > 0) {
    }
  }
}

Result<std::optional<protocol::Reply>> ask_to_cancel(const std::string& workspace, JobId job, Millis limit,
                                                     const std::function<bool()>& is_worked_in) {
  const std::string path = io::join_path(cancel_folder(workspace), random_hex(8) + "-" + std::to_string(job));
  const std::string answer = path + std::string(answer_suffix);
  const Instant end = read_clocks().steady + limit;
  while (true) {
    // Before the answer is looked for: whoever gives it may be gone right after.
    const bool is_last = read_clocks().steady >= end || !is_worked_in();
    if (Result<std::string> text = io::read_file(answer); text) {
      (void)io::remove_all(answer);
      TRY(protocol::Reply reply, reply_in(text.value()));
      return std::optional(std::move(reply));
    }
    if (is_last) break;
    // The folder is made anew by a command that has just begun.
    if (!io::exists(path)) (void)io::write_file(path, "", 0600);
    std::this_thread::sleep_for(ask_again);
  }
  (void)io::remove_all(path);
  return std::optional<protocol::Reply>();
}

}  // namespace escape::embedded
