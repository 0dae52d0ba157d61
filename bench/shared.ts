export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The words of a command: a script of Node, or a program with its first arguments. */
export function commandOf(text: string): readonly string[] {
  return /\.[cm]?js$/.test(text) ? [process.execPath, text] : text.split(/\s+/);
}
