# What `cmake --install` lays out beside the stage1 images (Stage1Image.cmake): the command under both names, its manual
# pages and completions, which come from its tables, and the documentation.
set(AGENA_DOCS_DIR ${CMAKE_BINARY_DIR}/docs)

# agena_generated_text(OUTPUT file PROGRAM path ARGS ...): what a built program prints, as a file.
function(agena_generated_text)
  cmake_parse_arguments(A "" "OUTPUT;PROGRAM" "ARGS" ${ARGN})
  list(JOIN A_ARGS "|" args)
  add_custom_command(
    OUTPUT ${A_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=${A_PROGRAM} -DARGS=${args} -DOUTPUT=${A_OUTPUT}
            -P ${CMAKE_SOURCE_DIR}/cmake/GenerateText.cmake
    DEPENDS agena ${CMAKE_SOURCE_DIR}/cmake/GenerateText.cmake
    COMMENT "Generating ${A_OUTPUT}"
    VERBATIM)
endfunction()

# Completions; every shell has names of its own for the files.
foreach(name agena rkt)
  foreach(pair "bash|${name}" "fish|${name}.fish" "zsh|_${name}")
    string(REGEX MATCH "^(.*)\\|(.*)$" pair ${pair})
    set(file ${AGENA_DOCS_DIR}/completion/${CMAKE_MATCH_1}/${CMAKE_MATCH_2})
    agena_generated_text(OUTPUT ${file} PROGRAM ${CMAKE_BINARY_DIR}/bin/${name} ARGS completion ${CMAKE_MATCH_1})
    list(APPEND generated ${file})
  endforeach()
endforeach()

# Manual pages of commands, from their table; of formats and concepts, from the documentation: STEM SECTION SUMMARY.
set(pages_of_docs
  "app-filesystem|7|what an app of Agena finds in its file system"
  "configuration|5|configuration files of Agena"
  "metadata-service|7|what apps may ask about their pods"
  "networking|7|networks of pods"
  "on-disk-format|5|files of images and pods"
  "pod-lifecycle|7|states of pods and apps, and how they end"
  "security|7|what isolates pods, and what waives it"
  "stage1-contract|7|interface between the command and stage1 images"
  "under-systemd|7|pods as units of a host's systemd"
  "user-namespaces|7|pods with user ids of their own")
set(AGENA_MAN_DIR ${AGENA_DOCS_DIR}/man)
foreach(name agena rkt)
  add_custom_command(
    OUTPUT ${AGENA_MAN_DIR}/${name}.stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${AGENA_MAN_DIR}/${name}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${AGENA_MAN_DIR}/${name}
    COMMAND agena-manual ${name} ${AGENA_MAN_DIR}/${name}
    COMMAND ${CMAKE_COMMAND} -E touch ${AGENA_MAN_DIR}/${name}.stamp
    DEPENDS agena-manual
    COMMENT "Writing the manual pages of ${name}"
    VERBATIM)
  list(APPEND generated ${AGENA_MAN_DIR}/${name}.stamp)
endforeach()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(references)
foreach(row IN LISTS pages_of_docs)
  string(REPLACE "|" ";" row "${row}")
  list(POP_FRONT row stem section)
  list(APPEND references --man-page "${stem}=agena-${stem}(${section})")
endforeach()
foreach(row IN LISTS pages_of_docs)
  string(REPLACE "|" ";" row "${row}")
  list(POP_FRONT row stem section summary)
  set(page ${AGENA_MAN_DIR}/docs/agena-${stem}.${section})
  file(MAKE_DIRECTORY ${AGENA_MAN_DIR}/docs)
  add_custom_command(
    OUTPUT ${page}
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/scripts/markdown-to-man --section ${section} --name agena-${stem}
            --version ${PROJECT_VERSION} --summary ${summary} ${references} --output ${page}
            ${CMAKE_SOURCE_DIR}/docs/${stem}.md
    DEPENDS ${CMAKE_SOURCE_DIR}/scripts/markdown-to-man ${CMAKE_SOURCE_DIR}/docs/${stem}.md
    COMMENT "Writing agena-${stem}(${section})"
    VERBATIM)
  list(APPEND generated ${page})
  install(FILES ${page} DESTINATION share/man/man${section} COMPONENT agena)
endforeach()
add_custom_target(agena-docs ALL DEPENDS ${generated})

# Components: `agena`, and `rkt` for all that answers to rkt's name. They are the packages (Packages.cmake).
install(TARGETS agena RUNTIME DESTINATION bin COMPONENT agena)
foreach(name agena rkt)
  install(DIRECTORY ${AGENA_MAN_DIR}/${name}/ DESTINATION share/man/man1 COMPONENT ${name})
  set(completion ${AGENA_DOCS_DIR}/completion)
  install(FILES ${completion}/bash/${name} DESTINATION share/bash-completion/completions COMPONENT ${name})
  install(FILES ${completion}/fish/${name}.fish DESTINATION share/fish/vendor_completions.d COMPONENT ${name})
  install(FILES ${completion}/zsh/_${name} DESTINATION share/zsh/site-functions COMPONENT ${name})
endforeach()
# What the pages refer to.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION share/doc/agena COMPONENT agena FILES_MATCHING PATTERN "*.md" PATTERN "*.svg")

# agena_install_link(TARGET text LINK path COMPONENT name): a symbolic link below the prefix.
function(agena_install_link)
  cmake_parse_arguments(A "" "TARGET;LINK;COMPONENT" "" ${ARGN})
  install(CODE "
    set(link \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${A_LINK}\")
    message(STATUS \"Installing: \${link} -> ${A_TARGET}\")
    cmake_path(GET link PARENT_PATH directory)
    file(MAKE_DIRECTORY \"\${directory}\")
    file(CREATE_LINK ${A_TARGET} \"\${link}\" SYMBOLIC)" COMPONENT ${A_COMPONENT})
endfunction()
agena_install_link(TARGET agena LINK bin/rkt COMPONENT rkt)

# Units, groups, directories and limits, with the prefix of the installation in them. Nothing is enabled here.
foreach(name agena rkt)
  install(CODE "
    set(PREFIX \"\${CMAKE_INSTALL_PREFIX}\")
    set(OUTPUT \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
    set(PERSONALITIES ${name})
    message(STATUS \"Installing: \${OUTPUT}/lib/{systemd/system,sysusers.d,tmpfiles.d,sysctl.d}: ${name}\")
    include(\"${CMAKE_SOURCE_DIR}/cmake/HostFiles.cmake\")" COMPONENT ${name})
endforeach()
