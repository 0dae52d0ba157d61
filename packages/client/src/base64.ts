/** Standard base64 of `bytes`. Written for browsers and Node alike. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

/** Bytes of standard base64; null and undefined (Consul's empty value) are no bytes. Throws on invalid text. */
export function fromBase64(text: string | null | undefined): Uint8Array {
  if (!text) return new Uint8Array(0);
  const binary = atob(text);
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < out.length; i++) out[i] = binary.charCodeAt(i);
  return out;
}
