# attnc_add_kernel(TARGET SPEC spec.mlir [TARGETS isa...] [OPTIONS option...])
#
# Makes the static library TARGET of the cascade in `spec.mlir`. Who links it can
# say `#include "TARGET.h"` and gets attnc::attnrt. TARGETS become attnc's
# --target, and OPTIONS follow as they are:
#
#   attnc_add_kernel(causal SPEC causal.mlir TARGETS x86-64-v3 x86-64-v4
#                    OPTIONS --set e=64)
#   target_link_libraries(app PRIVATE causal)
function(attnc_add_kernel target)
  cmake_parse_arguments(ARG "" "SPEC" "TARGETS;OPTIONS" ${ARGN})
  if(NOT ARG_SPEC)
    message(FATAL_ERROR "attnc_add_kernel(${target}): SPEC is missing")
  endif()
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "attnc_add_kernel(${target}): unknown arguments "
                        "${ARG_UNPARSED_ARGUMENTS}")
  endif()
  # Inside attnc's own build the compiler is the target `attnc`.
  if(TARGET attnc::attnc)
    set(compiler attnc::attnc)
  elseif(TARGET attnc)
    set(compiler attnc)
  else()
    message(FATAL_ERROR "attnc_add_kernel(${target}): the compiler attnc is "
                        "neither installed nor on the PATH")
  endif()

  get_filename_component(spec ${ARG_SPEC} ABSOLUTE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}.attnc)
  set(object ${folder}/${target}.o)
  set(options ${ARG_OPTIONS})
  if(ARG_TARGETS)
    list(JOIN ARG_TARGETS "," targets)
    list(PREPEND options --target=${targets})
  endif()
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${object} ${folder}/${target}.h
    COMMAND ${compiler} ${spec} -o ${object} ${options}
    DEPENDS ${spec} ${compiler}
    COMMENT "Compiling the cascade ${ARG_SPEC}"
    VERBATIM)
  set_source_files_properties(${object} PROPERTIES
    EXTERNAL_OBJECT ON GENERATED ON)
  add_library(${target} STATIC ${object} ${folder}/${target}.h)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(${target} INTERFACE ${folder})
  target_link_libraries(${target} INTERFACE attnc::attnrt)
endfunction()
