# TOOL needs neither MLIR nor LLVM at run time, and holds no code of theirs.
execute_process(COMMAND ${NM} -C ${TOOL} OUTPUT_VARIABLE symbols
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${NM} can't read ${TOOL}")
endif()
if(symbols MATCHES "mlir::|llvm::")
  message(FATAL_ERROR "${TOOL} holds code of MLIR or LLVM")
endif()
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${TOOL}
  RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR unresolved)
if("${libraries};${unresolved}" MATCHES "libMLIR|libLLVM")
  message(FATAL_ERROR "${TOOL} needs MLIR or LLVM: ${libraries}")
endif()
