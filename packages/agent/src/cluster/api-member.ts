import type { Member } from '@proconsul/http-api';
import type { SerfMember } from '@proconsul/serf';

/** Member states as the API numbers them. Source: HTTP API, agent members. */
export const MemberStatus = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 } as const;

/** A member of a pool as `/v1/agent/members` shows it. */
export function apiMember(m: SerfMember): Member {
  const [ProtocolMin, ProtocolMax, ProtocolCur] = m.protocol;
  const [DelegateMin, DelegateMax, DelegateCur] = m.delegate;
  return {
    Name: m.name,
    Addr: m.address,
    Port: m.port,
    Tags: m.tags,
    Status: MemberStatus[m.status],
    ProtocolMin,
    ProtocolMax,
    ProtocolCur,
    DelegateMin,
    DelegateMax,
    DelegateCur,
  };
}
