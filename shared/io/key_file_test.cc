#include "shared/io/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/io/files.h"
#include "shared/io/folder_for_tests.h"

namespace escape::io::key_file_test {

class KeyFile : public TestFolder {};

TEST_F(KeyFile, ReadsBackAndIsTheOwnersAlone) {
  const std::string path = in_folder("below/secrets.key");
  const SealKeys keys = SealKeys::make();
  ASSERT_TRUE(write_key_file(path, keys));
  EXPECT_EQ(read_key_file(path).value().to_text(), keys.to_text());
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyFile, ErrorsNameTheFile) {
  EXPECT_EQ(read_key_file(in_folder("none")).error().kind, ErrorKind::not_found);
  const std::string path = in_folder("secrets.key");
  ASSERT_TRUE(write_file(path, "what is this\n"));
  const Error error = read_key_file(path).error();
  EXPECT_EQ(error.kind, ErrorKind::bad_data);
  EXPECT_NE(error.message.find(path + "' cannot be used: line 1"), std::string::npos) << error.message;
}

}  // namespace escape::io::key_file_test
