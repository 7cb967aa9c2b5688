#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "controller/inventory/inventory.h"
#include "shared/base/check.h"
#include "shared/base/crypto.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::inventory {
namespace {

/// Below the folder, on the same file system, so that the rename at the end is atomic.
constexpr std::string_view incoming = "incoming";

Error write_error(const std::string& path, std::uint64_t written, std::size_t wanted, int number) {
  if (number == ENOSPC || number == EDQUOT) {
    return {ErrorKind::storage,
            "The package could not be stored: the disk of the inventory is full (" + std::to_string(written) +
                " bytes were written, at least " + std::to_string(wanted) + " more were needed)",
            "Make room on the disk of the inventory, then publish again."};
  }
  return {ErrorKind::storage, "The package could not be stored: writing '" + path + "': " + std::strerror(number)};
}

class FileUpload : public PackageFolder::Upload {
 public:
  FileUpload(const PackageFolder& folder, std::string path, io::Fd file)
      : folder_(folder), path_(std::move(path)), file_(std::move(file)) {}
  ~FileUpload() override {
    if (!is_stored_) ::unlink(path_.c_str());
  }
  FileUpload(const FileUpload&) = delete;
  FileUpload& operator=(const FileUpload&) = delete;

  Result<> append(std::string_view bytes) override {
    CHECK(digest_.empty());
    hash_.update(bytes);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return fail(write_error(path_, size_, bytes.size(), errno));
      size_ += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return ok();
  }

  const std::string& path() const override { return path_; }

  const std::string& sha256() override {
    if (digest_.empty()) digest_ = hash_.finish();
    return digest_;
  }

  Result<Stored> finish() override {
    const std::string target = folder_.path_of(sha256());
    const std::string parent = io::parent_path(target);
    if (::fsync(file_.get()) != 0) return fail(write_error(path_, size_, 0, errno));
    const bool is_new_parent = !io::is_folder(parent);
    TRYV(io::make_folders(parent));
    TRYV(io::rename(path_, target));
    is_stored_ = true;
    TRYV(io::sync_folder(parent));
    if (is_new_parent) {
      TRYV(io::sync_folder(io::parent_path(parent)));
    }
    return Stored{digest_, size_, target};
  }

 private:
  const PackageFolder folder_;
  std::string path_;
  io::Fd file_;
  io::Sha256 hash_;
  std::string digest_;
  std::uint64_t size_ = 0;
  bool is_stored_ = false;
};

}  // namespace

PackageFolder::PackageFolder(std::string folder) : folder_(std::move(folder)) {}

std::string PackageFolder::path_of(std::string_view sha256) const {
  return io::join_path(io::join_path(folder_, sha256.substr(0, 2)), std::string(sha256) + ".tgz");
}

Result<std::unique_ptr<PackageFolder::Upload>> PackageFolder::begin() const {
  const std::string folder = io::join_path(folder_, incoming);
  TRYV(io::make_folders(folder));
  std::string path = io::join_path(folder, random_hex(16));
  io::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) return fail(write_error(path, 0, 0, errno));
  return std::unique_ptr<Upload>(std::make_unique<FileUpload>(*this, std::move(path), std::move(file)));
}

Result<> PackageFolder::remove_leftovers() const { return io::remove_all(io::join_path(folder_, incoming)); }

}  // namespace escape::inventory
