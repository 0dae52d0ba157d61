/** A small seeded generator of numbers in [0, 1). Source: Tommy Ettinger's public-domain mulberry32. */
export function mulberry32(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes with one to four random injuries: a byte changed, some left out, some put in, some doubled, the end cut. */
export function injure(original: Uint8Array, random: () => number): Uint8Array {
  const below = (n: number) => Math.floor(random() * n);
  let bytes = Buffer.from(original);
  for (let n = 1 + below(4); n > 0; n--) {
    const at = below(bytes.length + 1);
    const length = 1 + below(8);
    const noise = Buffer.from(Array.from({ length }, () => below(256)));
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (below(6)) {
      case 0:
        bytes = Buffer.concat([head, noise, tail.subarray(length)]);
        break;
      case 1:
        bytes = Buffer.concat([head, tail.subarray(length)]);
        break;
      case 2:
        bytes = Buffer.concat([head, noise, tail]);
        break;
      case 3:
        bytes = Buffer.concat([head, tail.subarray(0, length), tail]);
        break;
      case 4:
        bytes = Buffer.from(head);
        break;
      default:
        bytes = Buffer.concat([head, Buffer.from([[0, 10, 13, 32, 58, 37, 255, 34, 123][below(9)] as number]), tail]);
    }
  }
  return bytes;
}
