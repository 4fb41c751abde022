;; The core module of every service in probe.wit. A test replaces the markers by its own text:
;; `imports`, `pages` (the initial size of the memory), `memory` (its data) and the start of a
;; function's body. Results that do not fit a register are at fixed addresses below 1024.
(module
  (;imports;)
  (memory (export "memory") (;pages;))
  (data (i32.const 0) "(;memory;)")
  (global $calls (mut i32) (i32.const 0))
  (global $heap (mut i32) (i32.const 32768))

  ;; Frees nothing, because an instance lives for one call.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $start) (local.get 3)))
    (local.get $start))

  ;; Grows the memory until that fails, and writes to each new part. Then it traps.
  (func $eat
    (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 16)))
      (if (i32.eq (local.get $page) (i32.const -1)) (then (unreachable)))
      (i32.store (i32.shl (local.get $page) (i32.const 16)) (i32.const 1))
      (br $more)))

  ;; Loops forever.
  (func $spin (loop $again (br $again)))

  ;; Recurses until the stack overflows.
  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))

  (func (export "task-host:platform/service@1.0.0#describe") (result i32)
    (;describe;)
    (i32.const 64))
  (func (export "task-host:platform/service@1.0.0#assets") (result i32)
    (;assets;)
    (i32.const 128))
  (func (export "task-host:platform/service@1.0.0#check") (result i32)
    (;check;)
    (i32.const 144))
  (func (export "task-host:platform/service@1.0.0#health") (result i32)
    (;health;)
    (i32.const 160))
  (func (export "test:probe/api#get") (param i64) (result i32)
    (;get;)
    (i32.const 192))
  (func (export "task-host:platform/service@2.0.0#describe") (result i32)
    (unreachable))
  (func (export "test:probe/whole#make") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "test:probe/lacking#make") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "test:probe/demanding#make") (param i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "test:probe/narrow#make") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "test:probe/retyped#make") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "test:probe/vault#take") (param i64) (result i32)
    (unreachable)))
