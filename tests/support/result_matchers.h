// Looking into Results from tests.
#pragma once

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "common/base/result.h"

namespace agena::testing {

// The error's text as a user sees it, or "(no error)".
template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "(no error)" : result.error().to_string();
}

}  // namespace agena::testing

// The value of a Result, which must be there: `auto id = ASSERT_VALUE(ImageId::parse(text));`. Ends the test
// function otherwise.
#define ASSERT_VALUE(expr)                                                                              \
  __extension__({                                                                                       \
    auto assert_value_result = (expr);                                                                  \
    if (!assert_value_result) GTEST_FAIL() << #expr << ": " << assert_value_result.error().to_string(); \
    *std::move(assert_value_result);                                                                    \
  })
