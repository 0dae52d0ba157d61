/**
 * Lays compact JSON out as Go's MarshalIndent does with an empty prefix: one entry on each line, `": "` after a key,
 * empty containers stay `{}` and `[]`, no newline at the end. `compact` must be valid and without white space.
 */
export function indentJson(compact: string, indent = '    '): string {
  const pads = ['\n'];
  let out = '';
  let depth = 0;
  let from = 0;
  const pad = (): string => {
    for (let d = pads.length; d <= depth; d++) pads.push(pads[d - 1]! + indent);
    return pads[depth]!;
  };
  for (let at = 0; at < compact.length; at++) {
    switch (compact.charCodeAt(at)) {
      case 0x22:
        at = stringEnd(compact, at);
        break;
      case 0x3a: // :
        out += compact.slice(from, at + 1) + ' ';
        from = at + 1;
        break;
      case 0x2c: // ,
        out += compact.slice(from, at + 1) + pad();
        from = at + 1;
        break;
      case 0x7b: // {
      case 0x5b: // [
        if (isClose(compact.charCodeAt(at + 1))) {
          at++;
          break;
        }
        depth++;
        out += compact.slice(from, at + 1) + pad();
        from = at + 1;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        out += compact.slice(from, at) + pad();
        from = at;
        break;
    }
  }
  return out + compact.slice(from);
}

const isClose = (unit: number): boolean => unit === 0x7d || unit === 0x5d;

/** Position of the quote that closes the string opened at `start`; the last position if none does. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = at;
    while (text.charCodeAt(slashes - 1) === 0x5c) slashes--;
    if ((at - slashes) % 2 === 0) return at;
  }
  return text.length - 1;
}
