#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "controller/inventory/inventory.h"
#include "shared/io/files.h"

namespace escape::inventory {
namespace {

using Writes = std::vector<store::Write>;

/// Opening beside a writer can meet a file that the writer is just replacing; the next look finds its successor.
constexpr int read_tries = 20;
constexpr std::chrono::milliseconds between_tries{10};

constexpr std::size_t copy_chunk = 1 << 20;

std::string user_name() {
  const char* name = ::getenv("USER");
  return name ? name : "";
}

class DirectoryInventory : public Client {
 public:
  explicit DirectoryInventory(std::string folder)
      : folder_(std::move(folder)), packages_(io::join_path(folder_, "packages")) {}

  Result<std::vector<std::string>> projects() override {
    return read<std::vector<std::string>>([](const Index& index) { return index.projects(); });
  }
  Result<std::vector<std::string>> applications(std::string_view project) override {
    return read<std::vector<std::string>>([&](const Index& index) { return index.applications(project); });
  }
  Result<std::vector<release::Version>> versions(const release::ApplicationId& application) override {
    TRY(auto found,
        read<std::vector<release::Version>>([&](const Index& index) { return index.versions(application); }));
    if (!found.empty()) return found;
    return fail(ErrorKind::not_found,
                "The application '" + to_string(application) + "' could not be found in " + place() + ".",
                "`escape inventory query -p " + application.project + "` lists the applications that there are.");
  }
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) override {
    return read<release::ReleaseRecord>([&](const Index& index) { return index.resolve(query); });
  }
  Result<std::string> next_version(const release::ApplicationId& application, std::string_view prefix) override {
    return read<std::string>([&](const Index& index) { return index.next_version(application, prefix); });
  }

  Result<std::string> reserve(const release::ApplicationId& application, std::string_view prefix,
                              std::string_view holder) override {
    std::string version;
    TRYV(write([&](const Index& index) -> Result<Writes> {
      TRY(auto reserved, index.reserve(application, prefix, holder, read_clocks().wall));
      version = std::move(reserved.first);
      return std::move(reserved.second);
    }));
    return version;
  }

  Result<> publish(const release::Metadata& metadata, const std::string& package_file) override {
    TRY(const release::ReleaseId id, release_id_of(metadata));
    TRYV(check_package(package_file, id));
    TRY(const auto upload, packages_.begin());
    TRYV(copy_into(*upload, package_file));
    return write([&](const Index& index) -> Result<Writes> {
      // Decided before the package takes its place: a refused release leaves no file.
      const auto size = io::file_size(upload->path());
      if (!size) return fail(size.error());
      TRY(Writes writes,
          index.publish(metadata, metadata.project, user_name(), read_clocks().wall, upload->sha256(), size.value()));
      TRYV(upload->finish());
      return writes;
    });
  }

  Result<TagMove> tag(const release::ReleaseQuery& target, std::string_view tag) override {
    TagMove move;
    TRYV(write([&](const Index& index) -> Result<Writes> {
      TRY(Writes writes, index.tag(target, tag));
      TRY(move, index.move_of(target, tag));
      return writes;
    }));
    return move;
  }
  Result<std::vector<TaggedVersion>> tags(const release::ApplicationId& application) override {
    return read<std::vector<TaggedVersion>>([&](const Index& index) { return index.tags(application); });
  }
  Result<> remove_tag(const release::ApplicationId& application, std::string_view tag) override {
    return write([&](const Index& index) { return index.remove_tag(application, tag); });
  }

  std::string package_path(const release::ReleaseRecord& record) override {
    return io::absolute_path(packages_.path_of(record.sha256));
  }
  Result<std::string> package_file(const release::ReleaseRecord& record, const std::string&) override {
    std::string file = package_path(record);
    TRYV(check_digest(file, record));
    return file;
  }
  std::string base_url() override { return ""; }

 private:
  std::string place() const { return "the local inventory at " + folder_; }
  std::string index_folder() const { return io::join_path(folder_, "index"); }

  template <class T, class Ask>
  Result<T> read(Ask ask) {
    for (int tries = 1;; ++tries) {
      Result<T> answer = read_once<T>(ask);
      if (answer || answer.error().kind != ErrorKind::storage || tries == read_tries) return answer;
      std::this_thread::sleep_for(between_tries);
    }
  }

  template <class T, class Ask>
  Result<T> read_once(Ask& ask) {
    auto database = store::open_rocksdb(index_folder(), store::Access::read_only);
    if (database) return ask(Index(*database.value(), place()));
    if (database.error().kind != ErrorKind::not_found) return fail(std::move(database).error());
    const auto empty = store::make_memory_database();
    return ask(Index(*empty, place()));
  }

  template <class Decide>
  Result<> write(Decide decide) {
    TRYV(io::make_folders(folder_));
    TRY(auto lock, io::FileLock::exclusive(io::join_path(folder_, "lock")));
    lock.describe("pid " + std::to_string(::getpid()));
    TRY(const auto database, store::open_rocksdb(index_folder(), store::Access::read_write));
    TRY(const Writes writes, decide(Index(*database, place())));
    if (writes.empty()) return ok();
    return database->commit(writes);
  }

  static Result<> copy_into(PackageFolder::Upload& upload, const std::string& file) {
    const io::Fd from(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!from) return fail(ErrorKind::storage, "Couldn't open the package '" + file + "': " + std::strerror(errno));
    std::string chunk(copy_chunk, '\0');
    while (true) {
      const ssize_t count = ::read(from.get(), chunk.data(), chunk.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        return fail(ErrorKind::storage, "Couldn't read the package '" + file + "': " + std::strerror(errno));
      if (count == 0) return ok();
      TRYV(upload.append(std::string_view(chunk).substr(0, static_cast<std::size_t>(count))));
    }
  }

  std::string folder_;
  PackageFolder packages_;
};

}  // namespace

Result<std::unique_ptr<Client>> open_directory(const std::string& folder) {
  if (folder.empty()) {
    return fail(ErrorKind::bad_configuration, "The profile names no folder for the local inventory",
                "`escape config profile` shows the profile.");
  }
  return std::unique_ptr<Client>(std::make_unique<DirectoryInventory>(io::absolute_path(folder)));
}

}  // namespace escape::inventory
