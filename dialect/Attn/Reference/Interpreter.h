//===- Interpreter.h - Every present point of an Einsum, once -------------===//

#ifndef DIALECT_ATTN_REFERENCE_INTERPRETER_H
#define DIALECT_ATTN_REFERENCE_INTERPRETER_H

#include "dialect/Attn/Reference/Accumulator.h"
#include "dialect/Attn/Reference/Program.h"

namespace attn::reference {

/// Runs the program of an Einsum with the result that it was compiled for.
/// Returns the number of present points.
double interpret(Program &program, Tensor &result, Accumulator &accumulator,
                 Environment &environment);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_INTERPRETER_H
