#include "manifests/codec/image_manifest.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_text.h"
#include "manifests/isolators/isolators.h"
#include "tests/support/golden.h"
#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;
using agena::testing::expect_golden;
using agena::testing::read_golden;
using codec::parse_image_manifest;
using codec::TextStyle;
using codec::write_image_manifest;
using schema::ImageManifest;
using schema::IsolatorKind;
using ::testing::ElementsAre;

class ImageManifestGolden : public ::testing::TestWithParam<const char*> {};

// What is read and written is the expected text, reads as the same value, and is written the same again.
TEST_P(ImageManifestGolden, ReadsAndWrites) {
  const std::string name = std::string("manifests/image/") + GetParam();
  const ImageManifest manifest = ASSERT_VALUE(parse_image_manifest(read_golden(name + ".json")));
  const std::string pretty = ASSERT_VALUE(write_image_manifest(manifest, TextStyle::kPretty));
  expect_golden(name + ".written.json", pretty + "\n");

  const std::string compact = ASSERT_VALUE(write_image_manifest(manifest));
  EXPECT_EQ(ASSERT_VALUE(parse_image_manifest(pretty)), manifest);
  EXPECT_EQ(ASSERT_VALUE(parse_image_manifest(compact)), manifest);
  EXPECT_EQ(compact.find('\n'), std::string::npos);
  EXPECT_EQ(error_of(codec::validate_image_manifest(manifest)), "(no error)");
}

INSTANTIATE_TEST_SUITE_P(, ImageManifestGolden, ::testing::Values("minimal", "full", "nulls"),
                         [](const auto& param) { return std::string(param.param); });

TEST(ImageManifestTest, ReadsEveryMember) {
  const ImageManifest manifest = ASSERT_VALUE(parse_image_manifest(read_golden("manifests/image/full.json")));
  EXPECT_EQ(manifest.name, "example.com/reduce-worker");
  EXPECT_EQ(manifest.ac_version.prerelease(), "rc.1");
  ASSERT_NE(manifest.labels.find("os"), nullptr);
  EXPECT_EQ(*manifest.labels.find("os"), "linux");
  EXPECT_EQ(manifest.labels.find("version"), &manifest.labels.begin()->value);
  ASSERT_EQ(manifest.extra.size(), 1U);
  EXPECT_EQ(manifest.extra[0].key, "x-vendor");
  EXPECT_EQ(manifest.extra[0].json, R"({"b":[1,2.5,null],"a":"ü"})");
  EXPECT_EQ(manifest.dependencies.size(), 2U);
  EXPECT_EQ(manifest.dependencies[0].size, 22017258U);
  EXPECT_EQ(manifest.dependencies[0].image_id->hex().size(), 128U);
  EXPECT_FALSE(manifest.dependencies[1].image_id.has_value());
  EXPECT_THAT(manifest.path_whitelist, ElementsAre("/etc/ca/example.com/crt", "/usr/bin/map-reduce-worker"));
  EXPECT_EQ(*manifest.annotations.find("homepage"), "http://example.com");
}

TEST(ImageManifestTest, ReadsTheApp) {
  const ImageManifest manifest = ASSERT_VALUE(parse_image_manifest(read_golden("manifests/image/full.json")));
  ASSERT_TRUE(manifest.app);
  const schema::App& app = *manifest.app;
  EXPECT_THAT(app.exec, ElementsAre("/usr/bin/reduce-worker", "--quiet", ""));
  EXPECT_EQ(app.user, "100");
  EXPECT_EQ(app.group, "/etc/group-owner");
  EXPECT_THAT(app.supplementary_gids, ElementsAre(400U, 500U, 4294967294U));
  EXPECT_EQ(app.working_directory, "/opt/work");
  ASSERT_EQ(app.environment.size(), 4U);
  EXPECT_EQ(app.environment[1], (schema::EnvironmentVariable{"odd.name-of docker", "a=b=c"}));
  EXPECT_EQ(app.environment[2].value, "false");

  const auto* handler = find_event_handler(app, schema::AppEvent::kPostStop);
  ASSERT_NE(handler, nullptr);
  EXPECT_THAT(handler->exec, ElementsAre("/usr/bin/deregister-worker", "--verbose"));
  EXPECT_EQ(handler->extra, (schema::Extra{{"timeout", "5"}}));

  ASSERT_EQ(app.mount_points.size(), 2U);
  EXPECT_EQ(app.mount_points[0].path, "/opt/work");
  EXPECT_TRUE(app.mount_points[0].read_only);
  EXPECT_FALSE(app.mount_points[1].read_only);
  ASSERT_EQ(app.ports.size(), 2U);
  EXPECT_EQ(app.ports[0].count, 1);
  EXPECT_TRUE(app.ports[0].socket_activated);
  EXPECT_EQ(app.ports[1].count, 536);
  EXPECT_EQ(app.user_annotations.at("zeta"), "last");
  EXPECT_EQ(app.user_labels.at("any key at all"), "any value");
  EXPECT_EQ(app.extra, (schema::Extra{{"stopSignal", R"("SIGINT")"}}));
}

TEST(ImageManifestTest, TypesItsIsolators) {
  const ImageManifest manifest = ASSERT_VALUE(parse_image_manifest(read_golden("manifests/image/full.json")));
  const auto& isolators = manifest.app->isolators;
  ASSERT_EQ(isolators.size(), 16U);
  const auto* cpu = find_isolator(isolators, IsolatorKind::kCpu);
  ASSERT_NE(cpu, nullptr);
  EXPECT_EQ(std::get<schema::ResourceValue>(cpu->value).limit->milli_value(), 1500);
  const auto* memory = find_isolator(isolators, IsolatorKind::kMemory);
  EXPECT_EQ(std::get<schema::ResourceValue>(memory->value).request->value(), 1 << 30);
  EXPECT_EQ(memory->json, R"({"request":"1Gi","limit":"2G","default":false})");
  const auto* seccomp = find_isolator(isolators, IsolatorKind::kSeccompRetain);
  EXPECT_EQ(std::get<schema::SeccompSet>(seccomp->value).errno_name, "EPERM");
  const auto* unknown = find_isolator(isolators, IsolatorKind::kUnknown);
  EXPECT_EQ(unknown->name, "example.com/nothing") << "the last of a kind counts";
  EXPECT_EQ(unknown->json, "null");
}

// A whole manifest around a member of it.
std::string image_with(const std::string& members) {
  return R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/x",)" + members + "}";
}
std::string app_with(const std::string& members) {
  return image_with(R"("app":{"exec":["/a"],"user":"0","group":"0",)" + members + "}");
}

std::string whole(const std::string& text) { return text; }

// Plain data, since compilers take minutes over long lists of strings.
struct BadDocument {
  std::string (*around)(const std::string&);  // makes the document of the text
  const char* text;
  const char* error;  // behind "image manifest: "
};

constexpr BadDocument kBadDocuments[] = {
    // The document
    {whole, "",
     "JSON: parse error at line 1, column 1: syntax error while parsing value - unexpected end of input; "
     "expected '[', '{', or a literal"},
    {whole, "[]", "expected an object, found an array"},
    {whole, "{}", "missing 'acKind'; missing 'acVersion'"},
    {whole, R"({"acKind":"PodManifest","acVersion":"x","apps":3})",
     "/acKind: expected 'ImageManifest', found \"PodManifest\""},
    {whole, R"({"acKind":7,"acVersion":"0.8.11"})", "/acKind: expected a string, found 7"},
    {whole, R"({"acKind":"ImageManifest","acVersion":"0.8","name":"X"})",
     "/acVersion: expected a semantic version (MAJOR.MINOR.PATCH), found '0.8'; /name: expected an "
     "identifier (lower-case letters and digits, one of -._~/ between them), found 'X'"},
    {whole, R"({"acKind":"ImageManifest","acVersion":"0.8.11"})", "missing 'name'"},
    {whole, R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":null})", "missing 'name'"},
    {whole, R"({"acKind":"ImageManifest","acKind":"ImageManifest"})", "JSON: duplicate key 'acKind'"},
    // Labels and annotations
    {image_with, R"("labels":{})", "/labels: expected an array, found an object"},
    {image_with, R"("labels":[{"name":"os","value":"linux"},{"name":"os","value":"linux"}])",
     "/labels/1/name: duplicate label 'os'"},
    {image_with, R"("labels":[{"name":"name","value":"x"}])",
     "/labels/0/name: a label must not be called 'name'"},
    {image_with, R"("labels":[{"name":"os"},{"value":"linux"},"x"])",
     "/labels/0: missing 'value'; /labels/1: missing 'name'; /labels/2: expected an object, found \"x\""},
    {image_with, R"("labels":[{"name":"os","value":"linux","x":1}])", "/labels/0: unknown member 'x'"},
    {image_with, R"("annotations":[{"name":"A~/b","value":1}])",
     "/annotations/0/name: expected an identifier (lower-case letters and digits, one of -._~/ between "
     "them), found 'A~/b'; /annotations/0/value: expected a string, found 1"},
    {image_with,
     R"("annotations":[{"name":"created","value":"yesterday"},{"name":"homepage","value":"ftp://x"}])",
     "/annotations/0/value: expected a date and time of RFC 3339, found \"yesterday\"; "
     "/annotations/1/value: expected an http or https URL, found \"ftp://x\""},
    // Dependencies and whitelist
    {image_with, R"("dependencies":[{"imageID":"sha512-12"}])",
     "/dependencies/0: missing 'imageName'; /dependencies/0/imageID: expected an image ID (sha512- and "
     "128 or 64 lower-case hex digits), found 'sha512-12'"},
    {image_with, R"("dependencies":[{"imageName":"a","size":-1}])",
     "/dependencies/0/size: expected an integer from 0 to 18446744073709551615, found -1"},
    {image_with, R"("pathWhitelist":["etc","/ok","/nul\u0000"])",
     "/pathWhitelist/0: expected an absolute path, found \"etc\"; /pathWhitelist/2: must not contain a "
     "NUL character"},
    // The app
    {image_with, R"("app":5)", "/app: expected an object, found 5"},
    {image_with, R"("app":{"exec":"/bin/sh"})",
     "/app/exec: expected an array, found \"/bin/sh\"; /app: missing 'user'; /app: missing 'group'"},
    {image_with, R"("app":{"exec":["",1],"user":"","group":"0"})",
     "/app/exec/1: expected a string, found 1; /app/exec: the program's name must not be empty; "
     "/app/user: must not be empty"},
    {app_with, R"("workingDirectory":"tmp")",
     "/app/workingDirectory: expected an absolute path, found \"tmp\""},
    {app_with, R"("supplementaryGIDs":[1,4294967295,-1,"2"])",
     "/app/supplementaryGIDs/1: expected an integer from 0 to 4294967294, found 4294967295; "
     "/app/supplementaryGIDs/2: expected an integer from 0 to 4294967294, found -1; "
     "/app/supplementaryGIDs/3: expected an integer from 0 to 4294967294, found \"2\""},
    {app_with, R"("eventHandlers":[{"name":"pre-start","exec":["/a"]},{"name":"pre-start","exec":["/b"]}])",
     "/app/eventHandlers/1/name: duplicate event handler 'pre-start'"},
    {app_with, R"("eventHandlers":[{"name":"on-fire","exec":["/a"]},{"name":"post-stop","exec":[]}])",
     "/app/eventHandlers/0/name: expected 'pre-start' or 'post-stop', found \"on-fire\"; "
     "/app/eventHandlers/1/exec: must name a program"},
    {app_with,
     R"("environment":[{"name":"","value":"x"},{"name":"A=B","value":"x"},{"name":"A\u0000","value":"x"}])",
     "/app/environment/0/name: must not be empty; /app/environment/1/name: expected a variable's name, "
     "which has no '=', found \"A=B\"; /app/environment/2/name: must not contain a NUL character"},
    {app_with, R"("mountPoints":[{"name":"a","path":"/x"},{"name":"a","path":"y"},{"name":"a","path":"/y"}])",
     "/app/mountPoints/1/path: expected an absolute path, found \"y\"; /app/mountPoints/2: duplicate "
     "mount point name 'a'"},
    {app_with, R"("mountPoints":[{"name":"a-","path":"/x","readOnly":"no"}])",
     "/app/mountPoints/0/name: expected a name (lower-case letters and digits, single dashes between "
     "them), found 'a-'; /app/mountPoints/0/readOnly: expected true or false, found \"no\""},
    {app_with, R"("ports":[{"name":"a","protocol":"tcp","port":0},{"name":"b","protocol":"","port":65536}])",
     "/app/ports/0/port: expected an integer from 1 to 65535, found 0; /app/ports/1/protocol: must not be "
     "empty; /app/ports/1/port: expected an integer from 1 to 65535, found 65536"},
    {app_with, R"("ports":[{"name":"a","protocol":"tcp","port":65000,"count":537}])",
     "/app/ports/0/count: the range would end at port 65536, above 65535"},
    {app_with, R"("ports":[{"name":"a","protocol":"tcp","port":1},{"name":"a","protocol":"udp","port":1}])",
     "/app/ports/1: duplicate port name 'a'"},
    {app_with, R"("userLabels":{"a/b~c":1},"userAnnotations":[])",
     "/app/userAnnotations: expected an object, found an array; /app/userLabels/a~1b~0c: expected a "
     "string, found 1"},
    {app_with, R"("isolators":[{"name":"resource/memory","value":{"limit":"12Q"}},{"name":"resource/cpu"}])",
     "/app/isolators/0/value/limit: expected a quantity (a number with a suffix such as m, k, M, G, Ki, "
     "Mi, Gi, e3), found '12Q'; /app/isolators/1: missing 'value'"},
};

TEST(ImageManifestTest, NamesEveryFaultOfBadDocuments) {
  for (const BadDocument& document : kBadDocuments) {
    const auto result = parse_image_manifest(document.around(document.text));
    EXPECT_EQ(error_of(result), std::string("image manifest: ") + document.error) << document.text;
    if (!result) {
      EXPECT_EQ(result.error().kind(), ErrorKind::kInvalidInput);
    }
  }
}

TEST(ImageManifestTest, BoundsTheNumberOfComplaints) {
  std::string labels = R"("labels":[1)";
  for (int i = 0; i < 1000; ++i) labels += ",1";
  const std::string error = error_of(parse_image_manifest(image_with(labels + "]")));
  EXPECT_TRUE(error.ends_with("; and 981 more")) << error;
}

TEST(ImageManifestTest, ReadsLongListsInLinearTime) {
  std::string labels = R"("labels":[{"name":"n0","value":""})";
  for (int i = 1; i < 50'000; ++i) labels += R"(,{"name":"n)" + std::to_string(i) + R"(","value":""})";
  const std::string text = image_with(labels + "]");
  ASSERT_LT(text.size(), json_text::Limits{}.max_bytes);
  const ImageManifest manifest =
      ASSERT_VALUE(parse_image_manifest(text));  // a quadratic reader needs minutes
  EXPECT_EQ(manifest.labels.size(), 50'000U);
}

TEST(ImageManifestTest, RefusesToWriteWhatIsNotUtf8) {
  ImageManifest manifest{.name = ASSERT_VALUE(schema::AcIdentifier::parse("a"))};
  manifest.labels.set(ASSERT_VALUE(schema::AcIdentifier::parse("version")), "\xff");
  EXPECT_THAT(error_of(write_image_manifest(manifest)), ::testing::HasSubstr("invalid UTF-8"));
}

TEST(ImageManifestTest, ValidatesManifestsMadeInMemory) {
  ImageManifest manifest{.name = ASSERT_VALUE(schema::AcIdentifier::parse("a"))};
  EXPECT_EQ(error_of(codec::validate_image_manifest(manifest)), "(no error)");
  manifest.app = schema::App{.exec = {"/a"}, .user = "0"};
  EXPECT_EQ(error_of(codec::validate_image_manifest(manifest)),
            "image manifest: /app/group: must not be empty");
  manifest.app.reset();
  manifest.extra = {{"broken", "{"}};
  EXPECT_THAT(error_of(codec::validate_image_manifest(manifest)),
              ::testing::StartsWith("writing image manifest: member 'broken': JSON: parse error"));
  manifest.extra = {{"name", "\"b\""}};
  EXPECT_EQ(error_of(codec::validate_image_manifest(manifest)), "image manifest: JSON: duplicate key 'name'");
}

schema::Labels labels_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  schema::Labels labels;
  for (const auto& [name, value] : pairs) labels.set(*schema::AcIdentifier::parse(name), value);
  return labels;
}

TEST(CheckPlatformTest, SpeaksAsRktDoes) {
  EXPECT_EQ(error_of(codec::check_platform(labels_of({{"os", "linux"}, {"arch", "amd64"}}))), "(no error)");
  EXPECT_EQ(error_of(codec::check_platform(labels_of({{"arch", "aarch64"}, {"os", "linux"}}))), "(no error)");
  EXPECT_EQ(error_of(codec::check_platform(labels_of({{"arch", "amd64"}}))),
            "missing os label in the image manifest");
  EXPECT_EQ(error_of(codec::check_platform(labels_of({{"os", "linux"}}))),
            "missing arch label in the image manifest");
  EXPECT_EQ(error_of(codec::check_platform(labels_of({{"os", "freebsd"}, {"arch", "amd64"}}))),
            "bad os \"freebsd\" (must be one of: [linux])");
  EXPECT_EQ(
      error_of(codec::check_platform(labels_of({{"os", "linux"}, {"arch", "x86_64"}}))),
      "bad arch \"x86_64\" for linux (must be one of: [amd64 i386 aarch64 aarch64_be armv6l armv7l armv7b "
      "ppc64le])");
}

}  // namespace
}  // namespace agena
