#include "controller/app/checkpoints.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shared/base/crypto.h"
#include "shared/base/log.h"
#include "shared/codec/codec.h"

namespace escape::controller {
namespace {

constexpr int waiting_connections = 8;
constexpr time_t patience_seconds = 60;
constexpr std::size_t longest_answer = 64 << 10;

std::string checkpoints_folder(const std::string& data_folder) { return io::join_path(data_folder, "checkpoints"); }
std::string socket_path(const std::string& data_folder) { return io::join_path(data_folder, "control"); }

/// The name of a socket has room for 107 bytes, a path has not: it is looked up below the open folder.
Result<io::Fd> with_address(const std::string& data_folder, const std::string& action,
                            int (*call)(int, const sockaddr*, socklen_t)) {
  TRY(const io::Fd folder, io::open_file(data_folder, O_PATH | O_DIRECTORY));
  io::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail(io::file_error(action, socket_path(data_folder), errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "/proc/self/fd/" + std::to_string(folder.get()) + "/control";
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (call(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(io::file_error(action, socket_path(data_folder), errno));
  }
  return socket;
}

std::string to_line(const Error& error) {
  return codec::to_json(Value::Object{
             {"kind", std::string(kind_name(error.kind))}, {"message", describe(error)}, {"hint", error.hint}}) +
         "\n";
}

std::string text_of(const Value::Object& object, std::string_view key) {
  const Value* found = object.find(key);
  const std::string* text = found ? found->as_string() : nullptr;
  return text ? *text : std::string();
}

bool has_gone(const io::Fd& connection) {
  char byte = 0;
  const ssize_t got = ::recv(connection.get(), &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

}  // namespace

Result<std::unique_ptr<Checkpoints>> Checkpoints::open(const std::string& data_folder) {
  std::unique_ptr<Checkpoints> made(new Checkpoints(checkpoints_folder(data_folder)));
  TRYV(io::remove_all(made->folder_));
  TRYV(io::remove_all(socket_path(data_folder)));
  TRY(made->listener_, with_address(data_folder, "open the socket", ::bind));
  ::fcntl(made->listener_.get(), F_SETFL, O_NONBLOCK);
  if (::chmod(socket_path(data_folder).c_str(), 0600) != 0 ||
      ::listen(made->listener_.get(), waiting_connections) != 0) {
    return fail(io::file_error("open the socket", socket_path(data_folder), errno));
  }
  return made;
}

Checkpoints::~Checkpoints() {
  for (const Lent& lent : lent_) (void)io::remove_all(lent.folder);
}

void Checkpoints::serve(const store::Database& database, const Error* trouble) {
  for (;;) {
    io::Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) break;
    lend(std::move(connection), database, trouble);
  }
  std::erase_if(lent_, [](const Lent& lent) {
    if (!has_gone(lent.connection)) return false;
    if (Result<> removed = io::remove_all(lent.folder); !removed) log_warn("{}", describe(removed.error()));
    return true;
  });
}

void Checkpoints::lend(io::Fd connection, const store::Database& database, const Error* trouble) {
  const std::string folder = io::join_path(folder_, random_hex(8));
  const Result<> made = [&]() -> Result<> {
    if (trouble) return fail(*trouble);
    TRYV(io::make_folders(folder_, 0700));
    return database.checkpoint(folder);
  }();
  const std::string answer = made ? codec::to_json(Value::Object{{"folder", folder}}) + "\n" : to_line(made.error());
  if (!made) log_warn("no backup: {}", describe(made.error()));
  // One small line into the empty buffer of a fresh connection: it fits, or nobody is there any more.
  (void)::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  lent_.push_back({std::move(connection), folder});
}

Result<BorrowedCheckpoint> borrow_checkpoint(const std::string& data_folder) {
  Result<io::Fd> connection = with_address(data_folder, "ask the controller through", ::connect);
  if (!connection) {
    Error error = std::move(connection).error();
    error.kind = ErrorKind::unreachable;
    error.hint = "Is it a controller of this version that works on that folder?";
    return fail(std::move(error));
  }
  const timeval patience{patience_seconds, 0};
  ::setsockopt(connection.value().get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string answer;
  while (!answer.ends_with('\n')) {
    char buffer[4096];
    const ssize_t got = ::recv(connection.value().get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || answer.size() > longest_answer) {
      return fail(ErrorKind::unreachable, "The controller that works on '" + data_folder + "' did not answer",
                  "Look at its log.");
    }
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  TRY(const Value value, codec::from_json(answer));
  const Value::Object* object = value.as_object();
  if (!object) return fail(ErrorKind::bad_data, "The controller's answer to a request for a backup is not an object");
  const std::string folder = text_of(*object, "folder");
  if (folder.empty()) {
    return fail(kind_from_name(text_of(*object, "kind")), text_of(*object, "message"), text_of(*object, "hint"));
  }
  return BorrowedCheckpoint{folder, std::move(connection).value()};
}

}  // namespace escape::controller
