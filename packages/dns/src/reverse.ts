/** The address in a name under `in-addr.arpa` (four numbers) or `ip6.arpa` (32 nibbles); undefined for anything else. */
export function reverseAddress(labels: readonly string[]): Uint8Array | undefined {
  const parts = labels.slice(0, -2).reverse();
  const tree = labels.slice(-2).join('.');
  if (tree === 'in-addr.arpa') {
    if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256))
      return undefined;
    return Uint8Array.from(parts, Number);
  }
  if (tree !== 'ip6.arpa' || parts.length !== 32 || !parts.every((part) => /^[0-9a-f]$/.test(part))) return undefined;
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(parts[2 * i]! + parts[2 * i + 1]!, 16));
}
