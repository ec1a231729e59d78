# The commands of this project; `make` lists them. CMake builds (see
# CMakePresets.json): what is here only strings commands together.

BUILD := build
JOBS := $(shell nproc 2>/dev/null || echo 2)
LLVM := /usr/lib/llvm-22

# The first Python that has NumPy; looked up when used, after setup.
PYTHON = $(shell for p in python3 /usr/bin/python3; do \
	$$p -c 'import numpy' 2>/dev/null && command -v $$p && break; done)
SOURCES = $(shell git ls-files '*.cpp' '*.h' '*.c' ':!third_party')

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' \
	  $(MAKEFILE_LIST)

.PHONY: demo
demo: configure ## compile softmax attention, run it on real data, compare
	@cmake --build $(BUILD) -j $(JOBS) --target attnc attn-run
	@$(PYTHON) examples/demo/demo.py --build $(BUILD)

.PHONY: check
check: build build-sanitize-runtime ## build and run every test
	@$(PYTHON) test/run_all.py -j $(JOBS) $(BUILD) build-sanitize-runtime

.PHONY: build
build: configure ## build the compiler, the runtime and the tests
	@cmake --build $(BUILD) -j $(JOBS)

.PHONY: configure
configure: setup
	@test -f $(BUILD)/build.ninja || cmake --preset release -B $(BUILD)

.PHONY: setup
setup: ## install what is missing (apt); quick when nothing is
	@tools/setup.sh

# The runtime is C++ that users link with, so its tests run under the
# sanitizers in every check; the compiler's do in `make sanitize`.
.PHONY: build-sanitize-runtime
build-sanitize-runtime: setup
	@test -f $@/build.ninja || \
	  cmake --preset sanitize -B $@ -DATTNC_BUILD_COMPILER=OFF
	@cmake --build $@ -j $(JOBS)

.PHONY: sanitize
sanitize: setup ## build everything with ASan and UBSan and run every test
	@test -f build-sanitize/build.ninja || cmake --preset sanitize
	@cmake --build build-sanitize -j $(JOBS)
	@$(PYTHON) test/run_all.py -j $(JOBS) build-sanitize

.PHONY: bench
bench: build ## compare with PyTorch on the CPU (TORCH_PYTHON=... has torch)
	@$(or $(TORCH_PYTHON),python3) test/Bench/cpu/bench_sdpa.py \
	  --build $(BUILD) -o $(BUILD)/bench_sdpa.json $(BENCH_FLAGS)

.PHONY: format
format: ## format the C and C++ sources
	@clang-format-22 -i $(SOURCES)

.PHONY: tidy
tidy: build ## clang-tidy on the files changed since BASE (default HEAD~1)
	@files=$$(git diff --name-only --diff-filter=d $(or $(BASE),HEAD~1) -- \
	  '*.cpp'); \
	if [ -z "$$files" ]; then echo "tidy: no changed .cpp file"; else \
	  clang-tidy-22 --quiet -p $(BUILD) $$files; fi

.PHONY: docs
docs: build ## renew docs/pipeline.md; write the op and pass reference
	@$(PYTHON) docs/update_pipeline.py --attnc $(BUILD)/bin/attnc
	@cmake --build $(BUILD) --target mlir-doc
	@echo "docs: see docs/ and $(BUILD)/docs/reference"

.PHONY: clean
clean: ## remove the build folders
	@rm -rf $(BUILD) build-sanitize build-sanitize-runtime
