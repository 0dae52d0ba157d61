/** A log that keeps what it is told, as `LEVEL message {fields}`, below the name of its module if it has one. */
export function keptLog(lines: string[], module = '') {
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push(`${level} ${module}${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
  };
  return {
    trace: at('TRACE'),
    debug: at('DEBUG'),
    info: at('INFO'),
    warn: at('WARN'),
    error: at('ERROR'),
    named: (name: string) => keptLog(lines, `${module}${name}: `),
  };
}
