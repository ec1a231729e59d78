# The exit status says what happened, and outputs that are written can be read
# as inputs.
function(expect status)
  execute_process(COMMAND ${RUN} ${ARGN} RESULT_VARIABLE actual
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT actual EQUAL status)
    message(FATAL_ERROR
      "attn-run ${ARGN} exits with ${actual} but ${status} is expected:\n"
      "${output}")
  endif()
endfunction()

# The output has `message`.
function(expect_says message)
  execute_process(COMMAND ${RUN} ${ARGN} OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
  string(FIND "${output}" "${message}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR
      "attn-run ${ARGN} says\n${output}but `${message}` is expected")
  endif()
endfunction()

set(sizes --size b=2,p=20,m=20,e=8,f=8)
expect(0 ${RIGHT} ${sizes} --outputs AV=${WORK}/av.npy,LSE=${WORK}/lse.npy)
expect(0 ${RIGHT} --inputs Q=${WORK}/av.npy,K=${WORK}/av.npy,V=${WORK}/av.npy)
expect(2 ${RIGHT} --inputs Q=${WORK}/lse.npy ${sizes})
expect(2 ${RIGHT} --inputs Q=${WORK}/av.npy --size p=21,m=20,f=8)
expect(1 ${WRONG} ${sizes})
expect(1 ${RIGHT} ${sizes} --scale-of-inputs=1000)
expect(2 ${RIGHT})
expect(2 ${RIGHT} --unknown=3)
expect(2)
expect(0 --help)
expect_says("attn-run 0." --version)
set(file "${WORK}/av.npy")
expect_says("rank `p` of `${file}` has extent 20 but 21 is expected (--size)"
  ${RIGHT} --inputs Q=${file} --size p=21,m=20,f=8)
expect(0 ${RIGHT} --size b=2,p=20,m=20,e=8,f=9 --outputs AV=${WORK}/wide.npy)
expect_says("rank `e` of `${WORK}/wide.npy` has extent 9 but 8 is expected (`${file}`)"
  ${RIGHT} --inputs K=${file},Q=${WORK}/wide.npy --size f=8)
