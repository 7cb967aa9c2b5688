#include <gtest/gtest.h>

#include "shared/script/context_for_tests.h"
#include "shared/script/script.h"

namespace escape::script::builtins_test {

using testing::outcome_of;
using testing::Row;

void expect(std::initializer_list<Row> rows) {
  for (const Row& row : rows) EXPECT_EQ(outcome_of(row.expression), row.outcome) << row.expression;
}

TEST(Builtins, OfTexts) {
  expect({
      {"$str.concat(\"!\", 1, $n)", "\"Hello World!112\""},
      {"$__concat()", "\"\""},
      {"$str.concat($t)", "Can't concatenate value of type bool"},
      {"$str.concat($lst)", "Can't concatenate value of type list"},
      {"$str.lower()", "\"hello world\""},
      {"$str.upper()", "\"HELLO WORLD\""},
      {"$str.title()", "\"HELLO WORLD\""},
      {"$__upper(\"äöé ÿ ß λς жё ż\")", "\"ÄÖÉ Ÿ ß ΛΣ ЖЁ Ż\""},
      {"$__lower(\"ÄÖÉ Ÿ ΛΣ ЖЁ Ż\")", "\"äöé ÿ λσ жё ż\""},
      {"$n.upper()", "Expecting string argument in call to upper, but got integer"},
      {"$__upper()", "Expecting 1 argument(s) in call to 'upper', got 0"},
      {"$str.split(\" \")", "[\"Hello\",\"World\"]"},
      {"$__split(\"aé\", \"\")", "[\"a\",\"é\"]"},
      {"$__split(\"\", \"\")", "[]"},
      {"$__split(\"\", \",\")", "[\"\"]"},
      {"$__split(\",a,,b\", \",\")", "[\"\",\"a\",\"\",\"b\"]"},
      {"$__split(\"a--b\", \"--\")", "[\"a\",\"b\"]"},
      {"$n.split(\" \")", "Expecting string argument in call to split, but got integer"},
      {"$lst.join(\",\")", "\"a,b,c\""},
      {"$lists[1].join(\",\")", "\"\""},
      {"$ints.join(\",\")", "Expecting string value in list in call to join, but got integer"},
      {"$str.join(\",\")", "Expecting list argument in call to join, but got string"},
      {"$str.replace(\"l\", \"L\", 1)", "\"HeLlo World\""},
      {"$str.replace(\"l\", \"L\", -1)", "\"HeLLo WorLd\""},
      {"$str.replace(\"l\", \"L\", 0)", "\"Hello World\""},
      {"$str.replace(\"l\", \"\", 9)", "\"Heo Word\""},
      {"$__replace(\"éa\", \"\", \"-\", -1)", "\"-é-a-\""},
      {"$__replace(\"ab\", \"\", \"-\", 2)", "\"-a-b\""},
      {"$__replace(\"\", \"\", \"-\", -1)", "\"-\""},
      {"$__replace(\"aaa\", \"aa\", \"b\", -1)", "\"ba\""},
      {"$str.replace(\"l\", \"L\")", "Expecting 4 argument(s) in call to 'replace', got 3"},
      {"$__trim(\"  a b  \")", "\"a b\""},
      {"$__trim(\"\xC2\xA0\xE3\x80\x80\\ta\xE2\x80\x83\")", "\"a\""},
      {"$__trim(\"  \")", "\"\""},
      {"$__length(\"é\")", "2"},
      {"$str.base64_encode()", "\"SGVsbG8gV29ybGQ=\""},
      {"$__base64_encode(\"\")", "\"\""},
      {"$__base64_encode(\"a\")", "\"YQ==\""},
      {"$__base64_encode(\"abc\")", "\"YWJj\""},
      {"$__base64_decode(\"SGVsbG8=\")", "\"Hello\""},
      {"$__base64_decode(\"YQ==\")", "\"a\""},
      {"$__base64_decode(\"YWJj\")", "\"abc\""},
      {"$__base64_decode(\"\")", "\"\""},
      {"$__base64_decode(\"SGVs\\nbG8=\\n\")", "\"Hello\""},
      {"$__base64_decode(\"!\")", "Error in call to base64_decode: illegal base64 data at input byte 0"},
      {"$__base64_decode(\"SGVsbG8\")", "Error in call to base64_decode: illegal base64 data at input byte 7"},
      {"$__base64_decode(\"YQ=\")", "Error in call to base64_decode: illegal base64 data at input byte 3"},
      {"$__base64_decode(\"Y===\")", "Error in call to base64_decode: illegal base64 data at input byte 1"},
      {"$__base64_decode(\"YQ==YQ==\")", "Error in call to base64_decode: illegal base64 data at input byte 4"},
      {"$__base64_decode(\"YWJj=\")", "Error in call to base64_decode: illegal base64 data at input byte 4"},
  });
}

TEST(Builtins, OfComparingAndLogic) {
  expect({
      {"$__id(\"x\")", "\"x\""},
      {"$__id()", "Expecting 1 argument(s) in call to 'id', got 0"},
      {"$str.equals(12)", "false"},
      {"$str.equals(\"Hello World\")", "true"},
      {"$lst.equals($lst)", "true"},
      {"$lst.equals([\"a\", \"b\", \"c\"])", "true"},
      {"$lst.equals([\"a\", \"b\"])", "false"},
      {"$lst.equals($ints)", "false"},
      {"$d.nested.equals({\"x\": 3})", "true"},
      {"$d.nested.equals({\"y\": 3})", "false"},
      {"$d.nothing.equals(\"\")", "true"},
      {"${\"a\": 1, \"b\": 2}.equals({\"b\": 2, \"a\": 1})", "true"},
      {"$t.equals(true)", "true"},
      {"$func(f) { $f.equals($f) }($func(x) { $x })", "false"},
      {"$str.equals()", "Expecting 2 argument(s) in call to 'equals', got 1"},
      {"$v.not_equals(\"1.2.4\")", "true"},
      {"$v.not_equals($v)", "false"},
      {"$t.not()", "false"},
      {"$n.not()", "Expecting bool argument in not call, but got 'integer'"},
      {"$t.and($f)", "false"},
      {"$t.and($t)", "true"},
      {"$f.or($t)", "true"},
      {"$f.or($f)", "false"},
      {"$t.and(1)", "Expecting bool arguments in and call, but got 'bool' and 'integer'"},
      {"$t.or(1)", "Expecting bool arguments in or call, but got 'bool' and 'integer'"},
      {"$n.lt(13)", "true"},
      {"$n.lt(12)", "false"},
      {"$n.lte(12)", "true"},
      {"$n.gt(12)", "false"},
      {"$n.gt(-12)", "true"},
      {"$n.gte(12)", "true"},
      {"$__lt(\"a\", \"b\")", "true"},
      {"$__gte(\"a\", \"b\")", "false"},
      {"$__gt(\"é\", \"z\")", "true"},
      {"$n.gt(\"1\")", "Expecting integer arguments in gt call, but got 'integer' and 'string'"},
      {"$t.lte($t)", "Expecting integer arguments in lte call, but got 'bool' and 'bool'"},
  });
}

TEST(Builtins, OfNumbersAndLists) {
  expect({
      {"$n.add(-3)", "9"},
      {"$n.add(\"3\")", "Expecting integer argument in call to add, but got string"},
      {"$__add(9223372036854775807, 1)", "The sum of 9223372036854775807 and 1 does not fit 64 bits"},
      {"$__add(-9223372036854775808, -1)", "The sum of -9223372036854775808 and -1 does not fit 64 bits"},
      {"$lst.length()", "3"},
      {"$n.length()", "Expecting list or string argument in length call, but got 'integer'"},
      {"$__length()", "Expecting 1 argument(s) in call to 'length', got 0"},
      {"$lst[2]", "\"c\""},
      {"$lst.list_index(2)", "\"c\""},
      {"$lst[3]", "Index '3' out of range (len: 3)"},
      {"$lst[-1]", "Index '-1' out of range (len: 3)"},
      {"$lst[9223372036854775807]", "Index '9223372036854775807' out of range (len: 3)"},
      {"$str[0]", "Expecting list argument in list index call, but got 'string'"},
      {"$lst.list_index(\"0\")", "Expecting integer argument in list index call, but got 'string'"},
      {"$lst[:-1]", "[\"a\",\"b\"]"},
      {"$lst[1:]", "[\"b\",\"c\"]"},
      {"$lst[1:2]", "[\"b\"]"},
      {"$lst[:0]", "[]"},
      {"$lst[3:]", "[]"},
      {"$lst[0:-3]", "[]"},
      {"$lst.list_slice(1)", "[\"b\",\"c\"]"},
      {"$lst.list_slice(0, -2)", "[\"a\"]"},
      {"$lst[4:]", "Slice [4:] out of range (len: 3)"},
      {"$lst[-1:]", "Slice [-1:] out of range (len: 3)"},
      {"$lst[0:4]", "Slice [0:4] out of range (len: 3)"},
      {"$lst[2:1]", "Slice [2:1] out of range (len: 3)"},
      {"$lst[0:-4]", "Slice [0:-4] out of range (len: 3)"},
      {"$lst[0:-9223372036854775808]", "Slice [0:-9223372036854775808] out of range (len: 3)"},
      {"$str[0:1]", "Expecting list argument in list slice call, but got 'string'"},
      {"$lst.list_slice(\"0\")", "Expecting integer argument in list slice call, but got 'string'"},
      {"$lst.list_slice(0, \"1\")", "Expecting integer argument in list slice call, but got 'string'"},
      {"$__list_slice($lst)", "Expecting at least 2 argument(s) (but not more than 3) in call to 'list_slice', got 1"},
  });
}

TEST(Builtins, OfVersions) {
  expect({
      {"$v.track_major_version()", "\"1.@\""},
      {"$v.track_minor_version()", "\"1.2.@\""},
      {"$v.track_patch_version()", "\"1.2.3.@\""},
      {"$v.track_version()", "\"1.2.3.@\""},
      {"$__track_patch_version(\"1.2.3.4\")", "\"1.2.3.@\""},
      {"$__track_major_version(\"1\")", "\"1.@\""},
      {"$__track_minor_version(\"1\")", "Version '1' has no minor part, which track_minor_version needs"},
      {"$__track_minor_version(\"1.\")", "Version '1.' has no minor part, which track_minor_version needs"},
      {"$__track_patch_version(\"1.2\")", "Version '1.2' has no patch part, which track_patch_version needs"},
      {"$__track_major_version(\"\")", "Version '' has no major part, which track_major_version needs"},
      {"$__track_version(\"\")", "Version '' has no major part, which track_version needs"},
      {"$n.track_version()", "Expecting string argument in call to track_version, but got integer"},
  });
}

TEST(Builtins, OfTheWorld) {
  expect({
      {"$__env_lookup(\"str\")", "Field 'str' was not found in environment."},
      {"$__env_lookup(\"$\").str", "\"Hello World\""},
      {"$func(str) { $__env_lookup(\"$\").str }(\"inner\")", "\"inner\""},
      {"$func(str) { $func(str, b) { $__env_lookup(\"$\").str }(\"newer\", 1) }(\"inner\")", "\"newer\""},
      {"$func(a) { $func(b, b) { $__env_lookup(\"$\").a.concat($__env_lookup(\"$\").b) }(\"1\", \"2\") }(\"0\")",
       "\"02\""},
      {"$func(a) { $func(b) { $b }(\"1\").concat($a, $__nope()) }(\"0\")",
       "Field '__nope' was not found (add, and, base64_decode, base64_encode, concat, default, dir_exists, env_lookup, "
       "equals, file_exists, gt, gte, id, if, join, length, list_index, list_slice, lower, lt and 16 more)"},
      {"$func(a) { $func(b) { $b }(\"1\").concat($b) }(\"0\")",
       "Field 'b' was not found (_/my-dep, a, d, empty, f, ints, lists, lst, n, str, t, v)"},
      {"$__concat(1, \"b\", -3, \"\", $n, 9223372036854775807)", "\"1b-3129223372036854775807\""},
      {"$__timestamp()", "\"1795400000\""},
      {"$__timestamp(1)", "Expecting 0 argument(s) in call to 'timestamp', got 1"},
      {"$__read_file(\"notes.txt\")", "\"some notes\""},
      {"$__read_file(\"/x\")", "Error in call to read_file: open /x: no such file or directory"},
      {"$__path_exists(\"dir\")", "true"},
      {"$__path_exists(\"dir/inside\")", "true"},
      {"$__path_exists(\"nope\")", "false"},
      {"$__file_exists(\"dir\")", "false"},
      {"$__file_exists(\"dir/inside\")", "true"},
      {"$__dir_exists(\"dir\")", "true"},
      {"$__dir_exists(\"notes.txt\")", "false"},
  });
}

TEST(Builtins, WithoutAHostSaySo) {
  for (const char* name : {"read_file", "path_exists", "file_exists", "dir_exists"}) {
    const Result<Value> value = evaluate(parse("$__" + std::string(name) + "(\"x\")").value(), {});
    ASSERT_FALSE(value) << name;
    EXPECT_EQ(value.error().message,
              "Error in call to " + std::string(name) + ": there are no files where this expression is evaluated");
  }
  EXPECT_EQ(evaluate(parse("$__id(\"x\").file").value(), {}).error().message,
            "Error in '.file': there are no files where this expression is evaluated");
}

TEST(Builtins, AreTheOldThirtyThreeAndThree) {
  const auto& names = builtin_names();
  EXPECT_EQ(names.size(), 36U);
  EXPECT_TRUE(std::ranges::is_sorted(names));
  for (const char* ours : {"default", "if", "not_equals"}) {
    EXPECT_NE(std::ranges::find(names, ours), names.end());
  }
}

}  // namespace escape::script::builtins_test
