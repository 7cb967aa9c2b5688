#include "shared/io/digest.h"

#include "shared/io/folder_for_tests.h"

namespace escape::io {

using Digest = TestFolder;

TEST_F(Digest, KnownValues) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ASSERT_TRUE(write_file(in_folder("abc"), "abc"));
  EXPECT_EQ(sha256_of_file(in_folder("abc")).value(), sha256_of("abc"));
  EXPECT_EQ(md5_of_file(in_folder("abc")).value(), "900150983cd24fb0d6963f7d28e17f72");
}

TEST_F(Digest, PiecesAndFilesGiveWhatTheWholeGives) {
  const std::string bytes(700'001, 'x');
  Sha256 hash;
  for (std::size_t i = 0; i < bytes.size(); i += 1000) hash.update(std::string_view(bytes).substr(i, 1000));
  Sha256 moved = std::move(hash);
  EXPECT_EQ(moved.finish(), sha256_of(bytes));
  ASSERT_TRUE(write_file(in_folder("large"), bytes));
  EXPECT_EQ(sha256_of_file(in_folder("large")).value(), sha256_of(bytes));
}

TEST_F(Digest, AMissingFileIsNotFound) {
  EXPECT_EQ(sha256_of_file(in_folder("none")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(sha256_of_file(folder()).error().kind, ErrorKind::bad_data);
}

}  // namespace escape::io
