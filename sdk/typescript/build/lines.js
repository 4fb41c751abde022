// The lines of a bundle, as lines of its sources.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * Returns a source and a line of it for each line of a bundle, from its source map. A line that `isOwn` does not want
 * has null.
 */
export function lineMap({ sources, mappings }, bundle, isOwn) {
  const texts = bundle.split("\n");
  let source = 0;
  let line = 0;
  const lines = mappings.split(";").map((segments, index) => {
    const indent = texts[index].search(/\S|$/);
    let column = 0;
    let place = null;
    for (const segment of segments.split(",")) {
      const [columnStep, sourceStep, lineStep] = numbers(segment);
      if (lineStep === undefined) continue;
      column += columnStep;
      source += sourceStep;
      line += lineStep;
      // What is before the indentation's end belongs to the line before.
      if (column <= indent || place === null) place = [source, line + 1];
    }
    return place && isOwn(sources[place[0]]) ? place : null;
  });
  return { sources, lines };
}

/** Decodes the numbers of a segment: digits of 5 bits, the lowest first, with the sign in the lowest bit. */
function numbers(segment) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) * 2 ** shift;
    shift += 5;
    if (digit & 32) continue;
    found.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    value = shift = 0;
  }
  return found;
}
