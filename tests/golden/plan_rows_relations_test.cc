// The rows of spec/escape-plan.md about what other releases bring: dependencies (§6) and extensions (§7).
#include <gtest/gtest.h>

#include "tests/golden/plan_rows.h"

namespace escape::golden {
namespace plan_rows_relations_test {

const std::string dep = R"(name: dep
version: 0.0.1
inputs: [who, {id: optional, default: x}, {id: n, type: integer, description: of dep}]
outputs: [greeting]
consumes: [kube, {name: db as store, scopes: [build]}, {name: mq, scopes: [deploy], skip_activate: true}]
)";
const std::string simple = "name: simple\nversion: 2.0\ninputs: [{id: a, default: b}]\n";

World inventory() {
  World world;
  world.releases = {{"_/dep-v0.0.1", dep},
                    {"_/dep-latest", dep},
                    {"_/simple-v2.0", simple},
                    {"prj/other-v1", "name: prj/other\nversion: 1\n"}};
  return world;
}

TEST(PlanRows, Section6Dependencies) {
  const std::string who_n = "who: w, n: 1";
  const auto depend = [](const std::string& fields) { return "depends: [{" + fields + "}]\n"; };
  expect_rows(
      inventory(),
      {
          {"§6 \"REF\"", "depends: [simple-v2.0]", "depends.0.release_id", R"("_/simple-v2.0")"},
          {"§6 \"REF as var\"", "depends: [simple-v2.0 as s]", "depends.0.variable", R"("s")"},
          {"§6 release_id", depend("release_id: simple-v2.0 as s"), "depends.0.variable", R"("s")"},
          {"§6 mapping", depend("release_id: dep-latest, mapping: {who: $this.name, n: 1}"), "depends.0.build_mapping",
           R"({"n":1,"who":"$this.name"})"},
          {"§6 mapping", depend("release_id: dep-latest, mapping: {who: $this.name, n: 1}"), "depends.0.deploy_mapping",
           R"({"n":1,"who":"$this.name"})"},
          {"§6 mapping, when they disagree (ours: the narrower)",
           depend("release_id: dep-latest, mapping: {who: a, n: 1}, build_mapping: {who: b}"),
           "depends.0.build_mapping", R"({"n":1,"who":"b"})"},
          {"§6 build_mapping", depend("release_id: simple-v2.0, build_mapping: {a: $this.id, b: [1]}"),
           "depends.0.build_mapping", R"({"a":"$this.id","b":[1]})"},
          {"§6 deploy_mapping", depend("release_id: simple-v2.0, deploy_mapping: {a: true}"),
           "depends.0.deploy_mapping", R"({"a":true})"},
          {"§6 consumes", depend("release_id: simple-v2.0, consumes: {k: $kube.deployment}"), "depends.0.consumes",
           R"({"k":"$kube.deployment"})"},
          {"§6 variable, wins over as", depend("release_id: simple-v2.0 as s, variable: t"), "depends.0.variable",
           R"("t")"},
          {"§6 deployment_name (ours: counts)", depend("release_id: simple-v2.0, deployment_name: own"),
           "depends.0.deployment_name", R"("own")"},
          {"§6 scopes, text", depend("release_id: simple-v2.0, scopes: build"), "depends.0.scopes", R"(["build"])"},
          {"§6 scopes, as written", depend("release_id: simple-v2.0, scopes: [deploy, build]"), "depends.0.scopes",
           R"(["deploy","build"])"},
          {"§6 unknown key (ours: refused)", depend("release_id: simple-v2.0, mappings: {}"), refused,
           "unknown field of a dependency 'mappings'"},

          {"§6 result", "depends: [simple-v2.0]", "depends",
           R"([{"release_id":"_/simple-v2.0","mapping":{},"build_mapping":{},"deploy_mapping":{},"consumes":{},)"
           R"("deployment_name":"_/simple","variable":"_/simple","scopes":["build","deploy"]}])"},
          {"§6 result, alias", "depends: [simple-v2.0 as s]", "depends.0.deployment_name", R"("s")"},
          {"§6 result, project", "depends: [prj/other-v1]", "depends.0.variable", R"("prj/other")"},

          {"§6 a1, exact version", "depends: [dep-latest]", "depends.0.release_id", R"("_/dep-v0.0.1")"},
          {"§6 a1, not found", "depends: [nope-v1]", refused, "No release '_/nope-v1'"},
          {"§6 a3, consumers with deploy scope", "depends: [dep-latest]", "consumes",
           R"([{"name":"kube","scopes":["build","deploy"],"variable":"kube","skip_activate":true,"skip_deactivate":true},)"
           R"({"name":"mq","scopes":["deploy"],"variable":"mq","skip_activate":true,"skip_deactivate":true}])"},
          {"§6 a3, unless given", depend("release_id: dep-latest, consumes: {kube: x, mq: $y}"), "consumes", "[]"},
          {"§6 a4, inputs without default", "depends: [dep-latest]", "inputs.*.id", R"(["who","n"])"},
          {"§6 a4, as they were declared", "depends: [dep-latest]", "inputs.1",
           R"({"id":"n","type":"integer","description":"of dep","visible":true,"items":null,)"
           R"("eval_before_dependencies":true,"scopes":["build","deploy"]})"},
          {"§6 a4, mapped in both", depend("release_id: dep-latest, mapping: {who: w, n: 1}"), "inputs", "[]"},
          {"§6 a4, mapped in one of two", depend("release_id: dep-latest, build_mapping: {" + who_n + "}"),
           "inputs.*.id", R"(["who","n"])"},
          {"§6 a4, mapped in the only one",
           depend("release_id: dep-latest, scopes: build, build_mapping: {" + who_n + "}"), "inputs", "[]"},
          {"§6 a4, mapped in the other",
           depend("release_id: dep-latest, scopes: build, deploy_mapping: {" + who_n + "}"), "inputs.*.id",
           R"(["who","n"])"},
          {"§6 a4, the item's scopes", depend("release_id: dep-latest, scopes: [deploy]"), "inputs.*.scopes",
           R"([["deploy"],["deploy"]])"},

          {"§6 afterwards, in each of the input's scopes", "depends: [simple-v2.0]\nbuild_inputs: [x]",
           "depends.0.build_mapping", R"({"x":"$this.inputs.x"})"},
          {"§6 afterwards, in each of the input's scopes", "depends: [simple-v2.0]\nbuild_inputs: [x]",
           "depends.0.deploy_mapping", "{}"},
          {"§6 afterwards, unless present", depend("release_id: simple-v2.0, build_mapping: {x: y}") + "inputs: [x]",
           "depends.0.build_mapping", R"({"x":"y"})"},
          {"§6 afterwards, not the late ones",
           "depends: [simple-v2.0]\ninputs: [{id: x, eval_before_dependencies: false}]", "depends.0.deploy_mapping",
           "{}"},
          {"§6 known bug (ours: both scopes)", depend("release_id: dep-latest, consumes: {}"),
           "depends.0.deploy_mapping", R"({"n":"$this.inputs.n","who":"$this.inputs.who"})"},
          {"§6 order, propagated first", "inputs: [mine]\ndepends: [dep-latest]", "inputs.*.id",
           R"(["who","n","mine"])"},
          {"§6 order, again: its default", "inputs: [{id: n, default: 5}]\ndepends: [dep-latest]", "inputs.1",
           R"({"id":"n","type":"integer","default":5,"description":"of dep","visible":true,"items":null,)"
           R"("eval_before_dependencies":true,"scopes":["build","deploy"]})"},
          {"§6 order, again: what is written (ours)", "inputs: [{id: n, description: mine}]\ndepends: [dep-latest]",
           "inputs.1.description", R"("mine")"},
          {"§6 propagate (ours)", depend("release_id: dep-latest, propagate: false") + "inputs: [x]",
           "depends.0.deploy_mapping", "{}"},

          {"§6 m1", "depends: [12]", refused,
           "Invalid dependency format '12' (expecting dict or string, got 'integer')"},
          {"§6 m2", depend("variable: x"), refused, "Missing 'release_id' in dependency"},
          {"§6 m3, a key that is no text", depend("release_id: dep-latest, 5: x"), refused,
           "unknown field of a dependency '5'"},
          {"§6 m4", depend("release_id: [a]"), refused,
           "Expecting string for dependency 'release_id'. It is a list, expected text"},
          {"§6 m5", depend("release_id: dep-latest, mapping: x"), refused, "Expecting dict for dependency 'mapping'"},
          {"§6 m6, a key that is no text (ours: its text)", depend("release_id: simple-v2.0, mapping: {5: x}"),
           "depends.0.build_mapping", R"({"5":"x"})"},
          {"§6 m7", depend("release_id: dep-latest, consumes: {a: [b]}"), refused,
           "Expecting string value in dependency consumer mapping"},
          {"§6 m8", depend("release_id: dep-latest, scopes: [bla]"), refused,
           "Unknown scope 'bla'. Expecting 'build' or 'deploy'"},
          {"§6 two of one alias (ours: refused)", "depends: [simple-v2.0 as x, prj/other-v1 as x]", refused,
           "are both called 'x'"},
      });
}

const std::string base = R"(name: infra/base
version: 1.2
description: of base
license: of base
metadata: {team: base, tier: gold}
generates: ["gen/*"]
includes: [gen/a]
provides: [web]
consumes: [{name: kube, scopes: [build]}]
downloads: [{url: "http://x/y", dest: y}]
inputs: [{id: port, type: integer, default: 80, description: of base}, {id: only, scopes: [deploy], default: d}]
outputs: [{id: url, default: of base, scopes: [deploy]}]
errands: {backup: {run: {script: bin/backup.sh all}}, check: {run: /bin/check}}
templates: [conf/x.tpl]
pre_build: {script: ./bin/pre.sh one two}
deploy: {inline: echo}
smoke: {}
depends: [dep-v1 as dep]
)";

TEST(PlanRows, Section7Extensions) {
  World world;
  world.releases = {{"infra/base-v1.2", base},
                    {"infra/base-latest", base},
                    {"_/dep-v1", "name: dep\nversion: 1\n"},
                    {"_/dep-v2", "name: dep\nversion: 2\n"}};
  world.files.content = {{"gen/a", "1"}, {"own.sh", "2"}};
  const std::string extends = "extends: [infra/base-latest as base]\n";
  expect_rows(
      world,
      {
          {"§7 a reference", "extends: [infra/base-v1.2]", "extends", R"([{"release_id":"infra/base-v1.2"}])"},
          {"§7 an alias", extends + "metadata: {a: $base.metadata.team}", "metadata.a", R"("base")"},
          {"§7 r1", extends, "files", R"({"gen/a":"md5:1"})"},
          {"§7 r1, the list is not inherited", extends, "generates", "[]"},
          {"§7 r2", extends, "consumes.*.scopes", R"([["build"]])"},
          {"§7 r2, merged", extends + "consumes: [kube]", "consumes.*.scopes", R"([["build","deploy"]])"},
          {"§7 r3", extends + "provides: [own]", "provides.*.name", R"(["own","web"])"},
          {"§7 r4, inputs", extends, "inputs.*.id", R"(["port","only"])"},
          {"§7 r4, the plan's default", extends + "inputs: [{id: port, default: 81}]", "inputs.0",
           R"({"id":"port","type":"integer","default":81,"description":"of base","visible":true,"items":null,)"
           R"("eval_before_dependencies":true,"scopes":["build","deploy"]})"},
          {"§7 r4, no default either", extends + "inputs: [port]", "inputs.0.default", "null"},
          {"§7 r4, the longer scopes", extends + "inputs: [only]", "inputs.1.scopes", R"(["build","deploy"])"},
          {"§7 r4, other fields (ours: what is written)", extends + "inputs: [{id: port, type: string, default: x}]",
           "inputs.0.type", R"("string")"},
          {"§7 r4, outputs", extends, "outputs.*.default", R"(["of base"])"},
          {"§7 r4, an output's default (ours: what is written)", extends + "outputs: [{id: url, default: mine}]",
           "outputs.*.default", R"(["mine"])"},
          {"§7 r4, an output keeps its default", extends + "outputs: [url]", "outputs.*.default", R"(["of base"])"},
          {"§7 r5", extends, "errands.check.exec_stage", R"({"cmd":"/bin/check"})"},
          {"§7 r5, the plan's own", extends + "errands: {check: {run: /bin/other}}", "errands.check.exec_stage",
           R"({"cmd":"/bin/other"})"},
          {"§7 r5, relative scripts (ours: rewritten)", extends, "errands.backup.exec_stage",
           R"({"script":"deps/infra/base/bin/backup.sh all"})"},
          {"§7 r6", extends + "metadata: {tier: iron}", "metadata", R"({"team":"base","tier":"iron"})"},
          {"§7 r7", extends, "templates.*.file", R"(["deps/infra/base/conf/x.tpl"])"},
          {"§7 r7", extends, "templates.*.target", R"(["deps/infra/base/conf/x"])"},
          {"§7 r7, the mapping stays", extends + "inputs: [mine]", "templates.0.mapping.mine", "null"},
          {"§7 r7, the mapping stays", extends, "templates.0.mapping.port", R"("$this.inputs.port")"},
          {"§7 r8", extends, "stages",
           R"({"deploy":{"inline":"echo"},"pre_build":{"script":"deps/infra/base/bin/pre.sh one two"}})"},
          {"§7 r8, the plan's whole stage", extends + "deploy: own.sh", "stages.deploy", R"({"script":"own.sh"})"},
          {"§7 r9", extends, "depends.*.release_id", R"(["_/dep-v1"])"},
          {"§7 r9, behind the plan's", extends + "depends: [dep-v2 as newer]", "depends.*.release_id",
           R"(["_/dep-v2","_/dep-v1"])"},
          {"§7 r9, the same is there", extends + "depends: [dep-v1 as mine]", "depends.*.variable", R"(["mine"])"},
          {"§7 r10", extends, "extends", R"([{"release_id":"infra/base-v1.2"}])"},
          {"§7 not: includes", extends + "generates: []", "generates", "[]"},
          {"§7 not: downloads", extends, "downloads", "null"},
          {"§7 not: description", extends, "description", R"("")"},
          {"§7 not: license", extends, "license", R"("")"},
          {"§7 not: logo", extends, "logo", R"("")"},
          {"§7 not: version", extends, "version", R"("1.0")"},
      });
}

}  // namespace plan_rows_relations_test
}  // namespace escape::golden
