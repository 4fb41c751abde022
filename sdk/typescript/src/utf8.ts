// QuickJS has no TextDecoder.

/** Returns the text of bytes in UTF-8. */
export function utf8(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++]!;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let point = first & (0x3f >> more);
    for (let left = more; left > 0; left--) point = (point << 6) | (bytes[at++]! & 0x3f);
    text += String.fromCodePoint(point);
  }
  return text;
}
