# SPDX-License-Identifier: Apache-2.0
# The commands of this project; each installs what it needs first (tools/setup.sh, as root for apt).
NODE_BIN = $(CURDIR)/.cache/node-$(shell cat tools/node-version)/bin
export PATH := $(NODE_BIN):$(PATH)

.PHONY: all setup build generate format lint unit test test-full test-full-wait test-full-status demo demo-cluster bench release images

all: build

setup:
	@sh tools/setup.sh

build: setup
	@tools/bundle.sh
	@$(MAKE) --no-print-directory -C bpf
	@$(MAKE) --no-print-directory -C native

generate: build
	@tools/generate.sh

format: setup
	@tools/format.sh

# Format, lint, types, boundaries, licences, generated code.
lint:
	@tools/test.sh --static

# The same and the unit tests, without a guest.
unit:
	@tools/test.sh --unit

test:
	@tools/test.sh

# Hours, in the background: goes on where it was, and writes docs/reference/verification.md.
test-full: build
	@tools/node tools/full/run.ts

test-full-wait: build
	@tools/node tools/full/run.ts --wait

test-full-status:
	@tools/node tools/full/run.ts --status

demo: build
	@tools/demo.sh

# The tutorial in a cluster whose node is a guest that enforces; as root. Half an hour where it is emulated.
demo-cluster: build
	@tools/release/inputs.sh
	@tools/node tools/release/main.ts --trial --only tarballs,installer,charts,images --home .cache/release/demo
	@test/hybrid/run demo.ts

bench: build
	@tools/bench.sh

# What is given to users, in .cache/release/vVERSION (docs/reference/artefacts.md). Offline once the inputs are there.
release: build
	@tools/release/inputs.sh --exact
	@tools/node tools/release/main.ts

# The images alone, in .cache/images.
images: build
	@tools/release/inputs.sh
	@tools/node tools/release/main.ts --only images --out .cache/images
