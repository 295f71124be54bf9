#include "stage0/metadata/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "stage0/config/base64.h"
#include "stage0/metadata/request_path.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage0/metadata/fixture.h"

namespace agena::stage0 {
namespace {

using namespace metadata_fixture;
using testing::HasSubstr;

constexpr const char* kForm = "application/x-www-form-urlencoded";

class Answers : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(pods_->put_pod(uuid(), registration()));
    ASSERT_TRUE(pods_->put_app(uuid(), "web", image_manifest()));
  }

  static MetadataRequest request(const std::string& rest) {
    return {.method = "GET",
            .path = "/" + kToken + "/acMetadata/v1/" + rest,
            .query = "",
            .flavor = kFlavor,
            .content_type = "",
            .body = "",
            .source = *IpAddress::parse("172.16.28.2")};
  }
  MetadataAnswer get(const std::string& rest) const { return answer_metadata(*pods_, request(rest)); }
  MetadataAnswer post(const std::string& rest, const std::string& body, const char* type = kForm) const {
    MetadataRequest asked = request(rest);
    asked.method = "POST";
    asked.body = body;
    asked.content_type = type;
    return answer_metadata(*pods_, asked);
  }
  MetadataAnswer at_socket(const std::string& method, const std::string& path, const std::string& query,
                           const std::string& body) const {
    return answer_registration(*pods_,
                               {.method = method,
                                .path = path,
                                .query = query,
                                .flavor = "",
                                .content_type = "",
                                .body = body,
                                .source = std::nullopt},
                               18112);
  }

  std::unique_ptr<PodRegistry> pods_ = *PodRegistry::open(std::nullopt);
};

TEST_F(Answers, Entries) {
  EXPECT_EQ(get("pod/uuid").body, kUuid);
  EXPECT_EQ(get("pod/manifest").body, pod_manifest());
  EXPECT_EQ(get("pod/manifest").type, "application/json");
  EXPECT_EQ(get("pod/annotations").body, R"([{"name":"example.com/rack","value":"7"}])");
  EXPECT_EQ(get("pod/annotations/example.com/rack").body, "7");
  EXPECT_EQ(get("apps/web/image/manifest").body, image_manifest());
  EXPECT_EQ(get("apps/web/image/id").body.substr(0, kImageId.size()), kImageId);
  // What the pod says of the app wins over what its image says.
  EXPECT_EQ(get("apps/web/annotations").body,
            R"([{"name":"color","value":"red"},{"name":"authors","value":"Zoë"}])");
  EXPECT_EQ(get("apps/web/annotations/color").body, "red");
  EXPECT_EQ(get("apps/web/annotations/authors").body, "Zoë");
}

TEST_F(Answers, Refusals) {
  EXPECT_EQ(get("pod/annotations/none").status, 404);
  EXPECT_EQ(get("apps/db/annotations").status, 404);
  EXPECT_EQ(get("pod/nothing").status, 404);
  EXPECT_EQ(get("pod/hmac/sign").status, 405);
  EXPECT_EQ(post("pod/uuid", "").status, 405);
  MetadataRequest asked = request("pod/uuid");
  asked.flavor = "Browser";
  EXPECT_EQ(answer_metadata(*pods_, asked).status, 400);
  asked = request("pod/uuid");
  asked.path = "/" + kOtherToken + "/acMetadata/v1/pod/uuid";
  EXPECT_EQ(answer_metadata(*pods_, asked).status, 401);
  asked = request("pod/uuid");
  asked.source.reset();
  EXPECT_EQ(answer_metadata(*pods_, asked).status, 401);
}

TEST_F(Answers, BodiesAreTakenFromWhoMayHaveThemSigned) {
  const auto refused = [&](const std::string& rest, const auto& change) {
    MetadataRequest asked = request(rest);
    asked.method = "POST";
    asked.content_type = kForm;
    change(asked);
    const auto refusal = refuse_metadata_body(*pods_, asked);
    return refusal ? refusal->status : 0;
  };
  const auto as_it_is = [](MetadataRequest&) {};
  EXPECT_EQ(refused("pod/hmac/sign", as_it_is), 0);
  EXPECT_EQ(refused("pod/hmac/verify", as_it_is), 0);
  EXPECT_EQ(refused("pod/uuid", as_it_is), 405);
  EXPECT_EQ(refused("pod/uuid", [](MetadataRequest& asked) { asked.method = "GET"; }), 413);
  EXPECT_EQ(refused("pod/nothing", as_it_is), 404);
  EXPECT_EQ(refused("pod/hmac/sign", [](MetadataRequest& asked) { asked.flavor = ""; }), 400);
  EXPECT_EQ(refused("pod/hmac/sign", [](MetadataRequest& asked) { asked.method = "PUT"; }), 405);
  EXPECT_EQ(refused("pod/hmac/sign", [](MetadataRequest& asked) { asked.content_type = "text/plain"; }), 415);
  EXPECT_EQ(refused("pod/hmac/sign", [](MetadataRequest& asked) { asked.source.reset(); }), 401);
  EXPECT_EQ(refused("pod/hmac/sign",
                    [](MetadataRequest& asked) {
                      asked.path = "/" + kOtherToken + "/acMetadata/v1/pod/hmac/sign";
                    }),
            401);
  ASSERT_TRUE(pods_->put_pod(uuid(), registration(TokenSource::kLoopback)));
  EXPECT_EQ(refused("pod/hmac/sign", as_it_is), 401);
}

TEST_F(Answers, SignaturesOfOnePodAreVerifiedByAnother) {
  PodRegistration other = registration();
  other.token = kOtherToken;
  ASSERT_TRUE(pods_->put_pod(uuid(kOtherUuid), other));
  const MetadataAnswer signature = post("pod/hmac/sign", "content=hello+world");
  EXPECT_EQ(signature.status, 200);
  ASSERT_EQ(base64_decode(signature.body)->size(), 64U);
  const auto verify = [&](const std::string& uid, const std::string& content, const std::string& text) {
    MetadataRequest asked = request("");
    asked.path = "/" + kOtherToken + "/acMetadata/v1/pod/hmac/verify";
    asked.method = "POST";
    asked.content_type = std::string(kForm) + "; charset=utf-8";
    asked.body = uid + "&content=" + content + "&signature=" + percent_encoded(text);
    return answer_metadata(*pods_, asked).status;
  };
  EXPECT_EQ(verify("uid=" + kUuid, "hello+world", signature.body), 200);
  EXPECT_EQ(verify("uuid=" + kUuid, "hello%20world", signature.body), 200);
  EXPECT_EQ(verify("uid=" + kOtherUuid, "hello+world", signature.body), 403);
  EXPECT_EQ(verify("uid=" + kUuid, "hello", signature.body), 403);
  EXPECT_EQ(verify("uid=" + kUuid, "hello+world", base64_encode("x")), 403);
  EXPECT_EQ(verify("uid=" + kUuid, "hello+world", "*"), 400);
  EXPECT_EQ(verify("uid=" + kUuid, "hello+world", ""), 400);
  EXPECT_EQ(verify("uid=" + kUuid, "", signature.body), 400);
  EXPECT_EQ(verify("uid=x", "hello+world", signature.body), 400);
  EXPECT_EQ(verify("", "hello+world", signature.body), 400);
}

TEST_F(Answers, BadForms) {
  EXPECT_EQ(post("pod/hmac/sign", "").status, 400);
  EXPECT_EQ(post("pod/hmac/sign", "content=%").status, 400);
  EXPECT_EQ(post("pod/hmac/sign", "content=x", "multipart/form-data").status, 415);
  EXPECT_EQ(post("pod/hmac/sign", "content=x", "").status, 415);
}

TEST_F(Answers, TokensOfPodsInTheHostsNetworkWorkOnLoopback) {
  ASSERT_TRUE(pods_->put_pod(uuid(), registration(TokenSource::kLoopback)));
  EXPECT_EQ(get("pod/uuid").status, 401);
  MetadataRequest asked = request("pod/uuid");
  asked.source = *IpAddress::parse("127.0.0.1");
  EXPECT_EQ(answer_metadata(*pods_, asked).status, 200);
}

TEST_F(Answers, TokensWorkFromThePodsOwnAddressesOnly) {
  const test::TempDir dir;
  ASSERT_TRUE(pods_->put_pod(uuid(), registration(TokenSource::kPod, dir.path())));
  const auto lock_now = [&] {
    return *sys::FileLock::try_now(*sys::open_dir(dir.path()), sys::LockMode::kExclusive);
  };
  auto lock = lock_now();
  ASSERT_TRUE(lock);
  EXPECT_EQ(get("pod/uuid").status, 401);
  const auto networks = [&](const std::string& text) {
    EXPECT_TRUE(sys::write_file(sys::at_cwd(), dir.path() + "/net-info.json", text));
    return get("pod/uuid").status;
  };
  EXPECT_EQ(networks(R"([{"netName":"a","ip":"172.16.28.2"}])"), 200);
  // The pod has ended.
  lock.reset();
  EXPECT_EQ(get("pod/uuid").status, 401);
  lock = lock_now();
  EXPECT_EQ(get("pod/uuid").status, 200);
  EXPECT_EQ(networks(R"([{"ip":"10.1.1.1"},{"ip":"172.16.28.2","mask":"255.255.255.0"}])"), 200);
  EXPECT_EQ(networks(R"([{"ip":"10.1.1.1","ips":[{"address":"10.1.1.1/24"},{"address":"172.16.28.2/24"}]}])"),
            200);
  EXPECT_EQ(networks(R"([{"ip":"10.1.1.1","ips":["172.16.28.2/24"]}])"), 200);
  for (const char* text : {R"([{"ip":"172.16.28.3"}])", R"([{"ip":7},{"ips":[1,{"address":2},{}]},3])", "[]",
                           "{}", R"({"ip":"172.16.28.2"})", "[", ""})
    EXPECT_EQ(networks(text), 401) << text;
  // Loopback is the host's own programs.
  MetadataRequest asked = request("pod/uuid");
  asked.source = *IpAddress::parse("127.0.0.1");
  EXPECT_EQ(answer_metadata(*pods_, asked).status, 401);
  ASSERT_TRUE(sys::make_symlink("fly", sys::at_cwd(), dir.path() + "/flavor"));
  EXPECT_EQ(answer_metadata(*pods_, asked).status, 200);
}

TEST_F(Answers, Registration) {
  const std::string pod = "/pods/" + kOtherUuid;
  const std::string token = "token=" + kOtherToken;
  EXPECT_EQ(at_socket("PUT", pod, token + "&network=pod&dir=/x%20y", pod_manifest()).status, 200);
  EXPECT_EQ(pods_->find(kOtherToken)->directory, "/x y");
  EXPECT_EQ(pods_->find(kOtherToken)->source, TokenSource::kPod);
  // rkt's own requests have no more than the token.
  const MetadataAnswer plain = at_socket("PUT", pod, token, pod_manifest());
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.port, 18112);
  EXPECT_EQ(pods_->find(kOtherToken)->source, TokenSource::kAnywhere);
  EXPECT_EQ(at_socket("PUT", pod + "/web", "", image_manifest()).status, 200);
  EXPECT_EQ(at_socket("PUT", pod + "/db", "", image_manifest()).status, 404);
  EXPECT_EQ(at_socket("PUT", pod, "token=" + kToken, pod_manifest()).status, 409);
  for (const char* query : {"", "token=x", "network=pod", "network=host&dir=x", "network=x&dir=/x"})
    EXPECT_EQ(
        at_socket("PUT", pod, query[0] == 't' || query[0] == 0 ? query : token + "&" + query, pod_manifest())
            .status,
        400)
        << query;
  EXPECT_EQ(at_socket("PUT", pod, token, "").status, 400);
  EXPECT_THAT(at_socket("PUT", pod, token, "{}").body, HasSubstr("pod manifest"));
  EXPECT_EQ(at_socket("GET", pod, token, "").status, 400);
  EXPECT_EQ(at_socket("DELETE", pod, "token=" + kToken, "").status, 404);
  EXPECT_EQ(at_socket("DELETE", pod, "", "").status, 200);
  EXPECT_EQ(at_socket("DELETE", pod, "", "").status, 404);
}

}  // namespace
}  // namespace agena::stage0
