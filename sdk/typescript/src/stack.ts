// Stacks with the lines of the sources. A component is one bundle, so the engine knows only the bundle's lines.

/** The sources, and for each line of the bundle the index of a source and the line in it. Lines of the SDK have none. */
export interface LineMap {
  sources: string[];
  lines: ([source: number, line: number] | null)[];
}

/** Returns an error's type, its message, and its stack with the lines of the sources. */
export function sourceStack(error: Error): string {
  const head = `${error.name}: ${error.message}`;
  // The build adds the map behind the bundle.
  const map: LineMap | undefined = (globalThis as { __taskHostLines?: LineMap }).__taskHostLines;
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trim() !== "" && line.trim() !== head);
  const mapped = frames.flatMap((frame) => {
    const found = /([^\s()@]*):(\d+):(\d+)\)?$/.exec(frame);
    if (!found) return [];
    if (!map) return [frame.trimEnd()];
    const place = map.lines[Number(found[2]) - 1];
    if (!place) return [];
    const name = /^\s*(?:at )?([^\s(@]*)/.exec(frame)?.[1] || "<anonymous>";
    return [`    at ${name} (${map.sources[place[0]]}:${place[1]})`];
  });
  return [head, ...mapped].join("\n");
}
