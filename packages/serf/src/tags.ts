import { fromUtf8 } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';

/** What gossip carries for each member. */
export const META_MAX_BYTES = 512;

const TAGS_MAGIC = 255;

/**
 * Tags as a member's meta: 255, then a map of strings, in the order of the object.
 * Source: gossip wire notes, section 4. Vectors: testdata/serf-tags.json.
 */
export function encodeTags(tags: Readonly<Record<string, string>>): Uint8Array {
  const w = new Writer('gossip');
  w.byte(TAGS_MAGIC);
  writeTags(w, tags);
  return w.finish();
}

export function writeTags(w: Writer, tags: Readonly<Record<string, string>>): void {
  const names = Object.keys(tags);
  w.mapHeader(names.length);
  for (const name of names) {
    w.key(name);
    w.str(tags[name] as string);
  }
}

/** An object without a prototype. Meta of old members, without the 255, is the tag `role`. Throws ProtocolError. */
export function decodeTags(meta: Uint8Array): Record<string, string> {
  if (meta[0] === TAGS_MAGIC) return readTags(new Reader(meta, 1));
  const tags: Record<string, string> = Object.create(null);
  tags['role'] = fromUtf8(meta);
  return tags;
}

export function readTags(r: Reader): Record<string, string> {
  const tags: Record<string, string> = Object.create(null);
  for (let pairs = r.mapHeader(); pairs > 0; pairs--) {
    const name = r.key();
    tags[name] = r.isNil() ? '' : r.str();
  }
  return tags;
}
