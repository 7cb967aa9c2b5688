#include "agent/packages/rendering.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/io/files.h"

namespace escape::packages::rendering_test {

class Rendering : public testing::Test {
 protected:
  void SetUp() override { folder = io::make_temporary_folder("rendering").value(); }
  void TearDown() override { (void)io::remove_all(folder); }
  void write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(io::write_file(folder + "/" + path, text, 0600));
  }
  std::string rendered(const protocol::TemplateToRender& wish) {
    const Result<> done = render(folder, wish);
    if (!done) return describe(done.error());
    return io::read_file(folder + "/" + wish.target).value();
  }
  std::string folder;
};

TEST_F(Rendering, WritesWhatTheTemplateMakesOfTheValues) {
  write("a.tpl", "{{x}} {{#l}}<{{.}}>{{/l}}");
  EXPECT_EQ(rendered({.file = "a.tpl", .target = "a", .values = {{"x", "<&>"}, {"l", Value::List{"1", "2"}}}}),
            "<&> <1><2>");
  EXPECT_EQ(rendered({.file = "./a.tpl", .target = "a", .values = {{"x", "<"}, {"l", false}}, .escape_html = true}),
            "&lt; ");
  struct stat status{};
  ASSERT_EQ(::stat((folder + "/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
}

TEST_F(Rendering, WhatGoesWrongIsToldInTheOriginalsWords) {
  write("a.tpl", "{{x}}");
  EXPECT_EQ(rendered({.file = "none.tpl", .target = "a"}),
            "Failed to compile template none.tpl: open none.tpl: no such file or directory");
  EXPECT_EQ(rendered({.file = "a.tpl", .target = "a"}), "Failed to compile template a.tpl: Missing variable \"x\"");
  EXPECT_EQ(rendered({.file = "a.tpl", .target = "none/a", .values = {{"x", "1"}}}),
            "Couldn't write output of template a.tpl to none/a: open none/a: no such file or directory");
  EXPECT_EQ(rendered({.file = "a.tpl", .target = ""}),
            "Can't run template. Template target has not been defined (empty 'target' key in Escape plan?)");
  EXPECT_FALSE(io::exists(folder + "/a"));
}

/// `templates: [app.conf]`: the next deployment of the same release has other values and the same folder.
TEST_F(Rendering, ATemplateThatIsItsOwnTargetStaysATemplate) {
  write("app.conf", "port={{port}}\n");
  const auto with = [&](const Value& port) {
    return rendered({.file = "app.conf", .target = "./app.conf", .values = {{"port", port}}});
  };
  EXPECT_EQ(with(80), "port=80\n");
  EXPECT_EQ(with(80), "port=80\n");
  EXPECT_EQ(with("{{port}}"), "port={{port}}\n");
  EXPECT_EQ(with(443), "port=443\n") << "not what an earlier output holds";
  write("app.conf", "PORT={{port}}\n");
  EXPECT_EQ(with(8080), "PORT=8080\n") << "somebody has changed it since";
}

}  // namespace escape::packages::rendering_test
