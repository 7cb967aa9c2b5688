#include "controller/inventory/http_errors.h"

#include <gtest/gtest.h>

namespace escape::inventory {
namespace http_errors_test {

TEST(HttpErrors, SpeakAsTheOriginal) {
  const Asked applications{"Couldn't list applications for project 'nope'", Missing::project, {"nope", ""}};
  EXPECT_EQ(http_error(applications, "http://h:1", 404, "").message,
            "Couldn't list applications for project 'nope', because the project 'nope' could not be found in the "
            "Inventory at "
            "'http://h:1/'.");
  const Asked registration{"Couldn't register release 'prj/app-v0.0.0'", Missing::project, {"prj", "app"}};
  const Error taken = http_error(registration, "http://h:1", 400, "Release app-v0.0.0 already exists");
  EXPECT_EQ(
      taken.message,
      "Couldn't register release 'prj/app-v0.0.0', because the Inventory at 'http://h:1/' says there's a problem with "
      "the request: Release app-v0.0.0 already exists");
  EXPECT_EQ(taken.kind, ErrorKind::conflict);
  const Asked release{"Couldn't get release metadata for 'app-v1'", Missing::release, {"_", "app"}, "app-v1"};
  EXPECT_EQ(
      http_error(release, "http://h:1", 404, "").message,
      "Couldn't get release metadata for 'app-v1', because the release metadata could not be found in the Inventory at "
      "'http://h:1/'. You probably need to release the 'app-v1' package first.");
  EXPECT_EQ(http_error(release, "http://h:1", 401, "").kind, ErrorKind::refused);
  EXPECT_EQ(http_error(release, "http://h:1", 500, "").kind, ErrorKind::temporary);
  EXPECT_EQ(http_error(release, "http://h:1", 507, "full").kind, ErrorKind::storage);
  EXPECT_EQ(http_error(release, "http://h:1", 418, "teapot").message,
            "Couldn't get release metadata for 'app-v1', because the Inventory at 'http://h:1/' responded with status "
            "code 418: "
            "teapot");
}

TEST(HttpErrors, EncodesPathSegments) { EXPECT_EQ(percent_encoded("v1.@ a/b?"), "v1.@%20a%2fb%3f"); }

}  // namespace http_errors_test
}  // namespace escape::inventory
