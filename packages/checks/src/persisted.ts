import { type CheckStatus, isCheckStatus } from './status.ts';

/** State of a TTL check in the data directory, `checks/state/<sha256 of the id>`. Source: lifecycle.md section 2. */
export interface PersistedCheckState {
  readonly CheckID: string;
  readonly Output: string;
  readonly Status: CheckStatus;
  /** Unix time in whole seconds after which the state says nothing any more. */
  readonly Expires: number;
}

/** A state may be taken over until its TTL has passed. */
export function isPersistedFresh(state: PersistedCheckState, wallMs: number): boolean {
  return state.Expires * 1000 > wallMs;
}

/** Reads a state from the JSON value of its file; undefined when it is not one. */
export function persistedCheckState(json: unknown): PersistedCheckState | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { CheckID, Output, Status, Expires } = json as Record<string, unknown>;
  if (typeof CheckID !== 'string' || typeof Status !== 'string' || !isCheckStatus(Status)) return undefined;
  if (typeof Expires !== 'number' || !Number.isFinite(Expires)) return undefined;
  return { CheckID, Status, Expires, Output: typeof Output === 'string' ? Output : '' };
}
