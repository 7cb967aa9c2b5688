// What the language can say that the original could not. None of these parsed there, so no old plan means otherwise.

#include <gtest/gtest.h>

#include "shared/script/context_for_tests.h"
#include "shared/script/script.h"

namespace escape::script::additions_test {

using testing::outcome_of;
using testing::Row;

void expect(std::initializer_list<Row> rows) {
  for (const Row& row : rows) EXPECT_EQ(outcome_of(row.expression), row.outcome) << row.expression;
}

TEST(Additions, Literals) {
  expect({
      {"$[1, \"a\", true, $n]", "[1,\"a\",true,12]"},
      {"$[]", "[]"},
      {"$[\"a\",]", "[\"a\"]"},
      {"$[\"a\", \"b\"].join(\"+\")", "\"a+b\""},
      {"$[1, [2, [3]]][1][1][0]", "3"},
      {"${}", "{}"},
      {"${\"k\": \"v\", \"l\": [1]}", "{k:\"v\",l:[1]}"},
      {"${\"k\": $str}.k.upper()", "\"HELLO WORLD\""},
      {"$__id(true)", "true"},
      {"$__id(false).not()", "true"},
      {"$__id([\"str\"])", "[\"str\"]"},
      {"$__id($[\"str\"])", "\"Hello World\""},
      {"$func() { [1] }()", "[1]"},
      {"$func() { {\"a\": true} }()", "{a:true}"},
      {"$__id($true)", "Field 'true' was not found (_/my-dep, d, empty, f, ints, lists, lst, n, str, t, v)"},
      {"$func(true) { $true }(\"a parameter may be called so\")", "\"a parameter may be called so\""},
  });
}

TEST(Additions, NamesWithOtherCharacters) {
  expect({
      {"$[\"_/my-dep\"].version", "\"0.0.1\""},
      {"$__concat($[\"_/my-dep\"].version, \"!\")", "\"0.0.1!\""},
      {"$[\"str\"]", "\"Hello World\""},
      {"$[\"\"]", "Field '' was not found (_/my-dep, d, empty, f, ints, lists, lst, n, str, t, v)"},
  });
}

TEST(Additions, Default) {
  expect({
      {"$__default($d.nope, \"y\")", "\"y\""},
      {"$d.nope.default(\"y\")", "\"y\""},
      {"$d.key.default(\"y\")", "\"value\""},
      {"$nope.default(\"y\")", "\"y\""},
      {"$nope.deeper.default(\"y\").upper()", "\"Y\""},
      {"$d.nope.upper().default(\"y\")", "\"y\""},
      {"$str.concat($nope).default(\"y\")", "\"y\""},
      {"$lst[3].default(\"y\")", "\"y\""},
      {"$lst[-1].default(\"y\")", "Index '-1' out of range (len: 3)"},
      {"$lst[4:].default(\"y\")", "Slice [4:] out of range (len: 3)"},
      {"$d.nothing.default(\"y\")", "\"\""},
      {"$__default(\"\", \"y\")", "\"\""},
      {"$a.default($b.default($str))", "\"Hello World\""},
      {"$a.default($b).default(\"c\")", "\"c\""},
      {"$a.default(\"x\").y.default(\"c\")", "Calling unknown function 'y' on string"},
      {"$a.default($d).nope.default(\"c\")", "\"c\""},
      {"$a.default($b)", "Field 'b' was not found (_/my-dep, d, empty, f, ints, lists, lst, n, str, t, v)"},
      {"$a.default($d).nope", "Field 'nope' was not found (half, key, l, nested, nothing)"},
      {"$n.x.default(\"y\")", "Expecting function, map or string for apply, but got 'integer'"},
      {"$n.nope().default(\"y\")",
       "Field '__nope' was not found (add, and, base64_decode, base64_encode, concat, default, dir_exists, env_lookup, "
       "equals, file_exists, gt, gte, id, if, join, length, list_index, list_slice, lower, lt and 16 more)"},
      {"$__read_file(\"/x\").default(\"y\")", "Error in call to read_file: open /x: no such file or directory"},
      {"$str.default(1.add(\"lazy\"))", "\"Hello World\""},
      {"$__default($a)", "Expecting 2 argument(s) in call to 'default', got 1"},
      {"$str.default()", "Expecting 2 argument(s) in call to 'default', got 1"},
      {"$d.default", "Field 'default' was not found (half, key, l, nested, nothing)"},
  });
}

TEST(Additions, If) {
  expect({
      {"$__if($t, \"a\", \"b\")", "\"a\""},
      {"$t.if(\"a\", \"b\")", "\"a\""},
      {"$f.if(\"a\", \"b\")", "\"b\""},
      {"$v.equals(\"1.2.3\").if(\"is\", \"is not\").upper()", "\"IS\""},
      {"$t.if(\"a\", $nope)", "\"a\""},
      {"$__if($f, $nope, \"b\")", "\"b\""},
      {"$n.if(\"a\", \"b\")", "Expecting bool argument in if call, but got 'integer'"},
      {"$t.if(\"a\")", "Expecting 3 argument(s) in call to 'if', got 2"},
      {"$__if()", "Expecting 3 argument(s) in call to 'if', got 0"},
  });
}

TEST(Additions, Interpolation) {
  expect({
      {"$\"plain\"", "\"plain\""},
      {"$\"\"", "\"\""},
      {"$\"text {{ $v }} more\"", "\"text 1.2.3 more\""},
      {"$\"{{$n}}{{$t}}{{ $f }}\"", "\"12truefalse\""},
      {"$\"{{ $lst.join(\"-\") }}\"", "\"a-b-c\""},
      {"$\"{{ 1 }}-{{ $v }}-{{ 3 }}-{{ true }}-{{ -5 }}\"", "\"1-1.2.3-3-true--5\""},
      {"$\"{{ $lst }}{{ $nope }}\"", "Can't put a value of type list into text"},
      {"$\"{{ $\"inner {{ $n }}\" }}\"", "\"inner 12\""},
      {"$\"{{ \"}}\" }}\"", "\"}}\""},
      {"$\"{{ {\"k\": 1}.k }}\"", "\"1\""},
      {"$\"\\{{ $v }} {x}\"", "\"{{ $v }} {x}\""},
      {"$\"a\\n\\t\\\"\\\\\"", "\"a\n\t\"\\\""},
      {"$\"{{ $v }}\".upper()", "\"1.2.3\""},
      {"$__concat($\"<{{ $n }}>\", \"{{ $n }}\")", "\"<12>{{ $n }}\""},
      {"$\"{{ $lst }}\"", "Can't put a value of type list into text"},
      {"$\"{{ $d }}\"", "Can't put a value of type map into text"},
      {"$\"{{ $nope.default(\"x\") }}\"", "\"x\""},
  });
}

}  // namespace escape::script::additions_test
