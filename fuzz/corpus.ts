import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromUtf8, hex, unhex, utf8 } from '@proconsul/base';

/** An input that once did harm. Printable ones are kept as text, others as hex. */
export interface Regression {
  /** What happened. */
  readonly was: string;
  readonly text?: string;
  readonly hex?: string;
}

const fileOf = (folder: string, target: string): string => join(folder, `${target}.json`);

export function readRegressions(folder: string, target: string): Regression[] {
  const path = fileOf(folder, target);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Regression[]) : [];
}

export function bytesOf(regression: Regression): Uint8Array {
  return regression.text === undefined ? unhex(regression.hex ?? '') : utf8(regression.text);
}

/** Adds an input to the file of its target, unless it is there. */
export function addRegression(folder: string, target: string, bytes: Uint8Array, was: string): void {
  const all = readRegressions(folder, target);
  const key = hex(bytes);
  if (all.some((r) => hex(bytesOf(r)) === key)) return;
  const isText = bytes.every((b) => b === 9 || b === 10 || b === 13 || (b >= 32 && b < 127));
  all.push(isText ? { was, text: fromUtf8(bytes) } : { was, hex: key });
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(folder, target), `${JSON.stringify(all, null, 2)}\n`);
}
