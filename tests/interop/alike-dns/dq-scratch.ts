import { ask } from './asking.ts';
import { said } from './likeness.ts';
import { wireName } from './questions.ts';

const all = process.argv[2] === 'all';
for (const line of process.argv.slice(3)) {
  const [name = '', type = '1', transport = 'udp'] = line.split(' ');
  const t = Number(type);
  const bytes = Buffer.concat([
    Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    wireName(name),
    Buffer.from([t >> 8, t & 255, 0, 1]),
  ]);
  const [a, b] = await Promise.all(
    ['127.8.1.1', '127.8.1.2'].map(async (h) =>
      said(await ask(h, 8600, { bytes, transport: transport as 'udp', what: '' }), h),
    ),
  );
  const [x, y] = [a, b].map((s) => JSON.stringify(s));
  if (x === y) console.log(line, 'SAME', all ? x : '');
  else console.log(line, '\n  ours', x, '\n  ref ', y);
}
