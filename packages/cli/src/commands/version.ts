import { BUILD_DATE, CONSUL_VERSION, PROCONSUL_VERSION, PROTOCOL_VERSIONS, REVISION } from '@proconsul/base';
import { command } from '../command.ts';
import { toGoJson } from '../go-json.ts';

export const version = command({
  name: 'version',
  args: '[options]',
  help: '',
  flags: { format: { kind: 'string', default: 'pretty', doc: 'Output format {pretty|json}' } },
  async run(c) {
    switch (c.flags.format) {
      case 'pretty':
        c.print(`${prettyVersion()}\n`);
        return 0;
      case 'json':
        c.print(toGoJson(versionInfo(), '   '));
        return 0;
      default:
        return c.fail(`Unknown format: ${c.flags.format}`);
    }
  },
});

/** What parsers know comes first and as they know it; our own version is the last line. */
function prettyVersion(): string {
  const lines = [`Consul v${CONSUL_VERSION}`];
  if (REVISION !== '') lines.push(`Revision ${REVISION}`);
  const { default: spoken, min, max } = PROTOCOL_VERSIONS;
  lines.push(
    `Build Date ${BUILD_DATE}`,
    `Protocol ${spoken} spoken by default, understands ${min} to ${max} ` +
      `(agent will automatically use protocol >${spoken} when speaking to compatible agents)`,
    `Proconsul v${PROCONSUL_VERSION}`,
  );
  return lines.join('\n');
}

function versionInfo(): object {
  const { default: spoken, min, max } = PROTOCOL_VERSIONS;
  return {
    Version: CONSUL_VERSION,
    Revision: REVISION,
    Prerelease: '',
    BuildDate: BUILD_DATE,
    RPC: { Default: spoken, Min: min, Max: max },
    Proconsul: PROCONSUL_VERSION,
  };
}
