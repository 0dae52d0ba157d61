import { expect, test } from 'vitest';
import { hostInfo, parseCpus, parseMeminfo } from './host.ts';

/** Members in the order in which the reference agent tells them. */
const MEMBERS = {
  Memory:
    'total available used usedPercent free active inactive wired laundry buffers cached writeBack dirty writeBackTmp ' +
    'shared slab sreclaimable sunreclaim pageTables swapCached commitLimit committedAS highTotal highFree lowTotal ' +
    'lowFree swapTotal swapFree mapped vmallocTotal vmallocUsed vmallocChunk hugePagesTotal hugePagesFree ' +
    'hugePagesRsvd hugePagesSurp hugePageSize',
  Host:
    'hostname uptime bootTime procs os platform platformFamily platformVersion kernelVersion kernelArch ' +
    'virtualizationSystem virtualizationRole hostId',
  Disk: 'path fstype total free used usedPercent inodesTotal inodesUsed inodesFree inodesUsedPercent',
};
const CPU = 'cpu vendorId family model stepping physicalId coreId cores modelName mhz cacheSize flags microcode';

test('the report has the members of the reference agent', async () => {
  const info = await hostInfo();
  expect(Object.keys(info)).toEqual(['Memory', 'CPU', 'Host', 'Disk', 'CollectionTime', 'Errors']);
  for (const [part, members] of Object.entries(MEMBERS)) {
    expect(Object.keys(info[part] as object).join(' ')).toBe(members);
  }
  for (const cpu of info['CPU'] as object[]) expect(Object.keys(cpu).join(' ')).toBe(CPU);
  expect(info['Errors']).toBeNull();
  const { total, used, free } = info['Memory'] as Record<string, number>;
  expect(used! + free!).toBeLessThanOrEqual(total!);
  expect(Math.abs(Number((info['CollectionTime'] as bigint) / 1_000_000n) - Date.now())).toBeLessThan(10_000);
});

test('memory is bytes where the kernel says kB', () => {
  const meminfo = parseMeminfo('MemTotal:       24684092 kB\nHugePages_Total:       3\nActive(anon):   1 kB\n');
  expect([...meminfo]).toEqual([
    ['MemTotal', 25276510208],
    ['HugePages_Total', 3],
    ['Active(anon)', 1024],
  ]);
});

test('processors are read from the table of the kernel', () => {
  const [cpu] = parseCpus(
    'processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\nmodel name\t: Intel(R) Xeon(R) Processor\n' +
      'stepping\t: 6\nmicrocode\t: 0x1\ncpu MHz\t\t: 2793.436\ncache size\t: 49152 KB\nphysical id\t: 0\ncore id\t\t: 1\nflags\t\t: fpu vme\n\n',
  );
  expect(cpu).toEqual({
    cpu: 0,
    vendorId: 'GenuineIntel',
    family: '6',
    model: '106',
    stepping: 6,
    physicalId: '0',
    coreId: '1',
    cores: 1,
    modelName: 'Intel(R) Xeon(R) Processor',
    mhz: 2793.436,
    cacheSize: 49152,
    flags: ['fpu', 'vme'],
    microcode: '0x1',
  });
});
