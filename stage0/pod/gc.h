// `gc`: mark ended pods, delete marked ones after their grace.
#pragma once

#include <functional>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "stage0/pod/engine.h"

namespace agena::stage0 {

struct GcEvent {
  enum class Kind {
    kMarked,       // moved to garbage ("moving pod "U" to garbage")
    kCollecting,   // about to be deleted ("Garbage collecting pod "U"")
    kWithinGrace,  // left alone for `remaining` more
  };
  Kind kind;
  Uuid uuid;
  Nanoseconds remaining = 0;
};

struct GcRequest {
  Nanoseconds grace_period = 1800 * kSecond;      // since an ended pod was marked
  Nanoseconds expire_prepared = 86400 * kSecond;  // since a pod was prepared
  bool mark_only = false;
  std::function<void(const GcEvent&)> on_event;  // called as things happen; may be empty
};

struct GcResult {
  std::size_t marked = 0;
  std::size_t deleted = 0;
  std::vector<Error> errors;  // one per pod that could not be dealt with, each naming the pod
};

// An error only if the pods cannot be read at all. Any number of gc runs may go on at once.
Result<GcResult> collect_garbage(const Engine& engine, const GcRequest& request);

}  // namespace agena::stage0
