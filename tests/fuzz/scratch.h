#pragma once

#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/io/files.h"

namespace escape::fuzz {

/// A folder of this process for targets that need files, below TMPDIR (ops/fuzz gives one in memory, and removes it
/// when a finding ended the process before it could).
class Scratch {
 public:
  Scratch() {
    Result<std::string> made = io::make_temporary_folder("escape-fuzz-");
    CHECK(made.has_value());
    path_ = std::move(made).value();
  }
  ~Scratch() { (void)io::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  std::string in(std::string_view name) const { return io::join_path(path_, name); }

 private:
  std::string path_;
};

}  // namespace escape::fuzz
