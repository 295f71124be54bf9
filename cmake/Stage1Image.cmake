# stage1 images: ACIs assembled from built programs and Debian's packages by scripts/build-stage1-image.

# The names of processors in appc's `arch` label, which are neither CMake's nor Debian's.
set(AGENA_APPC_ARCH_x86_64 amd64)
set(AGENA_APPC_ARCH_i686 i386)
set(AGENA_APPC_ARCH_aarch64 aarch64)
set(AGENA_APPC_ARCH_armv7l armv7l)
set(AGENA_APPC_ARCH_ppc64le ppc64le)

# agena_stage1_image(NAME TABLE file PROGRAMS target... [ENTRYPOINTS name...]): the image BUILD/stage1-images/NAME.aci of name
# agena.dev/NAME, as target NAME-image, part of ALL and of the installation. The table names programs by target.
function(agena_stage1_image name)
  cmake_parse_arguments(A "" "TABLE" "PROGRAMS;ENTRYPOINTS" ${ARGN})
  find_package(Python3 REQUIRED COMPONENTS Interpreter)

  set(STAGE1_IMAGE_NAME "agena.dev/${name}")
  set(STAGE1_ARCH "${AGENA_APPC_ARCH_${CMAKE_SYSTEM_PROCESSOR}}")
  if(NOT STAGE1_ARCH)
    message(FATAL_ERROR "appc has no name for the processor '${CMAKE_SYSTEM_PROCESSOR}'")
  endif()
  # The version is declared where the programs take it from.
  set(entrypoints ${CMAKE_SOURCE_DIR}/common/contract/entrypoints.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${entrypoints})
  file(STRINGS ${entrypoints} declared REGEX "kInterfaceVersion = [0-9]+;")
  string(REGEX MATCH "[0-9]+" STAGE1_INTERFACE_VERSION "${declared}")
  if(NOT STAGE1_INTERFACE_VERSION)
    message(FATAL_ERROR "no kInterfaceVersion in '${entrypoints}'")
  endif()
  # Entrypoints that not every flavour has.
  set(STAGE1_MORE_ANNOTATIONS)
  foreach(entrypoint IN LISTS A_ENTRYPOINTS)
    string(REPLACE "/" "-" program ${entrypoint})
    string(APPEND STAGE1_MORE_ANNOTATIONS
      "    {\"name\": \"coreos.com/rkt/stage1/${entrypoint}\", \"value\": \"/usr/lib/agena/stage1/${program}\"},\n")
  endforeach()
  set(manifest ${CMAKE_BINARY_DIR}/generated/${name}-manifest.json)
  configure_file(${CMAKE_SOURCE_DIR}/manifests/data/stage1-manifest.json.in ${manifest} @ONLY)

  set(script ${CMAKE_SOURCE_DIR}/scripts/build-stage1-image)
  set(table ${CMAKE_SOURCE_DIR}/${A_TABLE})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
  # Files of the table that are in the source tree.
  file(STRINGS ${table} rows REGEX "^source ")
  set(sources)
  foreach(row IN LISTS rows)
    string(REGEX REPLACE ".* " "" file "${row}")
    list(APPEND sources ${CMAKE_SOURCE_DIR}/${file})
  endforeach()
  set(programs)
  foreach(target IN LISTS A_PROGRAMS)
    list(APPEND programs --program ${target}=$<TARGET_FILE:${target}>)
  endforeach()

  set(strip)
  if(CMAKE_STRIP)
    set(strip --strip ${CMAKE_STRIP})
  endif()

  set(image ${CMAKE_BINARY_DIR}/stage1-images/${name}.aci)
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${Python3_EXECUTABLE} ${script} --table ${table} --manifest ${manifest} --source-dir ${CMAKE_SOURCE_DIR}
            ${programs} ${strip} --output ${image}
    DEPENDS ${script} ${table} ${manifest} ${sources} ${A_PROGRAMS}
    COMMENT "Assembling stage1 image ${name}"
    VERBATIM)
  add_custom_target(${name}-image ALL DEPENDS ${image})
  # Not CMAKE_INSTALL_LIBDIR: the command looks for its images in PREFIX/lib (stage0/config/personality.cc).
  install(FILES ${image} DESTINATION lib/agena/stage1-images COMPONENT agena)
endfunction()

# The images of both flavours, of the programs that there are.
function(agena_stage1_images)
  if(TARGET stage1 AND TARGET stage2)
    agena_stage1_image(stage1-systemd TABLE stage1/image/files.table PROGRAMS stage1 stage1-bus stage2
                       ENTRYPOINTS app/add app/rm app/start app/stop app/update attach)
  endif()
  if(TARGET stage1-fly)
    agena_stage1_image(stage1-fly TABLE stage1-fly/image/files.table PROGRAMS stage1-fly)
  endif()
endfunction()
