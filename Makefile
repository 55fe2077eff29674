# Everything begins with scripts/setup-libtorch.sh, which says what is missing and gets libtorch when there is none.
CARGO ?= cargo
# Modules of the integration tests that libtorch changes, which are run with and without it; tests/sources.rs checks that
# these are all.
CHANGED_BY_LIBTORCH := cli:: docs:: soak:: torch::
# Without libtorch tests compute little: they are compiled sooner without optimizations by more than they then take longer.
WITHOUT_LIBTORCH := $(CARGO) test --locked --config profile.dev.package.aq4svit.opt-level=0 --no-default-features \
	--features cluster
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/release/aq4svit

.PHONY: build run test test-long fuzz check dist cluster-demo libtorch clean help

build: libtorch ## build the program: target/release/aq4svit
	@$(CARGO) build --release --locked

run: build ## build, then open the demo
	@$(PROGRAM)

test: libtorch ## run the whole test suite with libtorch, and what libtorch changes also without it
	$(CARGO) test --locked --lib --test all
	$(CARGO) test --locked --doc
	$(WITHOUT_LIBTORCH) --examples
	$(WITHOUT_LIBTORCH) --test all -- $(CHANGED_BY_LIBTORCH)

test-long: libtorch ## tests that take minutes: a server gone for one, and runs steered for AQ4SVIT_SOAK_SECONDS (300)
	$(WITHOUT_LIBTORCH) --test all -- --ignored --nocapture cluster:: soak::
	$(CARGO) test --locked --test all -- --ignored --nocapture soak::the_demo

fuzz: ## every reader of files to libFuzzer for FUZZ_SECONDS (600) each; needs a nightly Rust and cargo-fuzz
	@scripts/fuzz.sh

check: ## format, clippy and the quick tests, without libtorch: what to run before each commit
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --no-default-features --features cluster --all-targets -- -D warnings
	$(CARGO) test --locked --no-default-features --features cluster --lib --test all

dist: build ## one folder that can be carried: target/dist/aq4svit-VERSION-linux-x86_64
	@scripts/dist.sh

cluster-demo: build ## a server and three workers on this machine, one killed in the middle: the same result as alone
	@PROGRAM=$(PROGRAM) scripts/cluster-demo.sh

libtorch: ## make sure of libtorch only, for plain cargo commands
	@scripts/setup-libtorch.sh

clean: ## remove what was built here and the link to libtorch (its cache stays)
	$(CARGO) clean
	rm -rf .libtorch

help: ## list these
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
