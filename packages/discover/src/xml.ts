/** An element of a document: its children by name, and the text directly inside it. */
export class Element {
  readonly name: string;
  readonly children: Element[] = [];
  text = '';

  constructor(name: string) {
    this.name = name;
  }

  /** The first element along a path of names. */
  find(...path: readonly string[]): Element | undefined {
    let at: Element | undefined = this;
    for (const name of path) at = at?.children.find((child) => child.name === name);
    return at;
  }

  all(name: string): readonly Element[] {
    return this.children.filter((child) => child.name === name);
  }

  textOf(...path: readonly string[]): string {
    return this.find(...path)?.text.trim() ?? '';
  }
}

/** Deepest nesting that is followed. */
const DEPTH_MAX = 100;

const TOKEN =
  /<!\[CDATA\[([\s\S]*?)\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\w[^>]*>|<(\/?)([^\s/>]+)[^>]*?(\/?)>|([^<]+)/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const plain = (text: string): string => text.replace(/&(\w+);/g, (all, name: string) => ENTITIES[name] ?? all);
const local = (name: string): string => name.slice(name.indexOf(':') + 1);

/**
 * The elements and texts of an XML document, as answers of cloud APIs need them: attributes are passed over, prefixes of
 * names dropped. What is not well-formed gives what could be read of it.
 */
export function parseXml(document: string): Element {
  const root = new Element('');
  const open = [root];
  for (const [, cdata, slash, name, empty, text] of document.matchAll(TOKEN)) {
    const top = open.at(-1) as Element;
    if (cdata !== undefined) top.text += cdata;
    else if (text !== undefined) top.text += plain(text);
    else if (name === undefined) continue;
    else if (slash === '/') {
      if (open.length > 1) open.pop();
    } else if (open.length < DEPTH_MAX) {
      const child = new Element(local(name));
      top.children.push(child);
      if (empty !== '/') open.push(child);
    }
  }
  return root;
}
