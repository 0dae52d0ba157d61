/** Lines that are read; a kubeconfig has some dozens. */
const LINES_MAX = 100_000;

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Blanks at the end and comments are no part of a line. */
function linesOf(document: string): Line[] {
  return document
    .split(/\r?\n/, LINES_MAX)
    .filter((line) => !/^\s*(#|$)/.test(line) && !/^(---|\.\.\.)\s*$/.test(line))
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }));
}

function scalar(text: string): unknown {
  const quoted = /^"(?:[^"\\]|\\.)*"/.exec(text) ?? /^'(?:[^']|'')*'/.exec(text);
  if (quoted !== null) {
    if (quoted[0].startsWith("'")) return quoted[0].slice(1, -1).replaceAll("''", "'");
    try {
      return JSON.parse(quoted[0]);
    } catch {
      return quoted[0].slice(1, -1);
    }
  }
  const plain = text.replace(/\s+#.*$/, '').trim();
  if (plain === '{}') return {};
  if (plain === '[]') return [];
  if (plain === 'true' || plain === 'false') return plain === 'true';
  return plain === 'null' || plain === '~' || plain === '' ? null : plain;
}

const PAIR = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'[\]{}#][^#]*?)\s*:(?:\s+(.*))?$/;

/**
 * The part of YAML that configuration files like a kubeconfig are written in: blocks of maps and lists, and scalars. Every
 * number stays a text. JSON is read too. What else YAML has (anchors, tags, folded text) is not understood.
 */
export function parseYaml(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    // Not JSON then.
  }
  const lines = linesOf(document);
  let at = 0;

  const block = (indent: number): unknown => {
    const first = lines[at];
    if (first === undefined || first.indent < indent) return null;
    return first.text === '-' || first.text.startsWith('- ') ? list(first.indent) : map(first.indent);
  };
  const list = (indent: number): unknown[] => {
    const out: unknown[] = [];
    for (let line = lines[at]; line !== undefined; line = lines[at]) {
      if (line.indent !== indent || !(line.text === '-' || line.text.startsWith('- '))) break;
      const rest = line.text.slice(1).trimStart();
      const inner = indent + line.text.length - rest.length;
      if (rest === '') {
        at++;
        out.push(block(indent + 1));
      } else if (PAIR.test(rest)) {
        // The first pair of a map stands behind the dash.
        lines[at] = { indent: inner, text: rest };
        out.push(map(inner));
      } else {
        at++;
        out.push(scalar(rest));
      }
    }
    return out;
  };
  const map = (indent: number): Record<string, unknown> => {
    const out: Record<string, unknown> = Object.create(null);
    for (let line = lines[at]; line !== undefined && line.indent === indent; line = lines[at]) {
      const pair = PAIR.exec(line.text);
      if (pair === null) break;
      at++;
      const key = String(scalar(pair[1] as string));
      const value = (pair[2] ?? '').replace(/^#.*$/, '');
      // A list may begin at the indentation of its key.
      const isList = lines[at]?.indent === indent && /^-( |$)/.test(lines[at]?.text ?? '');
      out[key] = value === '' ? block(isList ? indent : indent + 1) : scalar(value);
    }
    return out;
  };
  return block(0);
}
