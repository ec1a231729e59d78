//===- AttnBase.td - The attn dialect: types, attributes ------*- tablegen -*-===//
//
// What is computed: a cascade of extended Einsums over named ranks. No order,
// no memory. docs/spec.md numbers the semantics (S1..) and the constraints.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_ATTNBASE_TD
#define DIALECT_ATTN_ATTNBASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let summary = "Attention as a cascade of extended Einsums over named ranks";
  let description = [{
    A cascade (FuseMax, MICRO 2024; EDGE, TeAAL) is a sequence of Einsums that
    says *what* is computed: no loop order, no memory, no tiles. Ranks have
    names; a tensor's type lists them; extents are declared on the cascade.
  }];
  let cppNamespace = "::attn";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
  ];
}

def Attn_Tensor : TypeDef<Attn_Dialect, "Tensor"> {
  let mnemonic = "tensor";
  let summary = "a tensor over named ranks";
  let description = [{
    `!attn.tensor<[b, m, e], bf16>`: one coordinate per named rank. Extents are
    not in the type: they belong to the cascade that declares the ranks.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$ranks,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The position of the rank called `name`, or -1.
    int64_t getRankPosition(::mlir::StringAttr name) const;
  }];
}

//===----------------------------------------------------------------------===//
// Ranks and reducers
//===----------------------------------------------------------------------===//

def Attn_RankKind : I32EnumAttr<"RankKind", "where a rank's extent comes from", [
    I32EnumAttrCase<"Fixed", 0, "fixed">,
    I32EnumAttrCase<"Free", 1, "free">,
    I32EnumAttrCase<"Product", 2, "product">,
    I32EnumAttrCase<"CeilDiv", 3, "ceildiv">]> {
  let cppNamespace = "::attn";
}

def Attn_RankAttr : AttrDef<Attn_Dialect, "Rank"> {
  let mnemonic = "rank";
  let summary = "a rank declared on a cascade";
  let description = [{
    `name` (free: bound by the tensors of a call), `name = 128` (fixed),
    `h = k * g` (product) or `m1 = ceildiv(m, 16)`. `value` is the fixed extent
    or the divisor; `operands` are the ranks that the extent is made of. An
    extent is 1 to 2^40, and a name is an identifier that is no word of the
    language.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::attn::RankKind":$kind,
                        "int64_t":$value,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$operands);
  let assemblyFormat = "`<` $name `,` $kind `,` $value (`,` `[` $operands^ `]`)? `>`";
  let genVerifyDecl = 1;
}

def Attn_ReducerKind : I32EnumAttr<"ReducerKind", "how a rank is reduced", [
    I32EnumAttrCase<"Add", 0, "add">,
    I32EnumAttrCase<"Mul", 1, "mul">,
    I32EnumAttrCase<"Max", 2, "max">,
    I32EnumAttrCase<"Min", 3, "min">,
    I32EnumAttrCase<"And", 4, "and">,
    I32EnumAttrCase<"Or", 5, "or">,
    I32EnumAttrCase<"ArgMax", 6, "argmax">,
    I32EnumAttrCase<"TopK", 7, "topk">,
    I32EnumAttrCase<"Lse", 8, "lse">,
    I32EnumAttrCase<"User", 9, "user">]> {
  let cppNamespace = "::attn";
}

def Attn_ReduceAttr : AttrDef<Attn_Dialect, "Reduce"> {
  let mnemonic = "reduce";
  let summary = "a reduced rank variable and its reducer";
  let description = [{
    `<add "m">`, or `<user "m", @name>` by the `attn.reducer` of that name.
  }];
  let parameters = (ins "::attn::ReducerKind":$kind, "::mlir::StringAttr":$var,
                        OptionalParameter<"::mlir::FlatSymbolRefAttr">:$symbol);
  let builders = [AttrBuilder<(ins "::attn::ReducerName":$reducer,
                                   "::mlir::StringAttr":$var), [{
    return $_get($_ctxt, reducer.kind, var, reducer.symbol);
  }]>];
  let assemblyFormat = "`<` $kind $var (`,` $symbol^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::attn::ReducerName getReducer() const { return {getKind(), getSymbol()}; }
  }];
}

#endif // DIALECT_ATTN_ATTNBASE_TD
