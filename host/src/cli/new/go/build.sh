#!/bin/sh
# Builds the component with Go 1.25 or newer.
set -eu

task-host bindings go
mkdir -p build
# The bindings' runtime uses an internal function of Go's: the linker must allow it.
GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-checklinkname=0" -o build/module.wasm .
task-host component build/module.wasm --out build/__NAME__.wasm
