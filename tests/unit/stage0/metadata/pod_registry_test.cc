#include "stage0/metadata/pod_registry.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage0/metadata/fixture.h"

namespace agena::stage0 {
namespace {

using namespace metadata_fixture;

TEST(PodRegistry, FindsByTokenUntilRemoved) {
  const auto pods = *PodRegistry::open(std::nullopt);
  ASSERT_TRUE(pods->put_pod(uuid(), registration()));
  ASSERT_TRUE(pods->put_app(uuid(), "web", image_manifest()));
  const auto pod = pods->find(kToken);
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(pod->uuid, uuid());
  EXPECT_EQ(pod->apps.at("web").text, image_manifest());
  EXPECT_EQ(pods->find(kOtherToken), nullptr);
  EXPECT_FALSE(*pods->remove(uuid(), kOtherToken));
  EXPECT_TRUE(*pods->remove(uuid(), kToken));
  EXPECT_EQ(pods->find(kToken), nullptr);
  EXPECT_FALSE(*pods->remove(uuid(), ""));
  EXPECT_EQ(pods->size(), 0U);
  // Who has it may go on reading.
  EXPECT_EQ(pod->pod.text, pod_manifest());
}

TEST(PodRegistry, RefusesWhatIsNone) {
  const auto pods = *PodRegistry::open(std::nullopt);
  PodRegistration bad = registration();
  bad.token = "x";
  EXPECT_EQ(pods->put_pod(uuid(), bad).error().kind(), ErrorKind::kInvalidInput);
  bad = registration();
  bad.manifest = "{}";
  EXPECT_EQ(pods->put_pod(uuid(), bad).error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(pods->put_app(uuid(), "web", image_manifest()).error().kind(), ErrorKind::kNotFound);
  ASSERT_TRUE(pods->put_pod(uuid(), registration()));
  EXPECT_EQ(pods->put_app(uuid(), "db", image_manifest()).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(pods->put_app(uuid(), "web", "[]").error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(pods->put_pod(uuid(kOtherUuid), registration()).error().kind(), ErrorKind::kAlreadyExists);
}

TEST(PodRegistry, RegisteringAnewKeepsAppsThatAreStillThere) {
  const auto pods = *PodRegistry::open(std::nullopt);
  ASSERT_TRUE(pods->put_pod(uuid(), registration()));
  ASSERT_TRUE(pods->put_app(uuid(), "web", image_manifest()));
  PodRegistration next = registration();
  next.token = kOtherToken;
  ASSERT_TRUE(pods->put_pod(uuid(), next));
  EXPECT_EQ(pods->find(kToken), nullptr);
  EXPECT_EQ(pods->find(kOtherToken)->apps.size(), 1U);
  next.manifest = pod_manifest("db");
  ASSERT_TRUE(pods->put_pod(uuid(), next));
  EXPECT_TRUE(pods->find(kOtherToken)->apps.empty());
}

TEST(PodRegistry, OutlivesTheProcess) {
  const test::TempDir top;
  const std::string state = top.path() + "/state";
  const std::string pod_dir = top.path() + "/pod";
  ASSERT_TRUE(sys::make_dir(sys::at_cwd(), pod_dir));
  std::string signature;
  {
    const auto pods = *PodRegistry::open(state);
    ASSERT_TRUE(pods->put_pod(uuid(), registration(TokenSource::kPod, pod_dir)));
    ASSERT_TRUE(pods->put_app(uuid(), "web", image_manifest()));
    PodRegistration other = registration(TokenSource::kPod, top.path() + "/gone");
    other.token = kOtherToken;
    ASSERT_TRUE(pods->put_pod(uuid(kOtherUuid), other));
    signature = *pods->signer().sign(uuid(), "text");
  }
  // Half a file, as a full disk leaves none: the pod is forgotten, the others are not.
  const std::string third = "7ba7b810-9dad-41d1-80b4-00c04fd430c8";
  ASSERT_TRUE(sys::write_file(sys::at_cwd(), state + "/" + third + ".json", R"({"token":)"));
  const auto pods = *PodRegistry::open(state);
  const auto pod = pods->find(kToken);
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(pod->source, TokenSource::kPod);
  EXPECT_EQ(pod->directory, pod_dir);
  EXPECT_EQ(pod->pod.text, pod_manifest());
  EXPECT_EQ(pod->apps.at("web").text, image_manifest());
  EXPECT_TRUE(*pods->signer().verify(uuid(), "text", signature));
  EXPECT_EQ(pods->find(kOtherToken), nullptr);
  EXPECT_EQ(*sys::list_dir(sys::at_cwd(), state), (std::vector<std::string>{kUuid + ".json", "key"}));
  for (const char* name : {"", "/key"}) {
    const auto st = *sys::stat_at(sys::at_cwd(), state + name);
    EXPECT_EQ(st.st_mode & 077U, 0U) << name;
  }
}

TEST(Signer, SignsForOnePodAndOneText) {
  const Signer signer = *Signer::random();
  const std::string signature = *signer.sign(uuid(), "text");
  EXPECT_EQ(signature.size(), 64U);
  EXPECT_TRUE(*signer.verify(uuid(), "text", signature));
  EXPECT_FALSE(*signer.verify(uuid(), "texts", signature));
  EXPECT_FALSE(*signer.verify(uuid(kOtherUuid), "text", signature));
  EXPECT_FALSE(*signer.verify(uuid(), "text", signature.substr(1)));
  EXPECT_FALSE(*signer.verify(uuid(), "text", ""));
  EXPECT_FALSE(*Signer::random()->verify(uuid(), "text", signature));
  EXPECT_FALSE(Signer::with_key("short"));
}

// A key and a message whose digest another program computed:
// printf '%s%s' UUID text | openssl dgst -sha512 -mac HMAC -macopt hexkey:$(printf 'k%.0s' {1..64} | xxd -p
// -c 64)
TEST(Signer, IsHmacSha512) {
  const Signer signer = *Signer::with_key(std::string(64, 'k'));
  EXPECT_EQ(to_hex(*signer.sign(uuid(), "text")),
            "3e364db072308c2f4382195857cb456a41ca4ff0bb4ce3e66c10ebc1c4e269e65be1519595d1396f820470128d8e9866"
            "4ce90fe3666e94315fd09be2c9b136d3");
}

}  // namespace
}  // namespace agena::stage0
