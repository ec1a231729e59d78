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
