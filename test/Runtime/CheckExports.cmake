# cmake -DLIBRARY=libattnrt.so -DNM=nm -P CheckExports.cmake
# Fails if the library shows a name that is not attnrt's.
execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^ \n]+\n" names "${symbols}")
set(count 0)
foreach(name IN LISTS names)
  string(STRIP "${name}" name)
  if(NOT name MATCHES "^attnrt_[a-z_]+$")
    message(SEND_ERROR "${LIBRARY} exports ${name}")
  endif()
  math(EXPR count "${count} + 1")
endforeach()
if(count LESS 10)
  message(FATAL_ERROR "${LIBRARY} exports only ${count} names")
endif()
message(STATUS "${count} names, all of them attnrt's")
