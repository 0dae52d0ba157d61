const SYMBOLS = "!#$%&'*+-.^_`|~";
const ALNUM = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function table(accept: (byte: number) => boolean): Uint8Array {
  const out = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) out[byte] = accept(byte) ? 1 : 0;
  return out;
}

const among = (chars: string) => (byte: number) => chars.includes(String.fromCharCode(byte));

/** RFC 9110 section 5.6.2: tchar. */
export const TOKEN = table(among(ALNUM + SYMBOLS));
/** RFC 9110 section 5.5: visible characters, obs-text, space and tab. No other control character, above all not NUL. */
export const FIELD_VALUE = table((byte) => byte === 9 || (byte >= 32 && byte !== 127));
/** Bytes of a request target: visible ASCII, and the raw UTF-8 that some clients send without escaping. */
export const TARGET = table((byte) => byte > 32 && byte !== 127);
/** RFC 3986 section 3.2: what a host with a port may consist of; no space, slash, `@`, `?`, `#` or control character. */
export const HOST = table(among(`${ALNUM}-._~%!$&'()*+,;=:[]`));
/** The value of a hexadecimal digit, 255 for anything else. */
export const HEX = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SPACE = 32;
export const COLON = 58;
export const SEMICOLON = 59;
export const PERCENT = 37;
export const QUESTION = 63;
