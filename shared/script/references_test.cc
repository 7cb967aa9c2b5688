#include <gtest/gtest.h>

#include "shared/base/text.h"
#include "shared/script/script.h"

namespace escape::script::references_test {

/// "this.inputs.who, dep.outputs.url"
std::string references_of(const char* text) {
  std::vector<std::string> paths;
  for (const auto& path : references(parse(text).value())) paths.push_back(join(path, "."));
  return join(paths, ", ");
}

TEST(References, ArePathsThatBeginAtAGlobal) {
  const std::pair<const char*, const char*> rows[] = {
      {"$this.inputs.who", "this.inputs.who"},
      {"$this.inputs.who.upper()", "this.inputs.who"},
      {"$dep", "dep"},
      {"$dep.list[0].x", "dep.list"},
      {"$[\"_/my-dep\"].version", "_/my-dep.version"},
      {"$a.concat($b.c, $a, [$d.e], {\"k\": $f.g})", "a, b.c, d.e, f.g"},
      {"$a.x.concat($a.x)", "a.x"},
      {"$c.if($x.y, $z).default($w)", "c, x.y, z, w"},
      {"$\"{{ $a.b }} {{ $c }}\"", "a.b, c"},
      {"$func(a) { $a.x.concat($b) }($a.y)", "a.y, b"},
      {"$func(a) { $func(b) { $a.concat($b, $c) }($b) }(\"x\")", "b, c"},
      {"$__concat(\"x\", 1)", ""},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(references_of(text), expected) << text;
}

TEST(FilesRead, AreLiteralPaths) {
  const std::pair<const char*, const char*> rows[] = {
      {"$__read_file(\"VERSION\")", "VERSION"},
      {"$__read_file(\"VERSION\").trim()", "VERSION"},
      {"$__concat(\"VERSION\".read_file(), $__file_exists(\"a\"), $__dir_exists(\"b\"), $__path_exists(\"VERSION\"))",
       "VERSION a b"},
      {"$\"{{ $__read_file($\"notes\") }}\"", "notes"},
      {"$__read_file($this.name)", ""},
      {"$__read_file(\"a\".upper())", ""},
      {"$__upper(\"a\")", ""},
      {"$__read_file()", ""},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(join(files_read(parse(text).value()), " "), expected) << text;
}

}  // namespace escape::script::references_test
