// The rows of spec/escape-plan.md about what one plan says by itself: sections 1 to 5 and 8 to 11. What other releases
// bring into it is in plan_rows_relations_test.cc, what is proved elsewhere in README.md.
#include "tests/golden/plan_rows.h"

#include <gtest/gtest.h>

namespace escape::golden {
namespace plan_rows_test {

World with_files(std::map<std::string, std::string> content) {
  World world;
  world.files.content = std::move(content);
  return world;
}

TEST(PlanRows, Section1FileHandling) {
  expect_rows({}, {
                      {"§1 r4", "metadata: {a: b", refused, "Couldn't parse Escape plan 'escape.yml': line 3"},
                      {"§1 r4, shape", "metadata: [a]", refused,
                       "Couldn't parse Escape plan 'escape.yml': line 3, column 11: metadata"},
                      {"§1 r5 (ours: refused)", "zebra: x", refused, "unknown field 'zebra'"},
                      {"§1 r6 (ours: refused)", "license: a\nlicense: b", refused,
                       "the key 'license' is there already in line 3"},
                      {"§1 r7 (ours: ids stay)", "inputs: [{id: n}, {id: on}, y]", "inputs.*.id", R"(["n","on","y"])"},
                      {"§1 r7, a boolean of the plan", "consumes: [{name: k, skip_activate: on}]",
                       "consumes.*.skip_activate", "[true]"},
                  });
}

TEST(PlanRows, Section2Fields) {
  expect_rows(
      with_files({{"logo.png", "\xfb\xff\xfe?"}, {"a.txt", "x"}}),
      {
          {"§2 name", "name: prj/app\nversion: 1", "project", R"("prj")"},
          {"§2 name, without project", "name: app\nversion: 1", "project", R"("_")"},
          {"§2 name, required", "version: 1", refused, "Missing build name. Add a 'name' field to your Escape plan"},
          {"§2 version, as written", "name: app\nversion: 1.10", "version", R"("1.10")"},
          {"§2 version, scriptable", "name: app\nversion: $__concat(\"1.\", 2)", "version", R"("1.2")"},
          {"§2 version, required in practice", "name: app\nlicense: x", refused, "Invalid version string ''."},
          {"§2 description, trimmed", "description: \"\\n a b \\n\"", "description", R"("a b")"},
          {"§2 license, free text", "license: ' MIT or, else '", "license", R"(" MIT or, else ")"},
          {"§2 logo", "logo: logo.png", "logo", R"("+//+Pw==")"},
          {"§2 logo, missing", "logo: nope.png", refused, "Referenced logo 'nope.png' does not exist"},
          {"§2 metadata, scalars", "metadata: {a: 1, b: true, c: x}", "metadata", R"({"a":"1","b":"true","c":"x"})"},
          {"§2 metadata, expressions", "metadata: {a: '$__add(1, 2)'}", "metadata", R"({"a":"3"})"},
          {"§2 depends, text or map", "depends: 1", refused, "depends is text, expected a list of releases"},
          {"§2 extends, text only", "extends: [{release_id: x}]", refused,
           "an element of extends is a map, expected text"},
          {"§2 includes", "includes: ['*.txt']", "files", R"({"a.txt":"md5:x"})"},
          {"§2 generates, files", "generates: ['*.txt']", "files", R"({"a.txt":"md5:x"})"},
          {"§2 generates, kept for who extends", "generates: ['*.txt']", "generates", R"(["*.txt"])"},
          {"§2 provides, once each, no validation", "provides: [a, 'w!', a]", "provides",
           R"([{"name":"a"},{"name":"w!"}])"},
          {"§2 consumes", "consumes: [a, {name: b}]", "consumes.*.scopes",
           R"([["build","deploy"],["build","deploy"]])"},
          {"§2 build_consumes", "build_consumes: [a]", "consumes.*.scopes", R"([["build"]])"},
          {"§2 deploy_consumes", "deploy_consumes: [a]", "consumes.*.scopes", R"([["deploy"]])"},
          {"§2 inputs", "inputs: [a, {id: b}]", "inputs.*.scopes", R"([["build","deploy"],["build","deploy"]])"},
          {"§2 build_inputs", "build_inputs: [{id: a, scopes: [deploy]}]", "inputs.*.scopes", R"([["build"]])"},
          {"§2 deploy_inputs", "deploy_inputs: [a]", "inputs.*.scopes", R"([["deploy"]])"},
          {"§2 outputs", "outputs: [a, {id: b}]", "outputs.*.scopes", R"([["build","deploy"],["build","deploy"]])"},
          {"§2 build_outputs", "build_outputs: [a]", "outputs.*.scopes", R"([["build"]])"},
          {"§2 deploy_outputs", "deploy_outputs: [a]", "outputs.*.scopes", R"([["deploy"]])"},
          {"§2 the steps, text or map",
           "pre_build: /a\nbuild: {cmd: /a}\npost_build: /a\ntest: /a\npre_deploy: /a\ndeploy: /a\npost_deploy: /a\n"
           "smoke: /a\npre_destroy: /a\ndestroy: /a\npost_destroy: /a\nactivate_provider: /a\ndeactivate_provider: /a",
           "stages",
           R"({"activate_provider":{"cmd":"/a"},"build":{"cmd":"/a"},"deactivate_provider":{"cmd":"/a"},)"
           R"("deploy":{"cmd":"/a"},"destroy":{"cmd":"/a"},"post_build":{"cmd":"/a"},"post_deploy":{"cmd":"/a"},)"
           R"("post_destroy":{"cmd":"/a"},"pre_build":{"cmd":"/a"},"pre_deploy":{"cmd":"/a"},"pre_destroy":{"cmd":"/a"},)"
           R"("smoke":{"cmd":"/a"},"test":{"cmd":"/a"}})"},
          {"§2 errands, a map of maps", "errands: [a]", refused,
           "errands is a list, expected a map of names to errands"},
          {"§2 templates", "templates: [a.tpl, {file: b}]", "templates.*.scopes",
           R"([["build","deploy"],["build","deploy"]])"},
          {"§2 build_templates", "build_templates: [a.tpl]", "templates.*.scopes", R"([["build"]])"},
          {"§2 deploy_templates", "deploy_templates: [a.tpl]", "templates.*.scopes", R"([["deploy"]])"},
          {"§2 downloads, maps only", "downloads: [x]", refused, "a download is text, expected a map"},
          {"§2 shape", "provides: x", refused, "provides is text, expected a list of texts"},
          {"§2 shape", "depends: x", refused, "depends is text, expected a list of releases"},
          {"§2 shape", "metadata: [a]", refused, "metadata is a list, expected a map of names to texts"},
      });
}

TEST(PlanRows, Section3Steps) {
  World world = with_files({{"s.sh", "x"}, {"dir/x", "x"}});
  world.files.folders = {"../other/s.sh"};  // only whether it exists counts
  expect_rows(
      world,
      {
          {"§3 r1", "build:", "stages", "{}"},
          {"§3 r1", "build: null", "stages", "{}"},
          {"§3 r1", "build: ''", "stages", "{}"},
          {"§3 r2", "build: /bin/ls -al x", "stages.build", R"({"cmd":"/bin/ls","args":["-al","x"]})"},
          {"§3 r3", "build: s.sh a b", "stages.build", R"({"script":"s.sh a b"})"},
          {"§3 r4 (ours: a command)", "build: dir", "stages.build", R"({"cmd":"dir"})"},
          {"§3 r5", "build: ../other/s.sh", refused,
           "The file '../other/s.sh' is outside of this package's base directory and can't be added."},
          {"§3 r6", "build: ./nope.sh", refused, "The path to script './nope.sh' does not exist (in './nope.sh')"},
          {"§3 r6", "build: ../nope", refused, "The path to script '../nope' does not exist (in '../nope')"},
          {"§3 r7", "build: nope x", "stages.build", R"({"cmd":"nope","args":["x"]})"},
          {"§3 r7 (ours: what looks like a script)", "build: nope.sh x", refused,
           "The path to script 'nope.sh' does not exist (in 'nope.sh x')"},
          {"§3 r8", "build: ls -al \"a b\"", "stages.build", R"({"cmd":"ls","args":["-al","\"a","b\""]})"},
          {"§3 r9", "build: '   '", "stages", "{}"},
          {"§3 r10", "build: {cmd: ls, args: [a, b]}", "stages.build", R"({"cmd":"ls","args":["a","b"]})"},
          {"§3 r11", "build: {inline: $this.}", "stages.build", R"({"inline":"$this."})"},
          {"§3 r12", "build: {script: x.sh}", "stages.build", R"({"script":"x.sh"})"},
          {"§3 r13", "build: {}", "stages", "{}"},
          {"§3 r13 (ours: refused)", "build: {comand: x}", refused, "unknown field of the step 'build' 'comand'"},
          {"§3 errors", "build: 5", refused, "In field build: Expecting dict or string type. Got 'integer'"},
          {"§3 errors", "build: [a]", refused, "In field build: Expecting dict or string type. It is a list"},
          {"§3 errors, a key that is no text", "build: {5: a}", refused, "unknown field of the step 'build' '5'"},
          {"§3 errors, cmd", "build: {cmd: [a]}", refused, "In field build: cmd is a list, expected text"},
          {"§3 errors, args", "build: {cmd: a, args: a}", refused,
           "In field build: args is text, expected a list of texts"},
          {"§3 errors, an argument (ours: its text)", "build: {cmd: a, args: [1]}", "stages.build.args", R"(["1"])"},
          {"§3 errors, an argument", "build: {cmd: a, args: [[x]]}", refused, "In field build: args is a list"},
          {"§3 errors, two kinds", "build: {cmd: a, inline: b}", refused,
           "Found a problem in the 'build' field: More than one field is set. Please specify only one of script, cmd "
           "or "
           "inline."},
          {"§3 packaging", "build: s.sh", "files", R"({"s.sh":"md5:x"})"},
          {"§3 packaging", "build: {script: s.sh}", "files", R"({"s.sh":"md5:x"})"},
          {"§3 packaging, with arguments (ours: added)", "build: s.sh a", "files", R"({"s.sh":"md5:x"})"},
          {"§3 at run time, parsed before", "build: {cmd: $(}", refused,
           "In the 'build' field: Couldn't parse expression"},
      });
}

TEST(PlanRows, Section4Errands) {
  const auto errand = [](const char* fields) { return "errands: {a: " + std::string(fields) + "}"; };
  expect_rows(
      with_files({{"e.sh", "x"}}),
      {
          {"§4 description", errand("{run: /a, description: d}"), "errands.a.description", R"("d")"},
          {"§4 run, text", errand("{run: /a b}"), "errands.a.exec_stage", R"({"cmd":"/a","args":["b"]})"},
          {"§4 run, map", errand("{run: {inline: x}}"), "errands.a.exec_stage", R"({"inline":"x"})"},
          {"§4 script", errand("{script: e.sh}"), "errands.a.exec_stage", R"({"script":"e.sh"})"},
          {"§4 script, packaged", errand("{script: e.sh}"), "files", R"({"e.sh":"md5:x"})"},
          {"§4 inputs", errand("{run: /a, inputs: [x, {id: y}]}"), "errands.a.inputs.*.id", R"(["x","y"])"},
          {"§4 the whole", errand("{run: /a}"), "errands.a",
           R"({"name":"a","description":"","script":"","exec_stage":{"cmd":"/a"},"inputs":[]})"},
          {"§4 any name", "errands: {'1 back-up': {run: /a}}", "errands.1 back-up.name", R"("1 back-up")"},
          {"§4 any name (ours: of one line)", "errands: {'': {run: /a}}", refused, "Invalid errand name"},
          {"§4 both: run counts", errand("{script: nope.sh, run: /a}"), "errands.a.exec_stage", R"({"cmd":"/a"})"},
          {"§4 m1", errand("{description: d}"), refused, "Missing 'run' in errand 'a'"},
          {"§4 m2", errand("{run: ''}"), refused, "Missing value for 'run' field in errand."},
          {"§4 m3", errand("{script: nope.sh}"), refused,
           "File 'nope.sh' was referenced in the escape plan, but it doesn't exist"},
          {"§4 m4", errand("{run: 5}"), refused, "Failed to parse 'run' field in errand"},
          {"§4 m5", errand("{script: [a]}"), refused, "Expecting string value for script field in errand a"},
          {"§4 m6", errand("{run: /a, description: [a]}"), refused,
           "Expecting string value for description field in errand a"},
          {"§4 m7", errand("{run: /a, inputs: x}"), refused,
           "inputs in errand 'a' input variables is text, expected a list"},
          {"§4 m8", errand("{run: /a, inputs: [1x]}"), refused,
           "Error in errand 'a' input variables: Invalid variable"},
          {"§4 m9", errand("x"), refused, "Expecting a dictionary for errand a"},
          {"§4 m10, a key that is no text (ours: unknown)", errand("{run: /a, 5: x}"), refused,
           "unknown field of an errand '5'"},
      });
}

TEST(PlanRows, Section5ConsumersAndProviders) {
  expect_rows(
      {},
      {
          {"§5 \"iface\"", "consumes: [kube]", "consumes",
           R"([{"name":"kube","scopes":["build","deploy"],"variable":"kube","skip_activate":false,"skip_deactivate":false}])"},
          {"§5 \"iface as var\"", "consumes: [kube as k]", "consumes.0.variable", R"("k")"},
          {"§5 map", "consumes: [{name: kube as k, scopes: [deploy], skip_activate: true, skip_deactivate: true}]",
           "consumes",
           R"([{"name":"kube","scopes":["deploy"],"variable":"k","skip_activate":true,"skip_deactivate":true}])"},
          {"§5 other keys (ours: refused)", "consumes: [{name: kube, variable: k}]", refused,
           "unknown field of a consumer"},
          {"§5 scopes, text", "consumes: [{name: a, scopes: build}]", "consumes.*.scopes", R"([["build"]])"},
          {"§5 scopes, as written", "consumes: [{name: a, scopes: [deploy, build]}]", "consumes.*.scopes",
           R"([["deploy","build"]])"},
          {"§5 merge: the longer list", "consumes: [{name: a, scopes: [build]}, a]", "consumes.*.scopes",
           R"([["build","deploy"]])"},
          {"§5 merge: the longer list, as written",
           "consumes: [{name: a, scopes: [build]}, {name: a, scopes: [deploy, build]}]", "consumes.*.scopes",
           R"([["deploy","build"]])"},
          {"§5 merge: of equal ones the first", "consumes: [{name: a, scopes: [deploy, build]}, a]",
           "consumes.*.scopes", R"([["deploy","build"]])"},
          {"§5 merge: other variables are others", "consumes: [a, a as b]", "consumes.*.variable", R"(["a","b"])"},
          {"§5 merge: of two lists the union", "deploy_consumes: [b]\nbuild_consumes: [b]", "consumes.*.scopes",
           R"([["build","deploy"]])"},
          {"§5 provides", "provides: [web]", "provides", R"([{"name":"web"}])"},
          {"§5 no validation", "consumes: [weird!]", "consumes.*.name", R"(["weird!"])"},
          {"§5 m1", "consumes: [kube as]", refused, "Malformed consumer string 'kube as' in 'consumes' field"},
          {"§5 m2", "build_consumes: [kube like k]", refused,
           "Unexpected 'like' expecting 'as' in 'kube like k' in 'build_consumes' field"},
          {"§5 m3", "consumes: [kube as 1k]", refused,
           "Malformed consumer string 'kube as 1k': Invalid variable format '1k' in 'consumes' field"},
          {"§5 m4", "deploy_consumes: [[a]]", refused, "Expecting dict or string type in 'deploy_consumes' field"},
          {"§5 m5", "consumes: [{scopes: [build]}]", refused, "Missing 'name' in consumer in 'consumes' field"},
          {"§5 m6", "consumes: [{name: a, scopes: [foo]}]", refused,
           "Unknown scope 'foo'. Expecting 'build' or 'deploy' in 'consumes' field"},
          {"§5 m7", "consumes: [{name: a, skip_activate: x}]", refused,
           "Expecting bool for consumer field 'skip_activate'"},
          {"§5 m8", "consumes: [{name: [a]}]", refused, "Expecting string for consumer 'name' in 'consumes' field"},
      });
}

TEST(PlanRows, Section8Files) {
  World world = with_files({{"a.txt", "1"},
                            {"b.txt", "2"},
                            {"s.sh", "3"},
                            {"d/e/f", "4"},
                            {"t.tpl", "5"},
                            {"escape.yml", "6"},
                            {"release.json", "7"},
                            {"e.sh", "8"}});
  expect_rows(world,
              {
                  {"§8 *", "includes: ['*.txt']", "files", R"({"a.txt":"md5:1","b.txt":"md5:2"})"},
                  {"§8 ?", "includes: ['?.sh']", "files", R"({"e.sh":"md5:8","s.sh":"md5:3"})"},
                  {"§8 [..]", "includes: ['[a]*']", "files", R"({"a.txt":"md5:1"})"},
                  {"§8 no recursion of *", "includes: ['*/f']", "files", "{}"},
                  {"§8 ** (ours)", "includes: ['**/f']", "files", R"({"d/e/f":"md5:4"})"},
                  {"§8 a directory is added whole", "includes: [d]", "files", R"({"d/e/f":"md5:4"})"},
                  {"§8 a pattern that finds a directory", "includes: ['d*']", "files", R"({"d/e/f":"md5:4"})"},
                  {"§8 ./s.sh (ours: a clean path)", "includes: [./s.sh]", "files", R"({"s.sh":"md5:3"})"},
                  {"§8 no match", "includes: [nope, '*.nope']", "files", "{}"},
                  {"§8 bad pattern (ours: refused)", "includes: ['[a']", refused, "syntax error in pattern '[a'"},
                  {"§8 also steps", "deploy: s.sh", "files", R"({"s.sh":"md5:3"})"},
                  {"§8 also templates", "templates: [t.tpl]", "files", R"({"t.tpl":"md5:5"})"},
                  {"§8 also errands", "errands: {e: {script: e.sh}}", "files", R"({"e.sh":"md5:8"})"},
                  {"§8 not the plan", "name: app\nversion: 1", "files", "{}"},
                  {"§8 release.json is added by packing", "includes: ['release.*']", "files", "{}"},
              });
}

TEST(PlanRows, Section9Templates) {
  World world = with_files({{"a.txt.tpl", "x"}});
  const std::string keys = R"("branch":"$this.branch","description":"$this.description",)"
                           R"("id":"$this.id","logo":"$this.logo","name":"$this.name","release":"$this.release",)"
                           R"("repository":"$this.repository","revision":"$this.revision","version":"$this.version",)"
                           R"("versionless_release":"$this.versionless_release")";
  expect_rows(
      world,
      {
          {"§9 \"file.tpl\"", "templates: [a.txt.tpl]", "templates",
           R"([{"file":"a.txt.tpl","target":"a.txt","scopes":["build","deploy"],"mapping":{)" + keys + "}}]"},
          {"§9 map", "templates: [{file: f, target: t, scopes: [build], mapping: {x: 1}}]", "templates.0.target",
           R"("t")"},
          {"§9 map", "templates: [{file: f, target: t, scopes: [build], mapping: {x: 1}}]", "templates.0.scopes",
           R"(["build"])"},
          {"§9 map", "templates: [{file: f, target: t, scopes: [build], mapping: {x: 1}}]", "templates.0.mapping.x",
           "1"},
          {"§9 scopes, as written", "templates: [{file: f, scopes: [deploy, build]}]", "templates.0.scopes",
           R"(["deploy","build"])"},
          {"§9 default target", "templates: [a.b.c]", "templates.0.target", R"("a.b")"},
          {"§9 default target", "templates: [d.x/Makefile]", "templates.0.target", R"("d.x/Makefile")"},
          {"§9 forced scope", "build_templates: [{file: f, scopes: [deploy]}]", "templates.0.scopes", R"(["build"])"},
          {"§9 forced scope", "deploy_templates: [f]", "templates.0.scopes", R"(["deploy"])"},
          {"§9 other keys (ours: refused)", "templates: [{file: f, mode: 1}]", refused,
           "unknown field of a template 'mode'"},
          {"§9 escape (ours)", "templates: [{file: f, escape: html}]", "templates.0.escape", R"("html")"},
          {"§9 mapping: inputs of all scopes", "inputs: [i]\nbuild_inputs: [b]\ntemplates: [f]",
           "templates.0.mapping.i", R"("$this.inputs.i")"},
          {"§9 mapping: not of one", "inputs: [i]\nbuild_inputs: [b]\ntemplates: [f]", "templates.0.mapping.b", "null"},
          {"§9 mapping: of one", "build_inputs: [b]\nbuild_templates: [f]", "templates.0.mapping.b",
           R"("$this.inputs.b")"},
          {"§9 mapping: unless present", "inputs: [i]\ntemplates: [{file: f, mapping: {i: x, name: y}}]",
           "templates.0.mapping.i", R"("x")"},
          {"§9 mapping: unless present", "inputs: [i]\ntemplates: [{file: f, mapping: {i: x, name: y}}]",
           "templates.0.mapping.name", R"("y")"},
          {"§9 mapping: not by itself", "outputs: [o]\nmetadata: {m: x}\ntemplates: [f]", "templates.0.mapping",
           "{" + keys + "}"},
          {"§9 m1", "templates: [{target: x}]", refused, "Missing 'file' field in template"},
          {"§9 m2", "templates: [12]", refused, "Unexpected type 'integer' for template"},
          {"§9 m3", "templates: [{file: [a]}]", refused, "field 'file' of template dict is a list"},
          {"§9 m4", "templates: [{file: f, scopes: [zz]}]", refused,
           "Unknown scope 'zz'. Expecting 'build' or 'deploy' in field 'scopes' of template dict."},
          {"§9 m5, a key that is no text (ours: its text)", "templates: [{file: f, mapping: {5: x}}]",
           "templates.0.mapping.5", R"("x")"},
          {"§9 mapping, shape", "templates: [{file: f, mapping: x}]", refused, "field 'mapping' of template dict"},
      });
}

TEST(PlanRows, Section10Downloads) {
  const auto download = [](const char* fields) { return "downloads: [{" + std::string(fields) + "}]"; };
  expect_rows(
      {},
      {
          {"§10 url, dest and the defaults", download("url: 'http://x/y', dest: y"), "downloads",
           R"([{"url":"http://x/y","dest":"y","overwrite":false,"if_not_exists":[],"unpack":false,"platform":"","arch":"",)"
           R"("scopes":["build","deploy"]}])"},
          {"§10 overwrite", download("url: 'http://x', dest: y, overwrite: true"), "downloads.0.overwrite", "true"},
          {"§10 if_not_exists", download("url: 'http://x', dest: y, if_not_exists: ['a*', b]"),
           "downloads.0.if_not_exists", R"(["a*","b"])"},
          {"§10 unpack", download("url: 'http://x', dest: y.tgz, unpack: true"), "downloads.0.unpack", "true"},
          {"§10 platform", download("url: 'http://x', dest: y, platform: darwin"), "downloads.0.platform",
           R"("darwin")"},
          {"§10 arch", download("url: 'http://x', dest: y, arch: arm64"), "downloads.0.arch", R"("arm64")"},
          {"§10 scopes", download("url: 'http://x', dest: y, scopes: [deploy]"), "downloads.0.scopes", R"(["deploy"])"},
          {"§10 scopes, as written", download("url: 'http://x', dest: y, scopes: [deploy, build]"),
           "downloads.0.scopes", R"(["deploy","build"])"},
          {"§10 scopes, unknown (ours: refused)", download("url: 'http://x', dest: y, scopes: [zz]"), refused,
           "Unknown scope 'zz'"},
          {"§10 sha256 (ours)", download("url: 'http://x', dest: y, sha256: abc"), refused, "Invalid sha256"},
          {"§10 none", "downloads: []", "downloads", "null"},
          {"§10 m1", download("dest: x"), refused, "Missing URL in download config."},
          {"§10 m2", download("url: 'http://x'"), refused, "Missing 'dest' in download config for 'http://x'"},
          {"§10 m3", download("url: 'ftp://x', dest: y"), refused, "Invalid URL 'ftp://x' in download config: "},
          {"§10 m4", download("url: nourl, dest: y"), refused, "Missing URL scheme in download config 'nourl'"},
          {"§10 m9", "downloads: ['http://x']", refused, "a download is text, expected a map"},
      });
}

TEST(PlanRows, Section11Compilation) {
  World world;
  world.releases = {{"_/dep-v1.2", "name: dep\nversion: 1.2\nmetadata: {k: v}\n"},
                    {"_/base-v2", "name: base\nversion: 2\nmetadata: {b: from base}\n"}};
  const std::string both = "depends: [dep-v1.2 as dep]\nextends: [base-v2 as base]\n";
  expect_rows(
      world,
      {
          {"§11 metadata sees dependencies", both + "metadata: {a: $dep.metadata.k}", "metadata.a", R"("v")"},
          {"§11 metadata sees extensions", both + "metadata: {a: $base.id}", "metadata.a", R"("_/base-v2")"},
          {"§11 version sees them", "name: app\nversion: $dep.version.track_minor_version()\n" + both, "version",
           R"("1.2.7")"},
          {"§11 no $this (ours: what is known)", "metadata: {a: $this.name}", "metadata.a", R"("app")"},
          {"§11 only metadata of others", both + "metadata: {a: $dep.inputs}", refused, "Field 'inputs' was not found"},
          {"§11 unknown", "metadata: {a: $nope}", refused, "Field 'nope' was not found (this)"},
          {"§11 git", "name: app\nversion: 1", "git_revision", R"("0123abc")"},
          {"§11 git", "name: app\nversion: 1", "branch", R"("main")"},
          {"§11 git, credentials (ours: stripped)", "name: app\nversion: 1", "repository", R"("https://host/app.git")"},
          {"§11 git", "name: app\nversion: 1", "revision_message", R"("Say \u003chi\u003e")"},
          {"§11 git", "name: app\nversion: 1", "revision_author", R"("A \u003ca@b\u003e")"},
      });
}

/// §11.1: every key, in the order of the table.
TEST(PlanRows, Section11TheReleaseJson) {
  expect_rows(
      {},
      {
          {"§11.1", "name: prj/app\nversion: 1.0\ndescription: <d>", "",
           R"({"api_version":15,"built_with_core_version":"0.1.0","built_with_escape_version":"0.1.0",)"
           R"("description":"\u003cd\u003e","files":{},"license":"","logo":"","name":"app",)"
           R"("repository":"https://host/app.git","branch":"main","git_revision":"0123abc",)"
           R"("revision_message":"Say \u003chi\u003e","revision_author":"A \u003ca@b\u003e","metadata":{},"version":"1.0",)"
           R"("generates":[],"consumes":[],"downloads":null,"depends":[],"errands":{},"extends":[],"inputs":[],)"
           R"("outputs":[],"project":"prj","provides":[],"stages":{},"templates":[],"variable_context":{}})"},
      });
}

}  // namespace plan_rows_test
}  // namespace escape::golden
