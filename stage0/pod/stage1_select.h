// Which stage1 image runs a pod: the user's choice, or the default of this installation.
#pragma once

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/run_request.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Finds the stage1 image and brings it into the store if it is a file (once: an unchanged file is known by
// its time stamps). kNotFound says where it was looked for.
Result<ImageRecord> select_stage1(Store& store, const Engine& engine, const Stage1Selection& selection,
                                  const InsecureOptions& insecure);

}  // namespace agena::stage0
