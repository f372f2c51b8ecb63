# SPDX-License-Identifier: BSD-2-Clause
# The front door; Meson does the work.
BUILD ?= build

.PHONY: all build demo check check-asan bench install clean

all: build

$(BUILD)/build.ninja:
	tools/install-deps build
	meson setup $(BUILD)

build: $(BUILD)/build.ninja
	ninja -C $(BUILD)

# Records a real program and says what it did.
demo: build
	tools/demo $(BUILD)/src/cmd/sonde

# All tests: for any user unit, golden, check, external and fuzz; as root also live and vm.
check:
	tools/install-deps test
	tools/check $(BUILD)

bench: build
	bench/setup
	bench/run --build $(BUILD) --sonde $(BUILD)/src/cmd/sonde

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)
