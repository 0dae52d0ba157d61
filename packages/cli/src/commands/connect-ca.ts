import { readFileSync } from 'node:fs';
import { GoJsonError, parseJsonDocument } from '@proconsul/gojson';
import { command } from '../command.ts';
import { fileError } from '../go-error.ts';
import { sortedMap, toGoJson } from '../go-json.ts';

const PATH = '/v1/connect/ca/configuration';

export const connectCaGetConfig = command({
  name: 'connect ca get-config',
  args: '[options]',
  help: 'Shows how the certificate authority of the mesh is run, as JSON.',
  http: { server: true },
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
  flags: { 'config-file': { kind: 'string', doc: 'File with the new configuration, as JSON.' } },
  async run(c) {
    const file = c.flags['config-file'];
    if (file === '') return c.fail('The -config-file flag is required');
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      return c.fail(`Error reading config file: ${fileError(error, 'open', file)}`);
    }
    try {
      parseJsonDocument(text);
    } catch (error) {
      if (!(error instanceof GoJsonError)) throw error;
      return c.fail(`Error parsing config file: ${error.message}`);
    }
    const { http } = c.consul;
    // As it is, so that numbers keep their digits.
    await c.attempt('Error setting CA configuration: ', () => http.write('PUT', PATH, new TextEncoder().encode(text)));
    c.print('Configuration updated!');
    return 0;
  },
});
