/** Bytes that JSON is made of, as both readers know them. */
export const QUOTE = 0x22;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const OPEN_LIST = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_LIST = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
