/** What a name may begin with, and what it may go on with, in ASCII. */
const ASCII_LETTER = /[A-Za-z_]/;
const ASCII_PART = /[A-Za-z0-9_.-]/;
const ASCII_WORD = /[A-Za-z0-9_]/;
const LAST_ASCII = '\x7f';

// The letters of all scripts take the engine milliseconds to put together, and few files have any but ASCII: made when needed.
let letters: RegExp | undefined;
let lettersAndDigits: RegExp | undefined;

function isAnyLetter(c: string): boolean {
  letters ??= /\p{L}/u;
  return letters.test(c);
}

function isAnyLetterOrDigit(c: string): boolean {
  lettersAndDigits ??= /[\p{L}\p{Nd}]/u;
  return lettersAndDigits.test(c);
}

/** Whether one character (none: no) may begin a name. */
export const isLetter = (c: string): boolean => (c <= LAST_ASCII ? ASCII_LETTER.test(c) : isAnyLetter(c));

/** Whether it may stand in a name. */
export const isNamePart = (c: string): boolean => (c <= LAST_ASCII ? ASCII_PART.test(c) : isAnyLetterOrDigit(c));

/** Whether it may stand in the word that ends a heredoc. */
export const isHeredocPart = (c: string): boolean => (c <= LAST_ASCII ? ASCII_WORD.test(c) : isAnyLetterOrDigit(c));
