//===- TileEnums.td - Spaces and units ------------------------*- tablegen -*-===//

#ifndef DIALECT_TILE_TILEENUMS_TD
#define DIALECT_TILE_TILEENUMS_TD

include "mlir/IR/EnumAttr.td"

def Tile_Space : I32EnumAttr<"Space", "where a tile lies", [
    I32EnumAttrCase<"Scratch", 0, "scratch">,
    I32EnumAttrCase<"Register", 1, "register">,
    I32EnumAttrCase<"Matrix", 2, "matrix">,
    I32EnumAttrCase<"Swizzled", 3, "swizzled">]> {
  let cppNamespace = "::attn::tile";
}

def Tile_Unit : I32EnumAttr<"Unit", "what an operation runs on", [
    I32EnumAttrCase<"Vector", 0, "vector">,
    I32EnumAttrCase<"Matrix", 1, "matrix">,
    I32EnumAttrCase<"Copy", 2, "copy">]> {
  let cppNamespace = "::attn::tile";
  let genSpecializedAttr = 0;
}
#endif // DIALECT_TILE_TILEENUMS_TD
