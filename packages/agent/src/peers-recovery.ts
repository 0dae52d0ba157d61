import { type Clock, type Disk, errorText, fromUtf8, type Log, type Rng, readIfThere, utf8 } from '@proconsul/base';
import {
  decodePeersJson,
  msgpackConfiguration,
  RAFT_DEFAULTS,
  recoverConfiguration,
  type StateMachine,
} from '@proconsul/raft';

/** Where an operator puts the servers of a cluster that lost its quorum for good. Source: outage recovery documentation. */
export const PEERS_FILE = 'raft/peers.json';
/** Tells that this server has been started before: only then a peers file is believed. */
export const PEERS_INFO_FILE = 'raft/peers.info';

const PEERS_INFO = `The file peers.json recovers a cluster that has lost the majority of its servers for good. It is not there while
everything works.

It is a JSON array of the servers that the cluster shall consist of from now on:

[
  {
    "id": "adf4238a-882b-9ddc-4a9d-5b6758e4159e",
    "address": "10.1.0.1:8300",
    "non_voter": false
  }
]

"id" is the node ID of the server: the content of the file node-id in its data directory. "address" is its address and
port for RPC. "non_voter" may be left out; it is false then.

Stop all servers, put the same peers.json into the raft folder of each of them, and start them. Each one takes the
servers of the file for its configuration, keeps what it has stored, and deletes the file.

At the first start of a server this file is made, and a peers.json that is there already is deleted unread.
`;

export interface PeersRecoveryDependencies {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Of the server. */
  readonly log: Log;
  /** A state machine for nothing but this. */
  machine(): StateMachine;
}

/** To be called before Raft opens its files. Rejects when there is a peers file that cannot be followed. */
export async function recoverFromPeersFile(d: PeersRecoveryDependencies): Promise<void> {
  const { disk, clock, rng, log } = d;
  const isKnown = (await read(disk, PEERS_INFO_FILE)) !== undefined;
  const text = await read(disk, PEERS_FILE);
  if (!isKnown) {
    if (text !== undefined) {
      await disk.remove(PEERS_FILE);
      log.info('deleted peers.json file of the time before the first start');
    }
    await disk.mkdir('raft', 0o700);
    await disk.writeAtomic(PEERS_INFO_FILE, utf8(PEERS_INFO), 0o755);
    return;
  }
  if (text === undefined) return;
  log.info('found peers.json file, recovering Raft configuration...');
  const configuration = parsed(text);
  const deps = { disk, clock, rng, log: log.named('raft'), codec: msgpackConfiguration, machine: d.machine() };
  try {
    await recoverConfiguration(RAFT_DEFAULTS, deps, configuration);
  } catch (error) {
    throw new Error(`recovery failed: ${errorText(error)}`);
  }
  await disk.remove(PEERS_FILE);
  log.info('deleted peers.json file after successful recovery');
}

function parsed(text: string) {
  try {
    return decodePeersJson(text);
  } catch (error) {
    throw new Error(`recovery failed to parse peers.json: ${errorText(error)}`);
  }
}

async function read(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await readIfThere(disk, path);
  return bytes && fromUtf8(bytes);
}
