import { hex, utf8 } from '@proconsul/base';
import { escapeLabel, type Name, nameLabels } from '@proconsul/dns-wire';

/** Text from the catalog as a name with a dot at the end; undefined when DNS cannot carry it (labels over 63 bytes and so on). */
export function textName(text: string): Name | undefined {
  // Two dots at the end come from a domain that is the root.
  const dotted = text.endsWith('..') ? text.slice(0, -1) : text.endsWith('.') ? text : `${text}.`;
  const name = /^[!-[\]-~]*$/.test(dotted) ? dotted : dotted.split('.').map(escapeText).join('.');
  try {
    return nameLabels(name).length === 0 ? undefined : name;
  } catch {
    return undefined;
  }
}

function escapeText(label: string): string {
  return escapeLabel(String.fromCharCode(...utf8(label)));
}

/** `<node>.node.<dc>.<domain>`, or with the peer for nodes that were imported. */
export function nodeName(node: string, datacenter: string, peer: string | undefined, domain: Name): Name | undefined {
  return textName(peer === undefined ? `${node}.node.${datacenter}.${domain}` : `${node}.node.${peer}.peer.${domain}`);
}

/** `<hex>.addr.<dc>.<domain>`, a name that carries its own answer; without a datacenter that DNS cannot carry. */
export function addressName(address: Uint8Array, datacenter: string, peer: string | undefined, domain: Name): Name {
  const left = `${hex(address)}.addr.`;
  const withDatacenter = peer === undefined ? textName(`${left}${datacenter}.${domain}`) : undefined;
  return withDatacenter ?? underDomain(left, domain);
}

/** `left` ends in a dot. */
export function underDomain(left: Name, domain: Name): Name {
  return domain === '.' ? left : left + domain;
}
