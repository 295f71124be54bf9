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
#define ASSERT_VALUE(expr) ASSERT_VALUE_IMPL(AGENA_CONCAT(assert_value_, __COUNTER__), expr)
#define ASSERT_VALUE_IMPL(name, expr)                                     \
  __extension__({                                                         \
    auto name = (expr);                                                   \
    if (!name) GTEST_FAIL() << #expr << ": " << name.error().to_string(); \
    *std::move(name);                                                     \
  })
