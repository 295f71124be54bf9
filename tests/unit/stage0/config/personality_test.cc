#include "stage0/config/personality.h"

#include <gtest/gtest.h>

namespace agena::stage0 {
namespace {

TEST(Personality, IsTheNameThatTheProgramWasStartedUnder) {
  struct Row {
    const char* program;
    const char* name;
  };
  for (const Row& row :
       {Row{"rkt", "rkt"}, Row{"/usr/bin/rkt", "rkt"}, Row{"./rkt", "rkt"}, Row{"agena", "agena"},
        Row{"/opt/agena", "agena"}, Row{"", "agena"}, Row{"rkt/", "agena"}, Row{"my-rkt", "agena"}})
    EXPECT_EQ(personality_for(row.program).name, row.name) << row.program;
}

TEST(Personality, EveryRowIsWhole) {
  for (const Personality& row : personalities()) {
    EXPECT_EQ(&personality_for(row.name), &row);
    for (const std::string_view directory :
         {row.data_dir, row.local_config_dir, row.system_config_dir, row.run_dir})
      EXPECT_TRUE(directory.starts_with('/') && directory.ends_with(row.name)) << row.name;
  }
}

}  // namespace
}  // namespace agena::stage0
