import { command } from '../command.ts';
import { goError } from '../go-error.ts';

export const validate = command({
  name: 'validate',
  args: '[options] FILE_OR_DIRECTORY...',
  help:
    'Reads configuration files as the agent would, and says whether it could start with them. Warnings go to standard\n' +
    'error.\n\n    $ consul validate /etc/consul.d',
  flagErrorPrefix: '',
  flags: {
    'config-format': { kind: 'string', doc: "Format of all files, whatever their extension: 'hcl' or 'json'." },
    explain: { kind: 'bool', doc: 'Also print where the value of each setting comes from, with secrets hidden.' },
    quiet: { kind: 'bool', doc: 'Print nothing when the configuration is valid.' },
  },
  async run(c) {
    const format = c.flags['config-format'];
    if (format !== '' && format !== 'hcl' && format !== 'json') {
      return c.fail("-config-format must be either 'hcl' or 'json");
    }
    if (c.args.length === 0) return c.fail('Must specify at least one config file or directory');
    const { loadConfig, ConfigError, describeDetail, explainText } = await import('@proconsul/config');
    const { configWorld } = await import('@proconsul/agent/config-world');
    const args = c.args.flatMap((file) => ['-config-file', file]);
    if (format !== '') args.push('-config-format', format);
    let loaded: ReturnType<typeof loadConfig>;
    try {
      loaded = loadConfig({ args, ...configWorld(c.io.env) });
    } catch (error) {
      c.warn(`Config validation failed: ${goError(error)}`);
      // Where it is, and what was probably meant: more than the reference tells, below what it tells.
      const details = error instanceof ConfigError ? error.details.map(describeDetail) : [];
      for (const line of details) if (line !== undefined) c.warn(line);
      return 1;
    }
    if (c.flags.quiet) return 0;
    c.print('Configuration is valid!');
    for (const warning of loaded.warnings) c.warn(warning);
    if (c.flags.explain) c.print(explainText(loaded.sources).trimEnd());
    return 0;
  },
});
