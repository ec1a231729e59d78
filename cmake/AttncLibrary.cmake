# Libraries and tools share one precompiled header, so they are compiled alike:
# as clang does by default, which is position independent for executables.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

# One precompiled header for every library and tool that includes MLIR: it costs
# 20 s once and saves 2 to 10 s in each file.
file(WRITE ${PROJECT_BINARY_DIR}/pch.cpp "")
add_library(AttncPCH OBJECT ${PROJECT_BINARY_DIR}/pch.cpp)
# Without its time the same header is the same file, which ccache can compare.
target_compile_options(AttncPCH PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
target_precompile_headers(AttncPCH PRIVATE
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/LLVMIR/LLVMDialect.h>
  <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/Dialect/Vector/IR/VectorOps.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinOps.h>
  <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h>
  <mlir/Pass/Pass.h>
  <mlir/Transforms/DialectConversion.h>)

# attnc_library(NAME source... [DEPENDS target...] [LINK target...])
# A static library of the compiler: linked to the shared MLIR and LLVM.
function(attnc_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  target_precompile_headers(${name} REUSE_FROM AttncPCH)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# attnc_tool(NAME source... LINK target...)
function(attnc_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  target_precompile_headers(${name} REUSE_FROM AttncPCH)
endfunction()
