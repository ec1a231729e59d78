# cmake -DBUILD=... -DWORK=... -DGENERATOR=... [-DFLAGS=...] -P CheckPackage.cmake
# Installs the runtime below WORK, and builds and runs Package/ against it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component runtime
    --prefix ${WORK}/install)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/Package -B ${WORK}/build
    -G ${GENERATOR} -DCMAKE_C_COMPILER=${COMPILER} -DCMAKE_C_FLAGS=${FLAGS}
    -DCMAKE_PREFIX_PATH=${WORK}/install)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/app)
run(${WORK}/build/app_static)
