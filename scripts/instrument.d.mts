export function instrument(code: string): { code: string; words: string[] };
export function numbered(code: string): { code: string; counters: number };
