import { LAN, type MemberlistOptions } from '@proconsul/gossip';
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

const SWIM: Partial<MemberlistOptions> = {
  awarenessMaxMultiplier: 1,
  suspicionMaxTimeoutMult: 1,
  verifySuspects: false,
};

const CONFIGURATIONS: readonly (readonly [string, Partial<MemberlistOptions>])[] = [
  ['SWIM', SWIM],
  ['local health only', { ...SWIM, awarenessMaxMultiplier: LAN.awarenessMaxMultiplier }],
  ['adaptive suspicion only', { ...SWIM, suspicionMaxTimeoutMult: LAN.suspicionMaxTimeoutMult }],
  ['Lifeguard', { verifySuspects: false }],
  ['Lifeguard, suspects verified (as shipped)', {}],
];

/** Members whose messages stand still, as in the Lifeguard paper, section V. */
export async function lifeguardTable(size: number, minutes: number, seeds: number, print: Print): Promise<void> {
  print(
    '| configuration | slow members | healthy members declared dead | by healthy members | declarations in all | packets per member and second |',
  );
  print(
    '| ------------- | -----------: | ----------------------------: | -----------------: | ------------------: | ----------------------------: |',
  );
  for (const stalling of [4, 16, 32]) {
    for (const [name, options] of CONFIGURATIONS) {
      const sum = { declared: 0, byHealthy: 0, events: 0, packets: 0 };
      for (let seed = 1; seed <= seeds; seed++) {
        const r = await measureSick({
          ...{ size, seed, options, stalls: 'messages', stalling, lossy: 0, loss: 0, forMs: minutes * 60_000 },
          stallMs: () => 16_000,
          runMs: () => 100,
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

const SOAKED = [
  ['as shipped', {}, false],
  ['Lifeguard, own stalls not noticed', { verifySuspects: false }, true],
  ['SWIM, own stalls not noticed', SWIM, true],
] as const;

/** A fifth of the pool is sick for a long time: half of it loses 30 % of its packets, half stands still half of the time. */
export async function soakTable(size: number, minutes: number, print: Print): Promise<void> {
  const tenth = Math.round(size / 10);
  const base = { size, seed: 1, forMs: minutes * 60_000 };
  const none = { stalls: 'process' as const, stalling: 0, lossy: 0, loss: 0, stallMs: () => 0, runMs: () => 0 };
  const rows: readonly (readonly [string, Omit<SickPool, 'size' | 'seed' | 'forMs'>])[] = [
    [
      '10 % lose 30 % of their packets, 10 % stand still half of the time',
      { stalls: 'process', stalling: tenth, lossy: tenth, loss: 0.3, stallMs: () => 5_000, runMs: () => 5_000 },
    ],
    ['1 % lose 80 % of their packets', { ...none, lossy: Math.max(1, Math.round(size / 100)), loss: 0.8 }],
  ];
  print(
    '| members | minutes | sick members | configuration | healthy members declared dead | by healthy members | sick ones |',
  );
  print(
    '| ------: | ------: | ------------ | ------------- | ----------------------------: | -----------------: | --------: |',
  );
  for (const [what, sick] of rows) {
    for (const [name, options, hidesStalls] of SOAKED) {
      const r = await measureSick({ ...base, ...sick, options, hidesStalls });
      print(
        `| ${size} | ${minutes} | ${what} | ${name} | ${r.healthyDeclared} | ${r.healthyDeclaredByHealthy} | ${r.sickDeclared} |`,
      );
    }
  }
}
