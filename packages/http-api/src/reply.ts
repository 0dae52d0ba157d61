import { indentJson } from '@proconsul/gojson';

export const JSON_TYPE = 'application/json';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

/** How JSON is laid out: compact, or with four spaces (`-dev`), or that and a newline at the end (`?pretty`). */
export type Layout = 'compact' | 'indented' | 'pretty';

export function layOut(json: string, layout: Layout): string {
  if (layout === 'compact') return json;
  const indented = indentJson(json);
  return layout === 'pretty' ? `${indented}\n` : indented;
}
