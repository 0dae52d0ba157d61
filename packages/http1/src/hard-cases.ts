/** One request or attack, and what must come of it. */
export interface HardCase {
  readonly name: string;
  readonly bytes: string;
  /** `METHOD target body` of each request, in order; then the status of the fault, or `more` when the parser waits. */
  readonly expect: readonly string[];
}

const GET = 'GET / HTTP/1.1\r\n';
const PUT = 'PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\n';
const CHUNKED = `${PUT}Transfer-Encoding: chunked\r\n\r\n`;
const ok = 'GET / ';

const good: HardCase[] = [
  { name: 'a plain request', bytes: `${GET}Host: h\r\n\r\n`, expect: [ok, 'more'] },
  { name: 'two in one packet', bytes: `${GET}Host: h\r\n\r\n`.repeat(2), expect: [ok, ok, 'more'] },
  { name: 'a body of known length', bytes: `${PUT}Content-Length: 3\r\n\r\nabc`, expect: ['PUT /v1/kv/a abc', 'more'] },
  {
    name: 'a request after a body',
    bytes: `${PUT}Content-Length: 3\r\n\r\nabc${GET}Host: h\r\n\r\n`,
    expect: ['PUT /v1/kv/a abc', ok, 'more'],
  },
  { name: 'an empty body', bytes: `${PUT}Content-Length: 0\r\n\r\n`, expect: ['PUT /v1/kv/a ', 'more'] },
  { name: 'chunks', bytes: `${CHUNKED}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`, expect: ['PUT /v1/kv/a abcde', 'more'] },
  {
    name: 'chunks with extensions and trailers',
    bytes: `${CHUNKED}3;x=y;z="q"\r\nabc\r\n000\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n`,
    expect: ['PUT /v1/kv/a abc', 'more'],
  },
  {
    name: 'upper-case sizes',
    bytes: `${CHUNKED}A\r\n0123456789\r\n0\r\n\r\n`,
    expect: ['PUT /v1/kv/a 0123456789', 'more'],
  },
  { name: 'names in any case', bytes: `${GET}hOST:h\r\nCONTENT-LENGTH:0\r\n\r\n`, expect: [ok, 'more'] },
  { name: 'HTTP/1.0 without Host', bytes: 'GET / HTTP/1.0\r\n\r\n', expect: [ok, 'more'] },
  { name: 'an empty Host', bytes: `${GET}Host:\r\n\r\n`, expect: [ok, 'more'] },
  { name: 'blanks around a value', bytes: `${GET}Host: \t h \t\r\n\r\n`, expect: [ok, 'more'] },
  { name: 'an absolute form', bytes: 'GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n', expect: ['GET /a?b ', 'more'] },
  { name: 'an absolute form without path', bytes: 'GET http://h HTTP/1.1\r\nHost: h\r\n\r\n', expect: [ok, 'more'] },
  { name: 'an asterisk', bytes: 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n', expect: ['OPTIONS * ', 'more'] },
  { name: 'CONNECT', bytes: 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n', expect: ['CONNECT h:80 ', 'more'] },
  {
    name: 'an upgrade nobody asked for',
    bytes: `${GET}Host: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`,
    expect: [ok, 'more'],
  },
  { name: 'one empty line before', bytes: `\r\n${GET}Host: h\r\n\r\n`, expect: [ok, 'more'] },
  { name: 'obs-text in a value', bytes: `${GET}Host: h\r\nX: \xe9\xff\r\n\r\n`, expect: [ok, 'more'] },
  { name: 'an empty value', bytes: `${GET}Host: h\r\nX:\r\n\r\n`, expect: [ok, 'more'] },
  {
    name: 'Expect: 100-continue',
    bytes: `${PUT}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx`,
    expect: ['PUT /v1/kv/a x', 'more'],
  },
  { name: 'half a request', bytes: `${GET}Host: h\r\n`, expect: ['more'] },
  { name: 'half a body', bytes: `${PUT}Content-Length: 3\r\n\r\nab`, expect: ['more'] },
  { name: 'nothing', bytes: '', expect: ['more'] },
];

const bad = (name: string, status: number, bytes: string): HardCase => ({ name, bytes, expect: [String(status)] });
const badHeader = (name: string, line: string, status = 400): HardCase =>
  bad(name, status, `${GET}Host: h\r\n${line}\r\n\r\n`);
const badChunk = (name: string, rest: string, status = 400): HardCase => bad(name, status, CHUNKED + rest);

const smuggling: HardCase[] = [
  bad(
    'Content-Length and Transfer-Encoding',
    400,
    `${PUT}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  bad(
    'Transfer-Encoding and Content-Length',
    400,
    `${PUT}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
  ),
  bad('two lengths that differ', 400, `${PUT}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`),
  bad('two lengths that agree', 400, `${PUT}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`),
  bad('a list of lengths', 400, `${PUT}Content-Length: 3, 3\r\n\r\nabc`),
  bad('a signed length', 400, `${PUT}Content-Length: +3\r\n\r\nabc`),
  bad('a negative length', 400, `${PUT}Content-Length: -3\r\n\r\nabc`),
  bad('a hexadecimal length', 400, `${PUT}Content-Length: 0x3\r\n\r\nabc`),
  bad('a length with a blank inside', 400, `${PUT}Content-Length: 3 3\r\n\r\nabc`),
  bad('an empty length', 400, `${PUT}Content-Length:\r\n\r\n`),
  bad('a length beyond everything', 400, `${PUT}Content-Length: 99999999999999999999\r\n\r\n`),
  bad('a coding before chunked', 501, `${PUT}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
  bad('a coding after chunked', 501, `${PUT}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`),
  bad('another coding', 501, `${PUT}Transfer-Encoding: identity\r\n\r\n`),
  bad('a coding in disguise', 501, `${PUT}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`),
  bad('a quoted coding', 501, `${PUT}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`),
  bad('an empty coding', 501, `${PUT}Transfer-Encoding:\r\n\r\n`),
  bad('two codings', 400, `${PUT}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  bad('chunked in HTTP/1.0', 400, 'PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  bad('a blank before the colon', 400, `${PUT}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`),
  bad('a vertical tab before the coding', 400, `${PUT}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`),
];

const lines: HardCase[] = [
  badHeader('a folded line', 'X: a\r\n b'),
  bad('a folded first line', 400, `${GET} Host: h\r\n\r\n`),
  bad('bare LF after the request line', 400, 'GET / HTTP/1.1\nHost: h\r\n\r\n'),
  bad('bare LF after a header', 400, `${GET}Host: h\nX: y\r\n\r\n`),
  bad('bare LF at the end', 400, `${GET}Host: h\r\n\n`),
  bad('bare LF in a value', 400, `${GET}Host: h\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n`),
  badHeader('bare CR in a value', 'X: a\rb'),
  badHeader('CR at the end of a value', 'X: a\r'),
  badHeader('NUL in a value', 'X: a\0b'),
  badHeader('DEL in a value', 'X: a\x7fb'),
  badHeader('a control character in a value', 'X: a\x01b'),
  badHeader('NUL in a name', 'X\0: a'),
  badHeader('a name with a blank', 'X Y: a'),
  badHeader('a name beyond ASCII', 'X\xe9: a'),
  badHeader('a name in brackets', '(X): a'),
  badHeader('no name', ': a'),
  badHeader('no colon', 'nonsense'),
  bad('CR in the request line', 400, 'GET /\r HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('CR before CRLF', 400, 'GET / HTTP/1.1\r\r\nHost: h\r\n\r\n'),
  bad('two empty lines before', 400, `\r\n\r\n${GET}Host: h\r\n\r\n`),
];

const heads: HardCase[] = [
  bad('no Host', 400, `${GET}\r\n`),
  bad('two Hosts', 400, `${GET}Host: a\r\nHost: b\r\n\r\n`),
  bad('a Host with a blank', 400, `${GET}Host: a b\r\n\r\n`),
  bad('a Host with a slash', 400, `${GET}Host: a/b\r\n\r\n`),
  bad('a Host with user information', 400, `${GET}Host: a@b\r\n\r\n`),
  bad('an absolute form without Host', 400, 'GET http://h/ HTTP/1.1\r\n\r\n'),
  bad('an absolute form of another scheme', 400, 'GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('an absolute form with user information', 400, 'GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('an asterisk with GET', 400, 'GET * HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a target without slash', 400, 'GET v1/status HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('CONNECT to a path', 400, 'CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('no target', 400, 'GET HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('two blanks before the target', 400, 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('two blanks after the target', 400, 'GET /  HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a tab for a blank', 400, 'GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a blank in the target', 400, 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a control character in the target', 400, 'GET /a\x01 HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('NUL in the target', 400, 'GET /a\0 HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a bad escape in the path', 400, 'GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('half an escape in the path', 400, 'GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a method with brackets', 400, 'G(T / HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('a method without end', 400, `${'A'.repeat(33)} / HTTP/1.1\r\nHost: h\r\n\r\n`),
  bad('a blank before the method', 400, ' GET / HTTP/1.1\r\nHost: h\r\n\r\n'),
  bad('no version', 400, 'GET /\r\nHost: h\r\n\r\n'),
  bad('HTTP/0.9 style', 400, 'GET /\r\n'),
  bad('a lower-case version', 400, 'GET / http/1.1\r\nHost: h\r\n\r\n'),
  bad('a version with leading zeros', 400, 'GET / HTTP/01.1\r\nHost: h\r\n\r\n'),
  bad('a version of three parts', 400, 'GET / HTTP/1.1.1\r\nHost: h\r\n\r\n'),
  bad('a blank after the version', 400, 'GET / HTTP/1.1 \r\nHost: h\r\n\r\n'),
  bad('another protocol', 400, 'GET / RTSP/1.0\r\nHost: h\r\n\r\n'),
  bad('HTTP/2 without TLS', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.replace('PRI *', 'GET /')),
  bad('HTTP/0.9 by name', 505, 'GET / HTTP/0.9\r\n\r\n'),
  bad('HTTP/1.2', 505, `GET / HTTP/1.2\r\nHost: h\r\n\r\n`),
  bad('a TLS handshake', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n'),
  bad('another expectation', 417, `${PUT}Expect: magic\r\nContent-Length: 0\r\n\r\n`),
];

const chunks: HardCase[] = [
  badChunk('a size that is no number', 'zz\r\n'),
  badChunk('no size', '\r\nabc\r\n'),
  badChunk('a blank before the size', ' 3\r\nabc\r\n0\r\n\r\n'),
  badChunk('a blank after the size', '3 \r\nabc\r\n0\r\n\r\n'),
  badChunk('a signed size', '+3\r\nabc\r\n0\r\n\r\n'),
  badChunk('a size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'),
  badChunk('a size beyond everything', 'fffffffffffffffff\r\n'),
  badChunk('a size with an underscore', '1_0\r\n'),
  badChunk('bare LF after the size', '3\nabc\r\n0\r\n\r\n'),
  badChunk('bare CR after the size', '3\rabc\r\n0\r\n\r\n'),
  badChunk('NUL in an extension', '3;a\0b\r\nabc\r\n0\r\n\r\n'),
  badChunk('bare LF in an extension', '3;a\nb\r\nabc\r\n0\r\n\r\n'),
  badChunk('more data than the size', '3\r\nabcd\r\n0\r\n\r\n'),
  badChunk('bare LF after the data', '3\r\nabc\n0\r\n\r\n'),
  badChunk('CR and no LF after the data', '3\r\nabc\rX0\r\n\r\n'),
  badChunk('bare LF after the last chunk', '0\n\n'),
  badChunk('a trailer without colon', '0\r\nnonsense\r\n\r\n'),
  badChunk('a folded trailer', '0\r\nX: a\r\n b\r\n\r\n'),
  badChunk('a length in the trailer', '0\r\nContent-Length: 3\r\n\r\n'),
  badChunk('a coding in the trailer', '0\r\nTransfer-Encoding: chunked\r\n\r\n'),
  badChunk('a Host in the trailer', '0\r\nHost: other\r\n\r\n'),
  badChunk('bare LF in the trailer', '0\r\nX: a\n\r\n'),
  badChunk('extensions without end', `1;${'x'.repeat(20_000)}`),
  badChunk('a trailer without end', `0\r\nX: ${'x'.repeat(20_000)}`, 431),
];

const limits: HardCase[] = [
  bad('a target beyond the limit', 414, `GET /${'a'.repeat(140_000)} HTTP/1.1\r\nHost: h\r\n\r\n`),
  bad('a head beyond the limit', 431, `${GET}Host: h\r\nX: ${'a'.repeat(300_000)}\r\n\r\n`),
  bad('a head without end', 431, `${GET}Host: h\r\nX: ${'a'.repeat(300_000)}`),
  bad('a request line without end', 431, `GET /${'a'.repeat(300_000)}`),
  bad('more headers than the limit', 431, `${GET}Host: h\r\n${'X: y\r\n'.repeat(1001)}\r\n`),
];

/**
 * Requests that parsers were fooled by, and what ours makes of them. Latin-1 texts.
 * Sources: RFC 9112 section 11 and the public literature on request smuggling; the cases are written for this project.
 */
export const hardCases: readonly HardCase[] = [...good, ...smuggling, ...lines, ...heads, ...chunks, ...limits];
