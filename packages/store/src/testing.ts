import {
  DeregisterRequest,
  DirEntry,
  HealthCheck,
  KVSRequest,
  MessageType,
  NodeService,
  RegisterRequest,
  Session,
  SessionRequest,
} from '@proconsul/schema';
import { type Command, encodeCommand } from './command.ts';
import type { ApplyResult } from './result.ts';
import { Store } from './store.ts';

/** Drives a store the way a server does: commands with rising indexes, each flushed. For tests and measurements. */
export class Driver {
  readonly store: Store;
  /** Index of the last command. */
  index = 0;
  /** Hands the decoded command over, as a leader does; false: only bytes, as on a follower. */
  readonly decoded: boolean;

  constructor(decoded = true, datacenter = 'dc1') {
    this.store = new Store({ datacenter });
    this.decoded = decoded;
  }

  apply(type: MessageType, request: unknown): ApplyResult {
    const data = encodeCommand(type, request);
    const command: Command = { type, request };
    const result = this.store.apply(++this.index, data, this.decoded ? command : undefined);
    this.store.flush();
    return result;
  }

  kv(Op: string, Key: string, given: Partial<DirEntry> = {}): ApplyResult {
    return this.apply(
      MessageType.KVS,
      KVSRequest.make({ Datacenter: 'dc1', Op, DirEnt: DirEntry.make({ Key, ...given }) }),
    );
  }

  set(key: string, value = ''): ApplyResult {
    return this.kv('set', key, { Value: new TextEncoder().encode(value) });
  }

  register(given: Partial<RegisterRequest>): ApplyResult {
    const { Node = 'n', Address = '10.0.0.1' } = given;
    return this.apply(MessageType.Register, RegisterRequest.make({ Datacenter: 'dc1', ...given, Node, Address }));
  }

  deregister(given: Partial<DeregisterRequest>): ApplyResult {
    return this.apply(MessageType.Deregister, DeregisterRequest.make({ Datacenter: 'dc1', ...given }));
  }

  createSession(ID: string, given: Partial<Session> = {}): ApplyResult {
    const session = Session.make({ ID, Node: 'n', Behavior: 'release', ...given });
    return this.apply(MessageType.Session, SessionRequest.make({ Op: 'create', Session: session }));
  }

  destroySession(ID: string): ApplyResult {
    return this.apply(MessageType.Session, SessionRequest.make({ Op: 'destroy', Session: Session.make({ ID }) }));
  }

  /** Whether the watch of an answer is called by what `change` does. */
  wakes(deps: Parameters<Store['watch']>[0], change: () => void): boolean {
    let woken = false;
    const stop = this.store.watch(deps, () => {
      woken = true;
    });
    change();
    stop();
    return woken;
  }
}

export function service(Service: string, given: Partial<NodeService> = {}): NodeService {
  return NodeService.make({ ID: Service, Service, ...given });
}

export function check(CheckID: string, given: Partial<HealthCheck> = {}): HealthCheck {
  return HealthCheck.make({ CheckID, Name: CheckID, Status: 'passing', ...given });
}
