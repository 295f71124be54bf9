#include "manifests/schema/quantity.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena::schema {
namespace {

using agena::testing::error_of;
using Format = Quantity::Format;

constexpr std::int64_t kMax = INT64_MAX;

struct Case {
  const char* text;
  std::int64_t value;        // rounded away from zero
  std::int64_t thousandths;  // the same; kMax stands for "does not fit"
  const char* canonical;
  Format format;
};

constexpr Case kCases[] = {
    {"0", 0, 0, "0", Format::kDecimalSi},
    {"-0", 0, 0, "0", Format::kDecimalSi},
    {"+1", 1, 1000, "1", Format::kDecimalSi},
    {"1000", 1000, 1'000'000, "1k", Format::kDecimalSi},
    {"1024", 1024, 1'024'000, "1024", Format::kDecimalSi},
    {"1e3", 1000, 1'000'000, "1e3", Format::kDecimalExponent},
    {"12e4", 120'000, 120'000'000, "120e3", Format::kDecimalExponent},
    {"1E3", 1000, 1'000'000, "1e3", Format::kDecimalExponent},
    {"1E", 1'000'000'000'000'000'000, kMax, "1E", Format::kDecimalSi},
    {"5e+0", 5, 5000, "5", Format::kDecimalExponent},
    {"5e-1", 1, 500, "500e-3", Format::kDecimalExponent},
    {"100m", 1, 100, "100m", Format::kDecimalSi},
    {"1500m", 2, 1500, "1500m", Format::kDecimalSi},
    {"2000m", 2, 2000, "2", Format::kDecimalSi},
    {"-1500m", -2, -1500, "-1500m", Format::kDecimalSi},
    {"0.5", 1, 500, "500m", Format::kDecimalSi},
    {".5", 1, 500, "500m", Format::kDecimalSi},
    {"5.", 5, 5000, "5", Format::kDecimalSi},
    {"1u", 1, 1, "1u", Format::kDecimalSi},
    {"1n", 1, 1, "1n", Format::kDecimalSi},
    {"-1n", -1, -1, "-1n", Format::kDecimalSi},
    {"0.1n", 1, 1, "1n", Format::kDecimalSi},  // rounded away from zero
    {"-0.1n", -1, -1, "-1n", Format::kDecimalSi},
    {"1e-100", 1, 1, "1e-9", Format::kDecimalExponent},
    {"0e1000", 0, 0, "0", Format::kDecimalExponent},
    {"1.23456789012", 2, 1235, "1234567891n", Format::kDecimalSi},
    {"1Ki", 1024, 1'024'000, "1Ki", Format::kBinarySi},
    {"1.5Gi", 1'610'612'736, 1'610'612'736'000, "1536Mi", Format::kBinarySi},
    {"1024Ki", 1'048'576, 1'048'576'000, "1Mi", Format::kBinarySi},
    {"0.5Ki", 512, 512'000, "512", Format::kBinarySi},   // below 1024: decimal
    {"0.0001Ki", 1, 103, "102400u", Format::kBinarySi},  // a fraction: decimal
    {"-2Mi", -2'097'152, -2'097'152'000, "-2Mi", Format::kBinarySi},
    {"7Ei", 8'070'450'532'247'928'832, kMax, "7Ei", Format::kBinarySi},
    {"9223372036854775807", kMax, kMax, "9223372036854775807", Format::kDecimalSi},
    {"-9223372036854775807", -kMax, kMax, "-9223372036854775807", Format::kDecimalSi},
    {"9223372036854775806.999999999", kMax, kMax, "9223372036854775806999999999n", Format::kDecimalSi},
    {"9223372036854775.807", 9'223'372'036'854'776, kMax, "9223372036854775807m", Format::kDecimalSi},
    {"00000000000000000000000000000000000000000000000000001", 1, 1000, "1", Format::kDecimalSi},
    {"1.00000000000000000000000000000000000000000000000000000", 1, 1000, "1", Format::kDecimalSi},
};

TEST(QuantityTest, ReadsExactly) {
  for (const Case& c : kCases) {
    const Quantity quantity = ASSERT_VALUE(Quantity::parse(c.text));
    EXPECT_EQ(quantity.value(), c.value) << c.text;
    EXPECT_EQ(quantity.format(), c.format) << c.text;
    EXPECT_EQ(quantity.str(), c.canonical) << c.text;
    EXPECT_EQ(quantity.sign(), c.value > 0 ? 1 : (c.value < 0 ? -1 : 0)) << c.text;
  }
}

TEST(QuantityTest, CountsThousandths) {
  for (const Case& c : kCases) {
    const auto thousandths = ASSERT_VALUE(Quantity::parse(c.text)).milli_value();
    if (c.thousandths == kMax && std::string(c.text) != "9223372036854775.807") {
      EXPECT_FALSE(thousandths) << c.text;
    } else {
      EXPECT_EQ(ASSERT_VALUE(thousandths), c.thousandths) << c.text;
    }
  }
  EXPECT_EQ(error_of(ASSERT_VALUE(Quantity::parse("9223372036854775.8071")).milli_value()),
            "quantity '9223372036854775807100u' is too large to be counted in thousandths");
}

TEST(QuantityTest, CanonicalTextIsTheSameNumber) {
  for (const Case& c : kCases) {
    const Quantity quantity = ASSERT_VALUE(Quantity::parse(c.text));
    const Quantity again = ASSERT_VALUE(Quantity::parse(quantity.str()));
    EXPECT_TRUE(Quantity::compare(quantity, again) == 0) << c.text;
    EXPECT_EQ(again.str(), quantity.str()) << c.text;
  }
}

TEST(QuantityTest, RefusesWhatIsNoQuantity) {
  for (const char* bad : {"",     " ",     "m",   ".",     "-",    "+-1",    "1.2.3",
                          "1 k",  " 1",    "1 ",  "K",     "1K",   "1KI",    "1ki",
                          "1mi",  "1e",    "1E+", "1e+-3", "1e3m", "1e1001", "1e99999999999999999999",
                          "0x10", "1_000", "12Q", "١",     "1g",   "--1",    "1..",
                          "inf",  "nan"})
    EXPECT_FALSE(Quantity::parse(bad)) << bad;
  EXPECT_EQ(error_of(Quantity::parse("12Q")),
            "expected a quantity (a number with a suffix such as m, k, M, G, Ki, Mi, Gi, e3), found '12Q'");
  EXPECT_FALSE(Quantity::parse(std::string(129, '0')));
}

TEST(QuantityTest, RefusesWhatIsTooLarge) {
  for (const char* large : {"9223372036854775808", "9223372036854775807.000000001",
                            "9223372036854775807.0000000001", "8Ei", "10E", "1e19", "-9223372036854775808",
                            "99999999999999999999999999999999999999999999999999", "1e1000"})
    EXPECT_EQ(error_of(Quantity::parse(large)),
              "quantity '" + std::string(large) + "' is out of range (at most 9223372036854775807)");
}

TEST(QuantityTest, MakesNumbers) {
  EXPECT_EQ(Quantity::of(4096).str(), "4096");
  EXPECT_EQ(Quantity::of(4096, Format::kBinarySi).str(), "4Ki");
  EXPECT_EQ(Quantity::of(INT64_MIN).value(), -kMax);
  EXPECT_EQ(Quantity::of_milli(1500).str(), "1500m");
  EXPECT_EQ(Quantity::of_milli(-1500), ASSERT_VALUE(Quantity::parse("-1.5")));
  EXPECT_EQ(ASSERT_VALUE(Quantity::of_milli(kMax).milli_value()), kMax);
}

TEST(QuantityTest, OrdersByNumber) {
  const std::vector<const char*> ascending = {"-1Gi",       "-2", "-1500m",    "-1n", "0",   "1n",
                                              "999999999n", "1",  "1.0000001", "1k",  "1Ki", "1e9"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      EXPECT_TRUE(Quantity::compare(ASSERT_VALUE(Quantity::parse(ascending[i])),
                                    ASSERT_VALUE(Quantity::parse(ascending[j]))) == (i <=> j))
          << ascending[i] << " and " << ascending[j];
  EXPECT_TRUE(
      Quantity::compare(ASSERT_VALUE(Quantity::parse("1Ki")), ASSERT_VALUE(Quantity::parse("1024"))) == 0);
  EXPECT_NE(ASSERT_VALUE(Quantity::parse("1Ki")), ASSERT_VALUE(Quantity::parse("1024")))
      << "another notation";
}

}  // namespace
}  // namespace agena::schema
