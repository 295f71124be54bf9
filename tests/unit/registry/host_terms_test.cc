#include "stage0/registry/host_terms.h"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

RegistryEndpoint endpoint(const std::string& host, bool insecure = false) {
  return {.host = host, .repository = "team/app", .registry = host, .insecure = insecure};
}

HostTerms terms(const std::string& url, const RegistryEndpoint& from, const RegistryWaivers& waivers = {},
                const std::string& file = "") {
  RegistriesConf conf;
  EXPECT_TRUE(conf.add(file, "registries.conf"));
  auto parsed = Url::parse(url);
  EXPECT_TRUE(parsed);
  return parsed ? terms_of(*parsed, from, conf, waivers) : HostTerms();
}

constexpr HostTerms kTlsOnly{.plain_waived = false, .allow_plain = false, .verify = true};
constexpr HostTerms kLoopback{.plain_waived = false, .allow_plain = true, .verify = true};
constexpr HostTerms kInsecure{.plain_waived = true, .allow_plain = true, .verify = false};

TEST(HostTerms, TheMarkIsTheEndpointsAndNobodyElses) {
  EXPECT_EQ(terms("https://registry.test/v2/", endpoint("registry.test")), kTlsOnly);
  EXPECT_EQ(terms("https://registry.test/v2/", endpoint("registry.test", true)), kInsecure);
  EXPECT_EQ(terms("https://registry.test:443/v2/", endpoint("Registry.test", true)), kInsecure);
  EXPECT_EQ(terms("https://registry.test:444/v2/", endpoint("registry.test", true)), kTlsOnly);
  EXPECT_EQ(terms("https://elsewhere.test/token", endpoint("registry.test", true)), kTlsOnly);
}

TEST(HostTerms, OnePrefixDoesNotSpeakForItsHost) {
  const std::string part = "[[registry]]\nlocation = \"registry.test/lab\"\ninsecure = true\n";
  EXPECT_EQ(terms("https://registry.test/v2/", endpoint("registry.test"), {}, part), kTlsOnly);
  EXPECT_EQ(terms("https://registry.test/v2/", endpoint("other.test"), {}, part), kTlsOnly);
  const std::string whole = "[[registry]]\nlocation = \"registry.test\"\ninsecure = true\n";
  EXPECT_EQ(terms("https://registry.test/token", endpoint("other.test"), {}, whole), kInsecure);
}

TEST(HostTerms, PlainHttpOnTheLoopbackIsForRegistriesThere) {
  EXPECT_EQ(terms("http://127.0.0.1:5000/v2/", endpoint("127.0.0.1:5000")), kLoopback);
  EXPECT_EQ(terms("http://127.0.0.1:5001/token", endpoint("localhost:5000")), kLoopback);
  EXPECT_EQ(terms("http://127.0.0.1:5001/token", endpoint("[::1]:5000")), kLoopback);
  EXPECT_EQ(terms("http://127.0.0.1:5001/token", endpoint("registry.test")), kTlsOnly);
  EXPECT_EQ(terms("http://[::1]:5001/token", endpoint("registry.test:5000")), kTlsOnly);
}

TEST(HostTerms, Waivers) {
  const HostTerms http = terms("http://registry.test/v2/", endpoint("registry.test"), {.http = true});
  EXPECT_EQ(http, (HostTerms{.plain_waived = true, .allow_plain = true, .verify = true}));
  const HostTerms tls = terms("https://registry.test/v2/", endpoint("registry.test"), {.tls = true});
  EXPECT_EQ(tls, (HostTerms{.plain_waived = false, .allow_plain = false, .verify = false}));
}

}  // namespace
}  // namespace agena::stage0
