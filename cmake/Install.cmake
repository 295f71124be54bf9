# What `cmake --install` lays out beside the stage1 images (Stage1Image.cmake): the command under both names, its manual
# page and completions, which the command itself writes from its tables.
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

agena_generated_text(OUTPUT ${AGENA_DOCS_DIR}/man/agena.1 PROGRAM ${CMAKE_BINARY_DIR}/bin/agena ARGS help --man)
foreach(name agena rkt)
  agena_generated_text(OUTPUT ${AGENA_DOCS_DIR}/completion/${name} PROGRAM ${CMAKE_BINARY_DIR}/bin/${name}
                       ARGS completion bash)
endforeach()
add_custom_target(agena-docs ALL DEPENDS ${AGENA_DOCS_DIR}/man/agena.1 ${AGENA_DOCS_DIR}/completion/agena
                                         ${AGENA_DOCS_DIR}/completion/rkt)

install(TARGETS agena RUNTIME DESTINATION bin)
install(FILES ${AGENA_DOCS_DIR}/man/agena.1 DESTINATION share/man/man1)
install(FILES ${AGENA_DOCS_DIR}/completion/agena ${AGENA_DOCS_DIR}/completion/rkt
        DESTINATION share/bash-completion/completions)

# agena_install_link(TARGET text LINK path): a symbolic link below the prefix.
function(agena_install_link)
  cmake_parse_arguments(A "" "TARGET;LINK" "" ${ARGN})
  install(CODE "
    set(link \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${A_LINK}\")
    message(STATUS \"Installing: \${link} -> ${A_TARGET}\")
    file(CREATE_LINK ${A_TARGET} \"\${link}\" SYMBOLIC)")
endfunction()
agena_install_link(TARGET agena LINK bin/rkt)
agena_install_link(TARGET agena.1 LINK share/man/man1/rkt.1)

# Units, groups, directories and limits, with the prefix of the installation in them. Nothing is enabled.
install(CODE "
  set(PREFIX \"\${CMAKE_INSTALL_PREFIX}\")
  set(OUTPUT \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  message(STATUS \"Installing: \${OUTPUT}/lib/{systemd/system,sysusers.d,tmpfiles.d,sysctl.d}\")
  include(\"${CMAKE_SOURCE_DIR}/cmake/HostFiles.cmake\")")
