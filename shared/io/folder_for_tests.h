#pragma once

#include <gtest/gtest.h>

#include <string>

#include "shared/io/files.h"

namespace escape::io {

/// For tests: a fresh folder for each, gone afterwards.
class TestFolder : public testing::Test {
 protected:
  TestFolder() : folder_(make_temporary_folder("escape-io-").value()) {}
  ~TestFolder() override { EXPECT_TRUE(remove_all(folder_)); }
  std::string in_folder(std::string_view name) const { return join_path(folder_, name); }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

}  // namespace escape::io
