#!/usr/bin/env bash
# Installs what building and testing attnc needs, on Debian and Ubuntu. Does
# nothing, and needs no network, when everything is there.
#
#   tools/setup.sh           install what is missing
#   tools/setup.sh --check   only report; exit 1 when something is missing
set -u

# Debian package, what it gives, and a file or program that shows it is there.
requirements='
cmake               |CMake 3.20 or newer            |cmake
ninja-build         |Ninja                          |ninja
make                |GNU make                       |make
git                 |git                            |git
g++                 |the C++ standard library       |g++
clang-22            |Clang 22                       |clang++-22
lld-22              |the linker lld 22              |/usr/lib/llvm-22/bin/ld.lld
llvm-22-dev         |LLVM 22.1 for developers       |/usr/lib/llvm-22/lib/cmake/llvm/LLVMConfig.cmake
libmlir-22-dev      |MLIR 22.1 for developers       |/usr/lib/llvm-22/lib/cmake/mlir/MLIRConfig.cmake
mlir-22-tools       |mlir-tblgen                    |/usr/lib/llvm-22/bin/mlir-tblgen
llvm-22-tools       |lit and FileCheck              |/usr/lib/llvm-22/bin/FileCheck
libomp-22-dev       |OpenMP for Clang               |/usr/lib/llvm-22/lib/libomp.so
libclang-rt-22-dev  |the sanitizers                 |/usr/lib/llvm-22/lib/clang/22/lib/*/libclang_rt.asan*.a
clang-format-22     |clang-format (make format)     |clang-format-22
clang-tidy-22       |clang-tidy (make tidy)         |clang-tidy-22
ccache              |ccache                         |ccache
libgtest-dev        |GoogleTest                     |/usr/include/gtest/gtest.h
libbenchmark-dev    |Google Benchmark               |/usr/include/benchmark/benchmark.h
nlohmann-json3-dev  |a JSON library                 |/usr/include/nlohmann/json.hpp
python3             |Python 3.9 or newer            |python3
python3-numpy       |NumPy                          |python:numpy
'

present() {
  case "$1" in
  python:*)
    for python in python3 /usr/bin/python3; do
      "$python" -c "import ${1#python:}" 2>/dev/null && return 0
    done
    return 1
    ;;
  /*) compgen -G "$1" >/dev/null ;;
  *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
while IFS='|' read -r package what probe; do
  [ -n "$package" ] || continue
  package=${package//[[:space:]]/}
  probe=${probe//[[:space:]]/}
  present "$probe" && continue
  missing+=("$package")
  printf 'setup: missing %-20s %s\n' "$package" "$what"
done <<<"$requirements"

# Not in Debian: only said, and nothing fails without it.
if ! command -v ptxas >/dev/null && [ ! -x "${CUDA_HOME:-/usr/local/cuda}/bin/ptxas" ]; then
  echo "setup: without  ptxas                machine code for NVIDIA GPUs; PTX is made without it"
  echo "setup:          (the package cuda-nvcc-13-0 of https://developer.download.nvidia.com/compute/cuda/repos)"
fi

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: everything needed is installed"
  exit 0
fi
[ "${1:-}" = "--check" ] && exit 1

if ! command -v apt-get >/dev/null; then
  cat >&2 <<'END'
setup: this system has no apt-get, so install what is listed above by hand:
setup: LLVM, MLIR, Clang, lld, clang-format, clang-tidy, OpenMP and the
setup: sanitizers in version 22.1 (https://github.com/llvm/llvm-project/releases),
setup: and CMake, Ninja, make, git, ccache, GoogleTest, Google Benchmark,
setup: nlohmann-json and NumPy from the system's packages; then
setup: cmake --preset release -DMLIR_DIR=<llvm>/lib/cmake/mlir
END
  exit 1
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: neither root nor sudo; as root, run:" >&2
    echo "  apt-get update && apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi

echo "setup: reading the package lists"
"${root[@]}" apt-get update -q -o Acquire::Retries=3 ||
  echo "setup: a package list could not be read; trying with what there is" >&2

# apt-cache policy prints "Candidate: (none)" for a name it only heard of.
unknown=()
for package in "${missing[@]}"; do
  apt-cache policy "$package" | grep -q 'Candidate: [^(]' ||
    unknown+=("$package")
done
if [ ${#unknown[@]} -ne 0 ]; then
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
  cat >&2 <<END
setup: no apt source has: ${unknown[*]}
setup: LLVM 22 is in Debian 12's security updates:
  deb http://deb.debian.org/debian-security bookworm-security main
setup: elsewhere, add LLVM's own packages (https://apt.llvm.org):
  wget -qO- https://apt.llvm.org/llvm-snapshot.gpg.key | sudo tee /etc/apt/trusted.gpg.d/apt.llvm.org.asc
  echo 'deb https://apt.llvm.org/$codename/ llvm-toolchain-$codename-22 main' | sudo tee /etc/apt/sources.list.d/llvm-22.list
setup: then run this script again
END
  exit 1
fi

echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
  --no-install-recommends -o Acquire::Retries=3 "${missing[@]}" || {
  echo "setup: apt-get install failed; its last lines say why" >&2
  exit 1
}

# A package that is installed and still not found is a defect of this script
# or an unusual layout: say which, rather than let CMake fail later.
exec "$0" --check
