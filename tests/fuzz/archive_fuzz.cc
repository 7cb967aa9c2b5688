// A package from somebody else. The first letter: 'g', the rest is the file; 't', it is the tar in it; 'r', the same,
// and the checksums of its headers are put right first, which no fuzzer would find out; 'o', 'z' and 'p', it is a tar
// (checksums put right), a zip or a tar.zst that a plan has downloaded, and is unpacked over a folder with a file and
// a link out: what is refused has changed nothing there, and nothing is written outside. What unpacks is regular files
// and folders below the folder that was named, within the limits, and packs and unpacks to the same; what does not
// leaves nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "shared/base/check.h"
#include "shared/io/archive.h"
#include "shared/io/files.h"
#include "shared/io/gzip_for_tests.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/scratch.h"

namespace escape::io {
namespace {

namespace fs = std::filesystem;

constexpr UnpackLimits limits{.max_bytes = 200'000, .max_entries = 100};

std::string with_right_checksums(std::string tar) {
  constexpr std::size_t block = 512, magic = 257, sum_at = 148, sum_size = 8;
  for (std::size_t at = 0; at + block <= tar.size(); at += block) {
    if (tar.compare(at + magic, 5, "ustar") != 0) continue;
    tar.replace(at + sum_at, sum_size, sum_size, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    std::string digits(6, '0');
    for (auto it = digits.rbegin(); it != digits.rend(); ++it, sum /= 8) *it = static_cast<char>('0' + sum % 8);
    tar.replace(at + sum_at, sum_size, digits + std::string("\0 ", 2));
  }
  return tar;
}

struct File {
  bool is_folder = false;
  unsigned mode = 0;
  std::string content;
  friend bool operator==(const File&, const File&) = default;
};

std::map<std::string, File> tree_of(const std::string& folder) {
  std::map<std::string, File> tree;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    struct stat status{};
    CHECK(::lstat(entry.path().c_str(), &status) == 0);
    CHECK(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
    CHECK((status.st_mode & (S_ISUID | S_ISGID | S_ISVTX)) == 0);
    File file{S_ISDIR(status.st_mode), status.st_mode & 0777, {}};
    // As root every file can be read; the modes themselves are compared.
    if (!file.is_folder) file.content = read_file(entry.path()).value();
    tree[entry.path().lexically_relative(folder)] = std::move(file);
  }
  return tree;
}

void check_packs_again(const std::map<std::string, File>& tree, const std::string& folder,
                       const fuzz::Scratch& scratch) {
  std::vector<ArchiveEntry> entries;
  std::map<std::string, File> files;
  for (const auto& [path, file] : tree) {
    if (file.is_folder) continue;
    entries.push_back({path, join_path(folder, path)});
    files[path] = file;
  }
  if (entries.empty()) return;
  CHECK(pack_archive(scratch.in("again.tgz"), "top", entries).has_value());
  CHECK(unpack_archive(scratch.in("again.tgz"), "top", scratch.in("again")).has_value());
  std::map<std::string, File> again = tree_of(scratch.in("again"));
  std::erase_if(again, [](const auto& one) { return one.second.is_folder; });
  CHECK(again == files);
}

void check_tree(const std::string& folder, const fuzz::Scratch& scratch) {
  const std::map<std::string, File> tree = tree_of(folder);
  std::uint64_t bytes = 0;
  for (const auto& [path, file] : tree) bytes += file.content.size();
  CHECK(bytes <= limits.max_bytes);
  check_packs_again(tree, folder, scratch);
}

void check_archive(std::string_view bytes) {
  // Of its own, so that whatever leads out of the folder still is in here, where it is seen.
  const fuzz::Scratch scratch;
  const std::string package = scratch.in("package.tgz");
  const std::string out = scratch.in("out");
  CHECK(write_file(package, bytes).has_value());
  const Result<> unpacked = unpack_archive(package, "top", out, limits);
  CHECK(list_folder(scratch.path()).value().size() == (unpacked ? 2U : 1U));
  if (unpacked) {
    check_tree(out, scratch);
  } else {
    CHECK(unpacked.error().kind == ErrorKind::bad_data && !unpacked.error().message.empty());
  }
  const Result<std::string> member = read_archive_member(package, "top/release.json", 10'000);
  CHECK(!member || member.value().size() <= 10'000);
}

void check_over(std::string_view bytes, std::string_view name) {
  const fuzz::Scratch scratch;
  const std::string out = scratch.in("out");
  CHECK(make_folders(out).has_value() && make_folders(scratch.in("outside")).has_value());
  CHECK(write_file(join_path(out, "a"), "mine").has_value());
  CHECK(::symlink("../outside", join_path(out, "link").c_str()) == 0);
  CHECK(write_file(scratch.in("archive"), bytes).has_value());
  const Result<> unpacked = unpack_over(scratch.in("archive"), name, out, limits);
  CHECK(list_folder(scratch.path()).value().size() == 3 && list_folder(scratch.in("outside")).value().empty());
  if (unpacked) return;
  const ErrorKind kind = unpacked.error().kind;
  CHECK((kind == ErrorKind::bad_data || kind == ErrorKind::conflict) && !unpacked.error().message.empty());
  if (kind == ErrorKind::conflict) return;  // known only when some files have found their places
  CHECK(list_folder(out).value().size() == 2 && read_file(join_path(out, "a")).value() == "mine");
}

}  // namespace
}  // namespace escape::io

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace escape::io;
  escape::fuzz::Input input(data, size);
  switch (static_cast<char>(input.byte())) {
    case 'g':
      check_archive(input.rest());
      break;
    case 't':
      check_archive(gzipped(input.rest()));
      break;
    case 'r':
      check_archive(gzipped(with_right_checksums(std::string(input.rest()))));
      break;
    case 'o':
      check_over(with_right_checksums(std::string(input.rest())), "a.tar");
      break;
    case 'z':
      check_over(input.rest(), "a.zip");
      break;
    case 'p':
      check_over(input.rest(), "a.tar.zst");
      break;
    default:
      return -1;  // not worth keeping
  }
  return 0;
}
