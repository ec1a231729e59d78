// RUN: attn-opt %s --nvptx-lower-tiles=early=true --split-input-file | FileCheck %s
// RUN: attn-opt %s --nvptx-lower-tiles --split-input-file | FileCheck %s --check-prefix=LATE

// LATE-NOT: griddepcontrol
// LATE-NOT: attn.waits

/// Kernels of either branch let the last one's blocks come where they store; it
/// waits for them before it reads anything. One that is alone does neither.
// CHECK-LABEL: llvm.func @first
//   CHECK-NOT:   attn.waits
//   CHECK-NOT:   nvvm.griddepcontrol
//       CHECK:   llvm.load %{{.*}} : !llvm.ptr<1>
//   CHECK-NOT:   llvm.store %{{.*}} !llvm.ptr<1>
//       CHECK:   nvvm.griddepcontrol launch_dependents
//   CHECK-NOT:   nvvm.griddepcontrol
//       CHECK:   llvm.store %{{.*}} !llvm.ptr<1>
// CHECK-LABEL: llvm.func @other
//       CHECK:   nvvm.griddepcontrol launch_dependents
//   CHECK-NOT:   nvvm.griddepcontrol
// CHECK-LABEL: llvm.func @last
//  CHECK-SAME:     attn.waits
//   CHECK-NOT:   llvm.load
//       CHECK:   nvvm.griddepcontrol wait
//   CHECK-NOT:   nvvm.griddepcontrol
// CHECK-LABEL: llvm.func @alone
//   CHECK-NOT:   attn.waits
//   CHECK-NOT:   nvvm.griddepcontrol
//       CHECK: llvm.func hidden @p_workspace
tile.kernel @first grid(%j0 = j: 64) lanes j (%A: !tile.view<[j], f32>, %T: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %a = tile.load %A[%j0] dims ["j"] : <[j], f32> -> <[j: 64], f32>
  tile.store %a, %T[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.kernel @other grid(%j0 = j: 64) lanes j (%A: !tile.view<[j], f32>, %T: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %a = tile.load %A[%j0] dims ["j"] : <[j], f32> -> <[j: 64], f32>
  tile.store %a, %T[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.kernel @last grid(%j0 = j: 64) lanes j (%T: !tile.view<[j], f32>, %R: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %a = tile.load %T[%j0] dims ["j"] : <[j], f32> -> <[j: 64], f32>
  tile.store %a, %R[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.kernel @alone grid(%j0 = j: 64) lanes j (%A: !tile.view<[j], f32>, %R: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %a = tile.load %A[%j0] dims ["j"] : <[j], f32> -> <[j: 64], f32>
  tile.store %a, %R[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  %j = tile.extent "j"
  %few = arith.constant 8 : index
  %some = arith.constant 64 : index
  %isFew = arith.cmpi ult, %j, %few : index
  %isSome = arith.cmpi ult, %j, %some : index
  scf.if %isFew {
    tile.launch @alone(%A, %R) : !tile.view<[j], f32>, !tile.view<[j], f32>
  } else {
    %T = tile.workspace : <[j], f32>
    scf.if %isSome {
      tile.launch @first(%A, %T) : !tile.view<[j], f32>, !tile.view<[j], f32>
    } else {
      tile.launch @other(%A, %T) : !tile.view<[j], f32>, !tile.view<[j], f32>
    }
    tile.launch @last(%T, %R) : !tile.view<[j], f32>, !tile.view<[j], f32>
  }
}
