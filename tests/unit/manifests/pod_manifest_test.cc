#include "manifests/codec/pod_manifest.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden.h"
#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;
using agena::testing::expect_golden;
using agena::testing::read_golden;
using codec::parse_pod_manifest;
using codec::TextStyle;
using codec::write_pod_manifest;
using schema::PodManifest;

class PodManifestGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(PodManifestGolden, ReadsAndWrites) {
  const std::string name = std::string("manifests/pod/") + GetParam();
  const PodManifest manifest = ASSERT_VALUE(parse_pod_manifest(read_golden(name + ".json")));
  const std::string pretty = ASSERT_VALUE(write_pod_manifest(manifest, TextStyle::kPretty));
  expect_golden(name + ".written.json", pretty + "\n");

  const std::string compact = ASSERT_VALUE(write_pod_manifest(manifest));
  EXPECT_EQ(ASSERT_VALUE(parse_pod_manifest(pretty)), manifest);
  EXPECT_EQ(ASSERT_VALUE(parse_pod_manifest(compact)), manifest);
  EXPECT_EQ(error_of(codec::validate_pod_manifest(manifest)), "(no error)");
}

INSTANTIATE_TEST_SUITE_P(, PodManifestGolden, ::testing::Values("empty", "full", "redis"),
                         [](const auto& param) { return std::string(param.param); });

TEST(PodManifestTest, ReadsApps) {
  const PodManifest manifest = ASSERT_VALUE(parse_pod_manifest(read_golden("manifests/pod/full.json")));
  ASSERT_EQ(manifest.apps.size(), 2U);
  const auto* worker = find_app(manifest, "reduce-worker");
  ASSERT_EQ(worker, &manifest.apps[0]);
  EXPECT_EQ(*worker->image.name, "example.com/reduce-worker");
  EXPECT_EQ(worker->image.id.hex().size(), 128U);
  EXPECT_EQ(*worker->image.labels.find("version"), "1.0.0");
  EXPECT_TRUE(worker->read_only_root_fs);
  ASSERT_TRUE(worker->app);
  EXPECT_EQ(worker->app->exec.size(), 2U);
  EXPECT_EQ(*worker->annotations.find("foo"), "baz");
  EXPECT_EQ(worker->extra, (schema::Extra{{"x-trace", "[true]"}}));
  ASSERT_EQ(worker->mounts.size(), 2U);
  EXPECT_EQ(worker->mounts[0].volume, "work");
  EXPECT_EQ(worker->mounts[0].path, "/mnt/foo");
  EXPECT_FALSE(worker->mounts[0].app_volume);
  EXPECT_EQ(worker->mounts[1].app_volume->source, "/srv/own");
  EXPECT_EQ(worker->mounts[1].app_volume->recursive, false);

  const auto& backup = manifest.apps[1];
  EXPECT_FALSE(backup.app);
  EXPECT_FALSE(backup.image.name);
  EXPECT_TRUE(backup.image.id.is_key());
  EXPECT_FALSE(backup.read_only_root_fs);
  EXPECT_EQ(find_app(manifest, "none"), nullptr);
}

TEST(PodManifestTest, ReadsVolumesAndPorts) {
  const PodManifest manifest = ASSERT_VALUE(parse_pod_manifest(read_golden("manifests/pod/full.json")));
  const auto* work = find_volume(manifest, "work");
  ASSERT_NE(work, nullptr);
  EXPECT_EQ(work->kind, schema::VolumeKind::kHost);
  EXPECT_EQ(work->source, "/opt/tenant1/work");
  EXPECT_EQ(work->read_only, true);
  EXPECT_EQ(work->recursive, std::nullopt);
  EXPECT_EQ(work->propagation, schema::Propagation::kPrivate);
  EXPECT_TRUE(work->map_ids);
  EXPECT_EQ(work->device_access, std::nullopt);
  EXPECT_EQ(find_volume(manifest, "fuse")->device_access,
            (schema::DeviceAccess{.read = true, .write = true}));
  const auto* output = find_volume(manifest, "buildoutput");
  EXPECT_EQ(output->mode, 04750U);
  EXPECT_EQ(output->uid, 1000U);
  EXPECT_EQ(output->gid, 1001U);
  const auto* plain = find_volume(manifest, "plain");
  EXPECT_EQ(plain->kind, schema::VolumeKind::kEmpty);
  EXPECT_EQ(plain->mode, 0755U);
  EXPECT_EQ(plain->uid, 0U);
  EXPECT_EQ(find_volume(manifest, "none"), nullptr);

  ASSERT_EQ(manifest.ports.size(), 3U);
  EXPECT_EQ(manifest.ports[0].host_port, 2121);
  EXPECT_EQ(manifest.ports[0].host_ip, "");
  EXPECT_EQ(manifest.ports[2].host_ip, "fd00::1");
  EXPECT_EQ(manifest.ports[2].pod_port->port, 80);
  EXPECT_EQ(manifest.user_labels.at("tier"), "back");
  EXPECT_EQ(manifest.extra, (schema::Extra{{"x-pod", R"("kept")"}}));
}

std::string pod_with(const std::string& members) {
  return R"({"acKind":"PodManifest","acVersion":"0.8.11",)" + members + "}";
}
// A pod of one good app and further members.
std::string with_app(const std::string& app_members, const std::string& pod_members = "") {
  const std::string id(64, 'a');
  return pod_with(R"("apps":[{"name":"a","image":{"id":"sha512-)" + id + "\"}" + app_members + "}]" +
                  pod_members);
}

std::string whole(const std::string& text) { return text; }
std::string with_app_and(const std::string& members) { return with_app(members); }
std::string with_app_beside(const std::string& members) { return with_app("", members); }

// Plain data, since compilers take minutes over long lists of strings.
struct BadDocument {
  std::string (*around)(const std::string&);  // makes the document of the text
  const char* text;
  const char* error;  // behind "pod manifest: "
};

constexpr BadDocument kBadDocuments[] = {
    {whole, "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\"}",
     "/acKind: expected 'PodManifest', found \"ImageManifest\""},
    {whole, "{\"acKind\":\"PodManifest\"}", "missing 'acVersion'; missing 'apps'"},
    {pod_with, R"("apps":{})", "/apps: expected an array, found an object"},
    {pod_with, R"("apps":[1,{}])",
     "/apps/0: expected an object, found 1; /apps/1: missing 'name'; /apps/1: missing 'image'"},
    {pod_with, R"("apps":[{"name":"A","image":{}}])",
     "/apps/0/name: expected a name (lower-case letters and digits, single dashes between them), found "
     "'A'; /apps/0/image: missing 'id'"},
    {pod_with,
     R"("apps":[{"name":"a","image":{"id":"sha256-00","name":"","labels":[{"name":"name","value":""}]}}])",
     "/apps/0/image/id: expected an image ID (sha512- and 128 or 64 lower-case hex digits), found "
     "'sha256-00'; /apps/0/image/name: expected an identifier, found an empty string; "
     "/apps/0/image/labels/0/name: a label must not be called 'name'"},
    {with_app_and,
     R"(},{"name":"a","image":{"id":"sha512-0000000000000000000000000000000000000000000000000000000000000000"})",
     "/apps/1/name: duplicate app name 'a'"},
    {with_app_and,
     R"(,"readOnlyRootFS":1,"app":{"user":"0"},"annotations":[{"name":"a","value":"1"},{"name":"a","value":"2"}])",
     "/apps/0/app: missing 'group'; /apps/0/readOnlyRootFS: expected true or false, found 1; "
     "/apps/0/annotations/1/name: duplicate annotation 'a'"},
    {with_app_and, R"(,"mounts":[{"volume":"v"},{"path":"x","volume":"V"}])",
     "/apps/0/mounts/0: missing 'path'; /apps/0/mounts/1/volume: expected a name (lower-case letters and "
     "digits, single dashes between them), found 'V'; /apps/0/mounts/1/path: expected an absolute path, "
     "found \"x\""},
    {with_app_and, R"(,"mounts":[{"volume":"v","path":"/v","appVolume":{"name":"v","kind":"host"}}])",
     "/apps/0/mounts/0/appVolume: missing 'source', which a host volume needs"},
    {with_app_beside, R"(,"volumes":[{"name":"v","kind":"nfs"},{"name":"w","kind":"host","source":"rel"}])",
     "/volumes/0/kind: expected 'empty' or 'host', found \"nfs\"; /volumes/1/source: expected an absolute "
     "path, found \"rel\""},
    {with_app_beside,
     R"(,"volumes":[{"name":"v","kind":"host","source":"/s","mode":"0755","uid":0,"gid":0}])",
     "/volumes/0/mode: a host volume cannot have this; /volumes/0/uid: a host volume cannot have this; "
     "/volumes/0/gid: a host volume cannot have this"},
    {with_app_beside,
     R"(,"volumes":[{"name":"v","kind":"empty","source":"/s","mode":"0798","uid":-1,"gid":4294967295}])",
     "/volumes/0/source: an empty volume cannot have a source; /volumes/0/mode: expected permissions in "
     "octal from '0000' to '7777', found \"0798\"; /volumes/0/uid: expected an integer from 0 to "
     "4294967294, found -1; /volumes/0/gid: expected an integer from 0 to 4294967294, found 4294967295"},
    {with_app_beside,
     R"(,"volumes":[{"name":"v","kind":"empty","mode":"17777"},{"name":"w","kind":"empty","mode":""}])",
     "/volumes/0/mode: expected permissions in octal from '0000' to '7777', found \"17777\"; "
     "/volumes/1/mode: expected permissions in octal from '0000' to '7777', found \"\""},
    {with_app_beside,
     R"(,"volumes":[{"name":"v","kind":"empty","deviceAccess":"r"},)"
     R"({"name":"w","kind":"host","source":"/d","deviceAccess":"rr"},)"
     R"({"name":"x","kind":"host","source":"/d","deviceAccess":""}])",
     "/volumes/0/deviceAccess: only a host volume can have this; /volumes/1/deviceAccess: expected some of "
     "the letters r, w and m, each once, found \"rr\"; /volumes/2/deviceAccess: expected some of the "
     "letters r, w and m, each once, found \"\""},
    {with_app_beside,
     R"(,"volumes":[{"name":"v","kind":"empty","propagation":"slave"},)"
     R"({"name":"w","kind":"host","source":"/d","propagation":"rslave"},)"
     R"({"name":"x","kind":"host","source":"/d","readOnly":true,"propagation":"shared"}])",
     "/volumes/0/propagation: only a host volume can have this; /volumes/1/propagation: expected 'private', "
     "'slave' or 'shared', found \"rslave\"; /volumes/2/propagation: a read-only volume can only be private"},
    {with_app_beside, R"(,"volumes":[{"name":"v","kind":"empty"},{"name":"v","kind":"empty"}])",
     "/volumes/1: duplicate volume name 'v'"},
    {with_app_beside,
     R"(,"ports":[{"name":"p","hostPort":0},{"name":"p"},{"name":"p","hostPort":80,"hostIP":"1.2.3"}])",
     "/ports/0/hostPort: expected an integer from 1 to 65535, found 0; /ports/1: missing 'hostPort'; "
     "/ports/2/hostIP: expected an IPv4 or IPv6 address, found \"1.2.3\""},
    {with_app_beside, R"(,"ports":[{"name":"p","hostPort":80,"app":"No"}])",
     "/ports/0/app: expected a name (lower-case letters and digits, single dashes between them), found 'No'"},
    {with_app_beside, R"(,"ports":[{"name":"p","hostPort":80},{"name":"p","hostPort":80}])",
     "/ports/1: duplicate port 'p at *:80'"},
    {with_app_beside, R"(,"ports":[{"name":"p","hostPort":80,"podPort":{"name":"p","protocol":"tcp"}}])",
     "/ports/0/podPort: missing 'port'"},
    {with_app_beside, R"(,"isolators":[{"name":"os/linux/cpu-shares","value":1}],"userLabels":{"a":null})",
     "/isolators/0/value: expected an integer from 2 to 262144, found 1; /userLabels/a: expected a "
     "string, found null"},
};

TEST(PodManifestTest, NamesEveryFaultOfBadDocuments) {
  for (const BadDocument& document : kBadDocuments)
    EXPECT_EQ(error_of(parse_pod_manifest(document.around(document.text))),
              std::string("pod manifest: ") + document.error)
        << document.text;
}

TEST(PodManifestTest, ValidatesManifestsMadeInMemory) {
  PodManifest manifest;
  EXPECT_EQ(error_of(codec::validate_pod_manifest(manifest)), "(no error)");
  const schema::Volume volume{.name = ASSERT_VALUE(schema::AcName::parse("v"))};
  manifest.volumes = {volume, volume};
  EXPECT_EQ(error_of(codec::validate_pod_manifest(manifest)),
            "pod manifest: /volumes/1: duplicate volume name 'v'");
  manifest.volumes = {volume};
  manifest.volumes[0].kind = schema::VolumeKind::kHost;
  manifest.volumes[0].source = "/x";
  EXPECT_EQ(error_of(codec::validate_pod_manifest(manifest)), "(no error)");
  manifest.volumes[0].uid = 5;  // has no place in a host volume's JSON
  EXPECT_EQ(error_of(codec::validate_pod_manifest(manifest)),
            "pod manifest holds values that cannot be written");
}

TEST(PodReferencesTest, FindsDanglingMounts) {
  PodManifest manifest = ASSERT_VALUE(parse_pod_manifest(read_golden("manifests/pod/full.json")));
  EXPECT_EQ(error_of(codec::validate_pod_references(manifest)), "(no error)")
      << "an appVolume needs no pod volume";
  manifest.volumes.erase(manifest.volumes.begin());
  EXPECT_EQ(error_of(codec::validate_pod_references(manifest)),
            "app 'reduce-worker': dangling mount point '/mnt/foo': the pod has no volume 'work'");
  manifest.apps[0].mounts[1].app_volume.reset();
  EXPECT_EQ(error_of(codec::validate_pod_references(manifest)),
            "app 'reduce-worker': dangling mount point '/mnt/foo': the pod has no volume 'work'; app "
            "'reduce-worker': dangling mount point '/mnt/own': the pod has no volume 'own'");
}

}  // namespace
}  // namespace agena
