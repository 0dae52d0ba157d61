import { readFileSync } from 'node:fs';
import { GoJsonError, parseJsonDocument } from '@proconsul/gojson';
import { command } from '../command.ts';
import { readError } from '../go-error.ts';
import { sortedMap, toGoJson } from '../go-json.ts';
import { FLAG_ERROR_PREFIX } from './raft.ts';

const PATH = '/v1/connect/ca/configuration';

export const connectCaGetConfig = command({
  name: 'connect ca get-config',
  args: '[options]',
  help: 'Shows how the certificate authority of the mesh is run, as JSON.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {},
  async run(c) {
    const { http } = c.consul;
    const prefix = 'Error querying CA configuration: ';
    const { value } = await c.attempt(prefix, () => http.read<Record<string, unknown>>(PATH, {}));
    const { Config } = value;
    const shown = {
      ...value,
      Config: typeof Config === 'object' && Config !== null ? sortedMap(Config as Record<string, unknown>) : Config,
    };
    c.print(toGoJson(shown, '\t'));
    return 0;
  },
});

export const connectCaSetConfig = command({
  name: 'connect ca set-config',
  args: '[options]',
  help: 'Changes how the certificate authority of the mesh is run.\n\n    $ consul connect ca set-config -config-file ca.json',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {
    'config-file': { kind: 'string', type: 'value', doc: 'File with the new configuration, as JSON.' },
    'force-without-cross-signing': {
      kind: 'bool',
      doc: 'Change the root also where the old one cannot sign the new one: connections fail until all have it.',
    },
  },
  async run(c) {
    const file = c.flags['config-file'];
    if (file === '') return c.fail('The -config-file flag is required');
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      return c.fail(`Error reading config file: ${readError(error, file)}`);
    }
    try {
      parseJsonDocument(text);
    } catch (error) {
      if (!(error instanceof GoJsonError)) throw error;
      return c.fail(`Error parsing config file: ${error.message}`);
    }
    const { http } = c.consul;
    const body = new TextEncoder().encode(c.flags['force-without-cross-signing'] ? forced(text) : text);
    await c.attempt('Error setting CA configuration: ', () => http.write('PUT', PATH, body));
    c.print('Configuration updated!');
    return 0;
  },
});

/** The object as it is, so that numbers keep their digits, with one member more; the last one of a name counts. */
function forced(text: string): string {
  const members = text.trim().slice(1, -1).trim();
  return `{${members}${members === '' ? '' : ','}"ForceWithoutCrossSigning":true}`;
}
