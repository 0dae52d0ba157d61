import { fromUtf8, quoteGo, utf8 } from '@proconsul/base';
import type { Target } from './dial.ts';

/** An HTTP URL taken apart without changing what was written, unlike WHATWG's rules, which rewrite paths. */
export interface HttpUrl {
  readonly scheme: 'http' | 'https';
  /** `user:password@`, decoded, or undefined. */
  readonly userInfo: { readonly user: string; readonly password: string | undefined } | undefined;
  /** As in the Host header: with the port if it was written. */
  readonly authority: string;
  readonly target: Target;
  /** Path and query as sent. */
  readonly requestPath: string;
  /** As Go prints it in errors: the password masked, the path escaped. */
  readonly text: string;
}

/** A URL that cannot be used; the message is Go's whole text. */
export class UrlError extends Error {
  override readonly name = 'UrlError';
}

/** Takes apart the URL of a check. `verb` is the method as Go's client names it: `Get`. Throws UrlError. */
export function parseHttpUrl(written: string, verb: string): HttpUrl {
  const raw = fromUtf8(utf8(written)); // A lone surrogate could not be encoded.
  const parseError = (reason: string): never => {
    throw new UrlError(`parse ${quoteGo(raw)}: ${reason}`);
  };
  const useError = (text: string, reason: string): never => {
    throw new UrlError(`${verb} ${quoteGo(text)}: ${reason}`);
  };
  if (/[\u0000-\u001f\u007f]/.test(raw)) return parseError('net/url: invalid control character in URL');
  const schemeText = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(raw)?.[1];
  if (schemeText === undefined) {
    if (/^[^/?#]*:/.test(raw)) return parseError('first path segment in URL cannot contain colon');
    return useError(raw, 'unsupported protocol scheme ""');
  }
  const scheme = schemeText.toLowerCase();
  const parts = /^(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/.exec(raw.slice(schemeText.length + 1));
  const [, authorityText = '', path = '', query = '', fragment = ''] = parts ?? [];
  const at = authorityText.lastIndexOf('@');
  const authority = authorityText.slice(at + 1);
  const { host, port } = parseAuthority(authority, parseError);
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(path)?.[0];
  if (badEscape !== undefined) return parseError(`invalid URL escape ${quoteGo(badEscape)}`);
  const userInfo = at < 0 ? undefined : parseUserInfo(authorityText.slice(0, at));
  const escapedPath = percentEncode(path);
  const shownUser = userInfo === undefined ? '' : `${userInfo.user}${userInfo.password === undefined ? '' : ':***'}@`;
  const text = `${scheme}://${shownUser}${authority}${escapedPath}${query}${fragment}`;
  if (scheme !== 'http' && scheme !== 'https') return useError(text, `unsupported protocol scheme ${quoteGo(scheme)}`);
  if (authority === '') return useError(text, 'http: no Host in request URL');
  if (port !== undefined && port > 65535) return useError(text, `dial tcp: address ${port}: invalid port`);
  const target = { host, port: port ?? (scheme === 'https' ? 443 : 80) };
  const requestPath = `${escapedPath === '' ? '/' : escapedPath}${percentEncode(query)}`;
  return { scheme, userInfo, authority, target, requestPath, text };
}

function parseAuthority(
  authority: string,
  fail: (reason: string) => never,
): { host: string; port: number | undefined } {
  if (authority.startsWith('[')) {
    const end = authority.indexOf(']');
    if (end < 0) return fail("missing ']' in host");
    return { host: authority.slice(1, end), port: parsePort(authority.slice(end + 1), fail) };
  }
  const bad = /[ "<>\\^`{|}]/.exec(authority)?.[0];
  if (bad !== undefined) return fail(`invalid character ${quoteGo(bad)} in host name`);
  const colon = authority.indexOf(':');
  if (colon < 0) return { host: authority, port: undefined };
  return { host: authority.slice(0, colon), port: parsePort(authority.slice(authority.lastIndexOf(':')), fail) };
}

function parsePort(text: string, fail: (reason: string) => never): number | undefined {
  if (text === '' || text === ':') return undefined;
  if (!/^:\d+$/.test(text)) return fail(`invalid port ${quoteGo(text)} after host`);
  return Number(text.slice(1));
}

function parseUserInfo(text: string): { user: string; password: string | undefined } {
  const colon = text.indexOf(':');
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  if (colon < 0) return { user: decode(text), password: undefined };
  return { user: decode(text.slice(0, colon)), password: decode(text.slice(colon + 1)) };
}

/** Percent-encodes what may not stand in a request line, and nothing else. */
function percentEncode(text: string): string {
  return text.replace(/[^\u0021-\u007e]|["<>\\^`{|}]/gu, (c) => encodeURIComponent(c));
}
