import { errorText, NetworkError } from '@proconsul/base';
import type { IpPort } from '@proconsul/config';
import type { Serf } from '@proconsul/serf';

/** What the reference agent puts around the error of a port that is taken. Source: recorded start errors. */
export const LAN_WRAPPING =
  'Failed to create memberlist: Could not set up network transport: failed to obtain an address: ';
export const WAN_WRAPPING = '';

/** Opens a pool's sockets and files. `what` is the pool as errors name it. */
export async function startPool(
  pool: Serf | undefined,
  what: string,
  bind: IpPort | undefined,
  wrapping: string,
): Promise<void> {
  try {
    await pool?.start();
  } catch (error) {
    const where =
      error instanceof NetworkError
        ? `${wrapping}Failed to start TCP listener on "${bind?.ip}" port ${bind?.port}: `
        : '';
    throw new Error(`Failed to start ${what}: ${where}${errorText(error)}`);
  }
}
