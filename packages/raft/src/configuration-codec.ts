import { ProtocolError } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';
import { CONFIGURATION_MAX_SERVERS, type ConfigurationCodec, type Server, type Suffrage } from './configuration.ts';

/** Numbers of the suffrages on the log. Source: raft wire, section 1. */
export const SUFFRAGES: readonly Suffrage[] = ['voter', 'nonvoter', 'staging'];

function readServer(r: Reader): Server {
  let address = '';
  let id = '';
  let suffrage: Suffrage = 'voter';
  const fields = r.mapHeader();
  for (let i = 0; i < fields; i++) {
    const key = r.str();
    if (key === 'Address') address = r.isNil() ? '' : r.str();
    else if (key === 'ID') id = r.isNil() ? '' : r.str();
    else if (key === 'Suffrage') {
      const word = SUFFRAGES[r.int()];
      if (word === undefined) throw new ProtocolError('RAFT_SUFFRAGE', 'unknown suffrage');
      suffrage = word;
    } else r.skip();
  }
  return { id, address, suffrage };
}

/** A configuration as Consul's log has it: a map `Servers` of maps `Address`, `ID`, `Suffrage`. Source: raft wire, section 1. */
export const msgpackConfiguration: ConfigurationCodec = {
  encode({ servers }) {
    const w = new Writer('raft');
    w.mapHeader(1);
    w.key('Servers');
    w.arrayHeader(servers.length);
    for (const { id, address, suffrage } of servers) {
      w.mapHeader(3);
      w.key('Address');
      w.str(address);
      w.key('ID');
      w.str(id);
      w.key('Suffrage');
      w.int(SUFFRAGES.indexOf(suffrage));
    }
    return w.finish();
  },
  decode(bytes) {
    const r = new Reader(bytes);
    const servers: Server[] = [];
    const fields = r.mapHeader();
    for (let i = 0; i < fields; i++) {
      if (r.str() !== 'Servers') {
        r.skip();
        continue;
      }
      const count = r.arrayHeader();
      if (count > CONFIGURATION_MAX_SERVERS)
        throw new ProtocolError('RAFT_SERVERS', `${count} servers in one configuration`);
      for (let n = 0; n < count; n++) servers.push(readServer(r));
    }
    return { servers };
  },
};
