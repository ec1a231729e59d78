# LIBRARY refers to nothing of this project, of MLIR or of LLVM, but itself.
execute_process(COMMAND ${NM} -C ${LIBRARY} OUTPUT_VARIABLE symbols
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${NM} can't read ${LIBRARY}")
endif()
string(REGEX MATCHALL " U [^\n]*" undefined "${symbols}")
set(others)
foreach(symbol ${undefined})
  if(symbol MATCHES "mlir|llvm|attnrt|attn::" AND
     NOT symbol MATCHES "attn::reference::")
    list(APPEND others ${symbol})
  endif()
endforeach()
if(others)
  message(FATAL_ERROR "${LIBRARY} refers to code that it checks: ${others}")
endif()
