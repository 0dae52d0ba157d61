import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { unhex } from '@proconsul/base';
import { expect, test } from 'vitest';
import { encodeCommand, decodeCommand } from './command.ts';
import { Store } from './store.ts';

const file = (name: string) => readFileSync(new URL(`./testdata/${name}`, import.meta.url));
interface LogVector { readonly name: string; readonly type?: number; readonly index?: number; readonly hex?: string; readonly fsm?: string }
const log = JSON.parse(file('fsm-log.json').toString()).vectors as LogVector[];
const generated = JSON.parse(file('fsm-generated.json').toString()).vectors as LogVector[];
const rich = JSON.parse(file('snapshot-rich.json').toString()) as { records: { offset: number; length: number; hex?: string; type: number; name: string }[]; state_length: number };

export function stateBin(archive: Uint8Array): Uint8Array {
  const tar = gunzipSync(archive);
  let at = 0;
  while (at + 512 <= tar.length) {
    const name = tar.subarray(at, at + 100).toString().replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.subarray(at + 124, at + 136).toString(), 8);
    if (name === 'state.bin') return new Uint8Array(tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error('no state.bin');
}

test('log', () => {
  const s = new Store({ datacenter: 'dc1' });
  for (const v of log.filter(v=>v.hex!==undefined && !v.name.startsWith('raft-chunked')).sort((a,b)=>a.index!-b.index!)) {
    const r = s.apply(v.index!, unhex(v.hex!));
    console.log(v.index, v.type, v.name, JSON.stringify(r));
  }
  for (const v of generated) console.log(v.fsm, v.name, JSON.stringify(s.apply(s.lastIndex+1, unhex(v.hex!))));
  console.log(s.sizes());
  void encodeCommand; void decodeCommand;
});
test('snap', () => {
  const bin = stateBin(file('snapshot-rich.snap'));
  const s = new Store({ datacenter: 'dc1' });
  const r = s.restore(); r.push(bin); console.log(r.finish());
  const out = Buffer.concat([...s.snapshot().chunks()]);
  console.log(bin.length, out.length, rich.state_length);
  const s2 = new Store({ datacenter: 'dc1' });
  const r2 = s2.restore(); for (const b of out) r2.push(new Uint8Array([b])); console.log(r2.finish());
  expect(s2.stateHash()).toBe(s.stateHash());
  for (const rec of rich.records) { if (rec.hex && !out.includes(Buffer.from(rec.hex,'hex'))) console.log('missing', rec.type, rec.name, JSON.stringify((rec as any).decoded).slice(0,200)); }
});
