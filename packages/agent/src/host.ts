import { readFileSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';

const KIB = 1024;

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** Numbers of /proc/meminfo by name: bytes where the kernel says kB, counts as they are. Source: proc(5). */
export function parseMeminfo(meminfo: string): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const [, name = '', digits = '', unit] of meminfo.matchAll(/^([\w()]+):\s+(\d+)( kB)?$/gm)) {
    out.set(name, Number(digits) * (unit === undefined ? 1 : KIB));
  }
  return out;
}

/** Names of the answer, and those of the kernel. */
const MEMORY_NAMES = {
  active: 'Active',
  inactive: 'Inactive',
  buffers: 'Buffers',
  writeBack: 'Writeback',
  dirty: 'Dirty',
  writeBackTmp: 'WritebackTmp',
  shared: 'Shmem',
  slab: 'Slab',
  sreclaimable: 'SReclaimable',
  sunreclaim: 'SUnreclaim',
  pageTables: 'PageTables',
  swapCached: 'SwapCached',
  commitLimit: 'CommitLimit',
  committedAS: 'Committed_AS',
  highTotal: 'HighTotal',
  highFree: 'HighFree',
  lowTotal: 'LowTotal',
  lowFree: 'LowFree',
  swapTotal: 'SwapTotal',
  swapFree: 'SwapFree',
  mapped: 'Mapped',
  vmallocTotal: 'VmallocTotal',
  vmallocUsed: 'VmallocUsed',
  vmallocChunk: 'VmallocChunk',
  hugePagesTotal: 'HugePages_Total',
  hugePagesFree: 'HugePages_Free',
  hugePagesRsvd: 'HugePages_Rsvd',
  hugePagesSurp: 'HugePages_Surp',
  hugePageSize: 'Hugepagesize',
} as const;

/** The five numbers that most people read. Where there is no /proc, `available` is what is free. */
export function memorySummary(meminfo: ReadonlyMap<string, number>) {
  const total = meminfo.get('MemTotal') ?? os.totalmem();
  const free = meminfo.get('MemFree') ?? os.freemem();
  const reclaimable = (meminfo.get('Cached') ?? 0) + (meminfo.get('SReclaimable') ?? 0);
  const used = total - free - (meminfo.get('Buffers') ?? 0) - reclaimable;
  const available = meminfo.get('MemAvailable') ?? free;
  return { total, available, used, usedPercent: (100 * used) / total, free, cached: reclaimable };
}

function memory(meminfo: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const { total, available, used, usedPercent, free, cached } = memorySummary(meminfo);
  const { active, inactive, buffers, ...others } = MEMORY_NAMES;
  const get = (name: string) => meminfo.get(name) ?? 0;
  return {
    total,
    available,
    used,
    usedPercent,
    free,
    active: get(active),
    inactive: get(inactive),
    wired: 0,
    laundry: 0,
    buffers: get(buffers),
    cached,
    ...Object.fromEntries(Object.entries(others).map(([shown, name]) => [shown, get(name)])),
  };
}

/** One row for each logical processor. Where there is no /proc only model and clock are known. */
export function parseCpus(cpuinfo: string): readonly Readonly<Record<string, unknown>>[] {
  const blocks = cpuinfo.split(/\n\s*\n/).filter((b) => /^processor\s*:/m.test(b));
  if (blocks.length === 0) {
    return os.cpus().map(({ model, speed }, cpu) => cpuRow(cpu, new Map([['model name', model]]), speed, []));
  }
  return blocks.map((b, n) => {
    const fields = new Map<string, string>();
    for (const [, name = '', value = ''] of b.matchAll(/^([^:\n\t]+)\s*:[ \t]*(.*)$/gm)) fields.set(name.trim(), value);
    const cpu = Number(fields.get('processor') ?? n);
    const flags = (fields.get('flags') ?? fields.get('Features') ?? '').split(' ').filter((f) => f !== '');
    return cpuRow(cpu, fields, Number(fields.get('cpu MHz') ?? 0), flags);
  });
}

function cpuRow(cpu: number, fields: ReadonlyMap<string, string>, mhz: number, flags: readonly string[]) {
  const get = (name: string) => fields.get(name) ?? '';
  return {
    cpu,
    vendorId: get('vendor_id'),
    family: get('cpu family'),
    model: get('model'),
    stepping: Number(get('stepping')) || 0,
    physicalId: get('physical id'),
    coreId: get('core id'),
    cores: 1,
    modelName: get('model name'),
    mhz,
    cacheSize: Number.parseInt(get('cache size'), 10) || 0,
    flags,
    microcode: get('microcode'),
  };
}

/** `ID=debian` and the like. Source: os-release(5). */
function parseOsRelease(release: string): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const [, name = '', value = ''] of release.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)) out.set(name, value);
  return out;
}

const FAMILIES: Readonly<Record<string, string>> = {
  ubuntu: 'debian',
  raspbian: 'debian',
  linuxmint: 'debian',
  fedora: 'fedora',
  centos: 'rhel',
  rocky: 'rhel',
  almalinux: 'rhel',
  ol: 'rhel',
  amzn: 'rhel',
  opensuse: 'suse',
  sles: 'suse',
};

/** A stable name of the machine: of its board, else of its installation, else of this boot. */
async function hostId(): Promise<string> {
  const board = (await text('/sys/class/dmi/id/product_uuid')).trim().toLowerCase();
  if (board !== '') return board;
  const machine = (await text('/etc/machine-id')).trim();
  if (/^[0-9a-f]{32}$/.test(machine)) return machine.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return (await text('/proc/sys/kernel/random/boot_id')).trim();
}

async function host(): Promise<Readonly<Record<string, unknown>>> {
  const release = parseOsRelease(await text('/etc/os-release'));
  const stat = await text('/proc/stat');
  const id = release.get('ID') ?? os.platform();
  const family = FAMILIES[id] ?? (release.get('ID_LIKE') ?? '').split(' ')[0];
  const debian = (await text('/etc/debian_version')).trim();
  const uptime = Math.floor(os.uptime());
  const processes = /^\d+\/(\d+)$/.exec((await text('/proc/loadavg')).split(' ')[3] ?? '')?.[1];
  return {
    hostname: os.hostname(),
    uptime,
    bootTime: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? Math.floor(Date.now() / 1000) - uptime),
    procs: Number(processes ?? 0),
    os: os.platform(),
    platform: id,
    platformFamily: family || id,
    platformVersion: (id === 'debian' && debian) || (release.get('VERSION_ID') ?? os.release()),
    kernelVersion: os.release(),
    kernelArch: os.machine(),
    virtualizationSystem: '',
    virtualizationRole: / hypervisor( |$)/m.test(await text('/proc/cpuinfo')) ? 'guest' : '',
    hostId: await hostId(),
  };
}

/** Names of file systems by the magic number of statfs. Source: statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext2/ext3',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
  26985: 'nfs',
  801189825: 'zfs',
};

/** Room on the disk that holds `path`. Rejects with the error of the system. */
export async function diskUsage(path: string) {
  const s = await statfs(path);
  const free = s.bavail * s.bsize;
  const used = (s.blocks - s.bfree) * s.bsize;
  const inodesUsed = s.files - s.ffree;
  return {
    path,
    fstype: FILE_SYSTEMS[s.type] ?? s.type.toString(16),
    total: s.blocks * s.bsize,
    free,
    used,
    usedPercent: percent(used, used + free),
    inodesTotal: s.files,
    inodesUsed,
    inodesFree: s.ffree,
    inodesUsedPercent: percent(inodesUsed, s.files),
  };
}

export const percent = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);

/** Reads /proc/meminfo; empty where there is none. */
export function readMeminfo(): ReadonlyMap<string, number> {
  try {
    return parseMeminfo(readFileSync('/proc/meminfo', 'utf8'));
  } catch {
    return new Map();
  }
}

/**
 * What `/v1/agent/host` answers. `CollectionTime` is nanoseconds since 1970 as bigint; `Errors` is null or the texts
 * of what could not be read. The name of the system of virtualization is not looked for.
 * Source: recorded answer; proc(5), os-release(5), statfs(2).
 */
export async function hostInfo(): Promise<Readonly<Record<string, unknown>>> {
  const errors: string[] = [];
  const disk = await diskUsage('/').catch((error: unknown) => {
    errors.push(`disk: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  });
  return {
    Memory: memory(readMeminfo()),
    CPU: parseCpus(await text('/proc/cpuinfo')),
    Host: await host(),
    Disk: disk,
    CollectionTime: BigInt(Date.now()) * 1_000_000n,
    Errors: errors.length === 0 ? null : errors,
  };
}
