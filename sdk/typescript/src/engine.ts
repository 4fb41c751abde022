// The differences between the engines that run JavaScript as a component.

/** QuickJS has integers of 64 bits as numbers, StarlingMonkey as `bigint`. */
export type Engine = "quickjs" | "starlingmonkey";

let current: Engine = "quickjs";

/** Sets the engine. A component does it before its first call. */
export function useEngine(engine: Engine) {
  current = engine;
}

/** Returns an integer of 64 bits, as the engine has it. */
export function wide(value: number): number | bigint {
  return current === "quickjs" ? value : BigInt(value);
}
