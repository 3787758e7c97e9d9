# Each target installs, builds and makes what it needs first. 'make' lists them.
packaging := Apps/Shim/packaging
tools := Tests/tools
# Where 'make install' puts things; DESTDIR is put before all of them.
PREFIX ?= /usr/local
export PREFIX DESTDIR CMD

.DEFAULT_GOAL := help
.PHONY: help build daemon run run-pod test matrix files fast check bench image install uninstall stats clean deps solution
.NOTPARALLEL:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

build: deps ## the three native binaries, in artifacts/publish/
	@echo "== binaries"
	@$(packaging)/publish.sh

run: build image daemon ## a busybox container in its own machine through a private containerd; CMD='…' runs something else
	@echo "== run"
	@$(packaging)/run.sh

run-pod: build image daemon ## a pod of two containers through containerd's CRI plugin, at a CNI bridge
	@echo "== pod"
	@dotnet build Tests/Cri -c Release -nologo -v quiet --tl:off -clp:NoSummary
	@$(packaging)/run-pod.sh

test: build image daemon solution ## every test against the default set-up
	@$(tools)/test.sh Unit Architecture Contracts Parity Aot 'EndToEnd:category!=matrix:at-once'

matrix: build image daemon solution ## the same behaviour with other containerds, guest channels and hosts
	@echo "== peers"
	@$(tools)/peers.sh
	@$(tools)/files.sh
	@$(tools)/test.sh 'EndToEnd:category=matrix'

files: build image daemon solution ## files beside runc's: programs in full size, what differs, figures; an hour or two
	@echo "== programs"
	@$(tools)/files.sh
	@KATA_TEST_FILES=whole $(tools)/test.sh 'EndToEnd:area=files'; code=$$?; \
		cat artifacts/files/differences.md artifacts/files/figures.md; exit $$code

fast: deps solution ## the tests that take seconds and need nothing
	@$(tools)/test.sh Unit Architecture 'Contracts:category!=real' 'Parity:category!=real'

check: build solution ## what every change must pass: format, build, fast tests, native binaries
	@echo "== format"
	@dotnet format Kata.Hex.sln --verify-no-changes --no-restore
	@$(tools)/test.sh Unit Architecture 'Contracts:category!=real' 'Parity:category!=real' Aot

bench: build image daemon solution ## figures: start, memory, ttRPC, boot
	@echo "== benchmarks"
	@bash -o pipefail -c 'dotnet exec artifacts/bin/Benchmarks/release/Kata.Tests.Benchmarks.dll | tee artifacts/figures.md'
	@echo "The aims in README and specification are read from docs/FIGURES.md: artifacts/figures.md may replace it." >&2

image: build ## guest kernel, initrd and image, in artifacts/guest/current/
	@echo "== guest"
	@Apps/Agent/image/build.sh

daemon: deps ## the file daemon, virtiofsd, in artifacts/virtiofsd/
	@echo "== file daemon"
	@$(packaging)/virtiofsd.sh

install: build image ## binaries, guest and default configuration, under PREFIX (/usr/local)
	@$(packaging)/install.sh install

uninstall: ## takes away what 'make install' put there
	@$(packaging)/install.sh uninstall

stats: ## lines per file and folder
	@$(tools)/stats.sh

clean: ## removes artifacts/
	rm -rf artifacts

deps:
	@echo "== dependencies"
	@$(packaging)/deps.sh

solution: deps
	@echo "== solution"
	@dotnet build Kata.Hex.sln -c Release -m:2 -nodereuse:false -nologo -v minimal --tl:off -clp:NoSummary
