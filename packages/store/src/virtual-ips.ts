import type { Journal } from './journal.ts';
import type { VirtualIpResult } from './result.ts';
import type { State } from './state.ts';

/** First address of the range that virtual addresses are counted from: 240.0.0.0. Source: recorded catalog entries. */
const BASE = 240 * 2 ** 24;
/** Offsets that fit behind the base: up to 255.255.255.254. */
export const VIRTUAL_IP_OFFSET_MAX = 15 * 2 ** 24 + 0xff_ff_fe;

/** The virtual address of a service in the mesh. */
export interface VirtualIp {
  readonly Service: string;
  readonly Peer: string;
  /** Counted from 240.0.0.0. */
  readonly offset: number;
  readonly ManualIPs: readonly string[] | null;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/**
 * Addresses by service. Freed ones are given out again, newest first, and only the newest is remembered, because the
 * reference does so and every server must count alike. Source: snapshots of the reference before and after.
 */
export class VirtualIpTable {
  readonly rows = new Map<string, VirtualIp>();
  /** Offset that was freed last; 0 when there is none. */
  freed = 0;
  /** Highest offset ever given out. */
  counter = 0;

  get(service: string, peer = ''): VirtualIp | undefined {
    return this.rows.get(keyOf(service, peer));
  }

  put(row: VirtualIp): void {
    this.rows.set(keyOf(row.Service, row.Peer), row);
  }

  delete(row: VirtualIp): void {
    this.rows.delete(keyOf(row.Service, row.Peer));
  }

  /** Sorted by service name. */
  all(): VirtualIp[] {
    return [...this.rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }
}

const keyOf = (service: string, peer: string): string => `${peer}\0${service}`.toLowerCase();

/** Dotted form of an offset. */
export function virtualAddress(offset: number): string {
  const n = BASE + offset;
  return [n / 2 ** 24, n / 2 ** 16, n / 2 ** 8, n].map((part) => Math.floor(part) % 256).join('.');
}

/** The address of a service, given out now when it has none. Undefined when the range is used up. */
export function assignVirtualIp(state: State, journal: Journal, service: string): string | undefined {
  const table = state.virtualIps;
  const known = table.get(service, state.peerName);
  if (known !== undefined) return virtualAddress(known.offset);
  const { freed, counter } = table;
  const offset = freed !== 0 ? freed : counter + 1;
  if (offset > VIRTUAL_IP_OFFSET_MAX) return undefined;
  const index = journal.index;
  const row: VirtualIp = {
    Service: service,
    Peer: state.peerName,
    offset,
    ManualIPs: null,
    CreateIndex: index,
    ModifyIndex: index,
  };
  table.put(row);
  table.freed = 0;
  table.counter = Math.max(counter, offset);
  if (journal.recording) {
    journal.undoWith(() => {
      table.delete(row);
      table.freed = freed;
      table.counter = counter;
    });
  }
  touch(state, journal, service);
  return virtualAddress(offset);
}

/** The service is gone: its address may go to another, unless a config entry still needs it. */
export function releaseVirtualIp(state: State, journal: Journal, service: string): void {
  const table = state.virtualIps;
  const row = table.get(service, state.peerName);
  if (row === undefined || state.catalog.group(service) !== undefined) return;
  if (state.peerName === '' && state.config.needsVirtualIp(service)) return;
  const { freed } = table;
  table.delete(row);
  table.freed = row.offset;
  if (journal.recording) {
    journal.undoWith(() => {
      table.put(row);
      table.freed = freed;
    });
  }
  touch(state, journal, service);
}

/** Gives manual addresses to a service and takes them from others. */
export function assignManualIps(
  state: State,
  journal: Journal,
  service: string,
  ips: readonly string[] | null,
): VirtualIpResult {
  const row = state.virtualIps.get(service);
  if (row === undefined) return { Found: false, UnassignedFrom: null };
  const unassigned: { Peer: string; ServiceName: { Name: string } }[] = [];
  for (const other of state.virtualIps.all()) {
    if (other === row || other.ManualIPs === null) continue;
    const left = other.ManualIPs.filter((ip) => !(ips ?? []).includes(ip));
    if (left.length === other.ManualIPs.length) continue;
    state.virtualIps.put({ ...other, ManualIPs: left.length === 0 ? null : left, ModifyIndex: journal.index });
    unassigned.push({ Peer: other.Peer, ServiceName: { Name: other.Service } });
  }
  const ManualIPs = ips === null || ips.length === 0 ? null : [...ips].sort();
  const isChanged = (row.ManualIPs ?? []).join() !== (ManualIPs ?? []).join();
  if (isChanged) state.virtualIps.put({ ...row, ManualIPs, ModifyIndex: journal.index });
  if (isChanged || unassigned.length > 0) touch(state, journal, service);
  return { Found: true, UnassignedFrom: unassigned.length === 0 ? null : unassigned };
}

function touch({ main, peerName }: State, journal: Journal, service: string): void {
  main.indexes.bump(VIRTUAL_IPS, journal);
  if (peerName !== '') main.indexes.bump(`${VIRTUAL_IPS}.${service}`, journal);
  journal.touch('table', VIRTUAL_IPS);
}

const VIRTUAL_IPS = 'service-virtual-ips';
