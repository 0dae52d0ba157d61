import { parseDuration } from '@proconsul/base';
import { decodeMessage, encodeMessage, formatAddress, type ResourceRecord, RRType } from '@proconsul/dns-wire';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';

const TIMEOUT_MS = 5000;
const CLASS_IN = 1;

/** A service of the link. Addresses come with their ports. Source: RFC 6762, RFC 6763. */
export const mdns: Provider = async (args, world) => {
  const domain = (args.get('domain') || 'local').replace(/\.$/, '');
  const service = args.need('service').replace(/\.$/, '');
  const given = args.get('timeout');
  const ns = given === '' ? TIMEOUT_MS * 1e6 : parseDuration(given);
  if (ns === undefined || ns <= 0) throw new DiscoverError(`discover-mdns: timeout is no duration: ${given}`);
  const [v4, v6] = [args.flag('v4', true), args.flag('v6', true)];
  if (!v4 && !v6) throw new DiscoverError('discover-mdns: v4 and v6 cannot both be off');
  const name = `${service}.${domain}.`;
  const query = encodeMessage({
    ...{ id: 0, response: false, opcode: 0, authoritative: false, truncated: false, recursionDesired: false },
    ...{ recursionAvailable: false, authenticData: false, checkingDisabled: false, rcode: 0 },
    questions: [{ name, type: RRType.PTR, class: CLASS_IN }],
    ...{ answers: [], authority: [], additional: [] },
  });
  const answers = await world.multicast({ query, v4, v6, timeoutMs: ns / 1e6 });
  return answers.flatMap((bytes) => addresses(bytes, name, v4, v6));
};

/** What one answer tells of instances of the service. Rubbish tells nothing. */
function addresses(bytes: Uint8Array, name: string, v4: boolean, v6: boolean): string[] {
  let records: readonly ResourceRecord[];
  try {
    const message = decodeMessage(bytes);
    if (!message.response) return [];
    records = [...message.answers, ...message.additional];
  } catch {
    return [];
  }
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  const found: string[] = [];
  for (const pointer of records) {
    if (pointer.kind !== 'PTR' || !same(pointer.name, name)) continue;
    for (const place of records) {
      if (place.kind !== 'SRV' || !same(place.name, pointer.target)) continue;
      for (const host of records) {
        if (host.kind === 'A' && v4 && same(host.name, place.target)) {
          found.push(`${formatAddress(host.address)}:${place.port}`);
        } else if (host.kind === 'AAAA' && v6 && same(host.name, place.target)) {
          found.push(`[${formatAddress(host.address)}]:${place.port}`);
        }
      }
    }
  }
  return found;
}
