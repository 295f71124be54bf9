# Runs PROGRAM with ARGS (joined by '|') and writes its standard output to OUTPUT. For use with cmake -P.
string(REPLACE "|" ";" arguments "${ARGS}")
cmake_path(GET OUTPUT PARENT_PATH directory)
file(MAKE_DIRECTORY ${directory})
execute_process(COMMAND ${PROGRAM} ${arguments} OUTPUT_FILE ${OUTPUT} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ${arguments}: ended with ${status}")
endif()
