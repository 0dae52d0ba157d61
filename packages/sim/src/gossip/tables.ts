import type { MemberlistOptions } from '@proconsul/gossip';
import {
  expectedSpreadMs,
  measureDetection,
  measureSick,
  measureSpread,
  quantile,
  type SickPool,
} from './experiments.ts';

type Print = (line: string) => void;

const seconds = (ms: number): string => (Number.isFinite(ms) ? (ms / 1000).toFixed(1) : 'never');

export async function detectionTable(sizes: readonly number[], deaths: number, print: Print): Promise<void> {
  print(
    '| members | packets lost | first declared, median (s) | p99 (s) | expected mean (s) | all know after, median (s) | max (s) |',
  );
  print(
    '| ------: | -----------: | -------------------------: | ------: | ----------------: | -------------------------: | ------: |',
  );
  for (const size of sizes) {
    for (const loss of [0, 0.1]) {
      const r = await measureDetection(size, deaths, loss);
      const cells = [
        String(size),
        `${loss * 100} %`,
        seconds(quantile(r.firstMs, 0.5)),
        seconds(quantile(r.firstMs, 0.99)),
        seconds(r.expectedMs),
        seconds(quantile(r.spreadMs, 0.5)),
        seconds(Math.max(...r.spreadMs)),
      ];
      print(`| ${cells.join(' | ')} |`);
    }
  }
}

export async function spreadTable(sizes: readonly number[], changes: number, print: Print): Promise<void> {
  print(
    '| members | packets lost | half know, median (ms) | all know, median (ms) | max (ms) | epidemic model, all (ms) |',
  );
  print(
    '| ------: | -----------: | ---------------------: | --------------------: | -------: | -----------------------: |',
  );
  for (const size of sizes) {
    for (const loss of [0, 0.25]) {
      const [half, all] = await measureSpread(size, changes, loss);
      const ms = (value: number): string => (Number.isFinite(value) ? value.toFixed(0) : 'by full exchange');
      const cells = [ms(quantile(half, 0.5)), ms(quantile(all, 0.5)), ms(Math.max(...all)), ms(expectedSpreadMs(size))];
      print(`| ${[String(size), `${loss * 100} %`, ...cells].join(' | ')} |`);
    }
  }
}

interface Configuration {
  readonly name: string;
  readonly options: Partial<MemberlistOptions>;
  readonly hidesStalls: boolean;
}

const CONFIGURATIONS: readonly Configuration[] = [
  {
    name: 'SWIM',
    options: { awarenessMaxMultiplier: 1, suspicionMaxTimeoutMult: 1, verifySuspects: false },
    hidesStalls: true,
  },
  { name: 'Lifeguard', options: { verifySuspects: false }, hidesStalls: true },
  { name: 'and own stalls noticed', options: { verifySuspects: false }, hidesStalls: false },
  { name: 'and suspects verified (as shipped)', options: {}, hidesStalls: false },
];

/** Members that stand still, as in the Lifeguard paper, section V: sizes of the sick part, lengths of the stalls. */
export async function lifeguardTable(size: number, minutes: number, seeds: number, print: Print): Promise<void> {
  print(
    '| configuration | members that stand still | healthy members declared dead | by healthy members | declarations in all | packets per member and second |',
  );
  print(
    '| ------------- | -----------------------: | ----------------------------: | -----------------: | ------------------: | ----------------------------: |',
  );
  for (const stalling of [4, 16, 32]) {
    for (const { name, options, hidesStalls } of CONFIGURATIONS) {
      const sum = { declared: 0, byHealthy: 0, events: 0, packets: 0 };
      for (let seed = 1; seed <= seeds; seed++) {
        const r = await measureSick({
          ...{ size, seed, options, hidesStalls, stalling, lossy: 0, loss: 0, forMs: minutes * 60_000 },
          stallMs: () => 16_000,
          runMs: () => 1_000,
        });
        sum.declared += r.healthyDeclared;
        sum.byHealthy += r.healthyDeclaredByHealthy;
        sum.events += r.events;
        sum.packets += r.packetsPerMemberSecond / seeds;
      }
      print(
        `| ${name} | ${stalling} of ${size} | ${sum.declared} | ${sum.byHealthy} | ${sum.events} | ${sum.packets.toFixed(1)} |`,
      );
    }
  }
}

/** A fifth of the pool is sick for a long time: half of it loses 30 % of its packets, half stands still half of the time. */
export async function soakTable(size: number, minutes: number, print: Print): Promise<void> {
  const tenth = Math.round(size / 10);
  const base = { size, seed: 1, forMs: minutes * 60_000 };
  const none = { stalling: 0, lossy: 0, loss: 0, stallMs: () => 0, runMs: () => 0 };
  const rows: readonly (readonly [string, Omit<SickPool, 'size' | 'seed' | 'forMs'>])[] = [
    [
      '10 % lose 30 % of their packets, 10 % stand still half of the time',
      { stalling: tenth, lossy: tenth, loss: 0.3, stallMs: () => 5_000, runMs: () => 5_000 },
    ],
    ['1 % lose 80 % of their packets', { ...none, lossy: Math.max(1, Math.round(size / 100)), loss: 0.8 }],
  ];
  print('| members | minutes | sick members | configuration | healthy members declared dead | sick ones |');
  print('| ------: | ------: | ------------ | ------------- | ----------------------------: | --------: |');
  for (const [what, sick] of rows) {
    for (const { name, options, hidesStalls } of [CONFIGURATIONS[0]!, CONFIGURATIONS.at(-1)!]) {
      const r = await measureSick({ ...base, ...sick, options, hidesStalls });
      print(`| ${size} | ${minutes} | ${what} | ${name} | ${r.healthyDeclared} | ${r.sickDeclared} |`);
    }
  }
}
