//===- Register.cpp - One registration for every tool ---------------------===//

#include "lib/Register.h"
#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/ReferenceImport.h"
#include "dialect/Tile/TileOps.h"
#include "lib/Analysis/Passes.h"
#include "lib/Cascade/Passes.h"
#include "lib/Mapping/Passes.h"
#include "lib/Pipeline.h"
#include "lib/Target/CPU/Passes.h"
#include "lib/Target/NVPTX/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

void attn::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<attn::AttnDialect, attn::tile::TileDialect>();
  // Here, since levels of an object are translated at the same time.
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
}

void attn::registerPasses() {
  mlir::registerAllPasses();
  attn::registerPrintReference();
  attn::registerAttnAnalysisPasses();
  attn::registerAttnCascadePasses();
  attn::registerAttnMappingPasses();
  attn::cpu::registerPasses();
  attn::nvptx::registerPasses();
  attn::registerPipeline();
}
