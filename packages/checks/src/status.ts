export type CheckStatus = 'passing' | 'warning' | 'critical';

export function isCheckStatus(text: string): text is CheckStatus {
  return text === 'passing' || text === 'warning' || text === 'critical';
}

/** What one run of a check found, before thresholds. `output` is already cut to size. */
export interface RawResult {
  readonly status: CheckStatus;
  readonly output: string;
}

/** 0 is passing, 1 is warning, everything else, a signal included (null), is critical. */
export function statusOfExitCode(code: number | null): CheckStatus {
  if (code === 0) return 'passing';
  return code === 1 ? 'warning' : 'critical';
}

/** 2xx is passing, 429 is warning, everything else is critical. */
export function statusOfHttp(code: number): CheckStatus {
  if (code >= 200 && code <= 299) return 'passing';
  return code === 429 ? 'warning' : 'critical';
}
