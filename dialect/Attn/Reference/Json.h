//===- Json.h - A cascade as text -----------------------------------------===//
//
// The text that an object carries (attnrt_program::cascade_json), so that
// attn-run can check it. Schema, version 1; ids are places in the lists:
//
//   { "version": 1, "name": "causal",
//     "ranks":   [ {"name":"p"}, {"name":"e","fixed":128},
//                  {"name":"h","product":[k,g]},
//                  {"name":"m1","ceildiv":m,"divisor":16} ],
//     "values":  [ {"name":"Q","type":"bf16","ranks":[b,h,p,e]}, ... ],
//     "inputs":  [value, ...],
//     "scalars": [ {"name":"scale","type":"f32"} ],
//     "body":    [statement, ...],
//     "yields":  [ {"value":5,"name":"AV","type":"bf16"} ] }
//
// A statement is an object with its kind:
//
//   {"kind":"einsum", "result":5, "output":[b,[k,g],p,f],
//    "reduce":[[m,"add"]], "exprs":[expr, ...], "value":4, "filter":7}
//   {"kind":"topk", "source":3, "rank":m, "indices":4, "values":5}
//   {"kind":"iterate", "rank":t, "reverse":false, "states":[state, ...],
//    "body":[...], "collected":[{"value":8,"result":9,"position":2}]}
//   {"kind":"stream", "rank":m, "states":[state, ...], "body":[...],
//    "merge":[...]}
//   {"kind":"nest", "body":[...], "results":[[value,result], ...]}
//   state: {"state":3, "init":"-inf" or "tensor":2, "next":7, "result":9,
//           "lhs":10, "rhs":11, "merged":12}   (the last three: stream only)
//
// An expression is a list; operands are places in "exprs", before their user:
//
//   ["const",type,number]  ["var",rank]  ["extent",rank]  ["scalar",id]
//   ["read",value,index...]  ["flatten",[rank...],arg...]  ["cast",type,arg]
//   [op,arg...]   where op is: neg add sub mul div floordiv ceildiv mod pow min
//   max exp exp2 log log2 tanh sigmoid erf sqrt rsqrt sin cos abs floor ceil
//   round sign eq ne lt le gt ge and or not select
//
// A number that is not finite is one of "inf", "-inf", "nan". "filter",
// "reverse", "indices" and "values" may be left out.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_JSON_H
#define DIALECT_ATTN_REFERENCE_JSON_H

#include "dialect/Attn/Reference/Model.h"
#include <optional>
#include <string>
#include <string_view>

namespace attn::reference {

std::string toJson(const Cascade &cascade);

/// Reads and verifies a cascade. Returns nothing, and what is wrong in `error`,
/// for every text that is not one.
std::optional<Cascade> parseJson(std::string_view text, std::string &error);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_JSON_H
