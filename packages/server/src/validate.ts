import { durationError, formatDuration, parseDuration } from '@proconsul/base';
import { invalid } from '@proconsul/endpoints';
import {
  INVALID_ADDRESS,
  isUnspecified,
  type NodeService,
  type RegisterRequest,
  type Session,
  serviceFault,
} from '@proconsul/schema';

const UUID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;

/** The text of the UUID parser that clients see, or null when `text` is a UUID. */
export function uuidError(text: string): string | null {
  if (UUID.test(text)) return null;
  return text.length !== 36 ? 'uuid string is wrong length' : 'uuid is improperly formatted';
}

/** Checks a catalog registration and fills in what it leaves out. Source: recorded answers of catalog/register. */
export function checkRegistration(request: RegisterRequest): RegisterRequest {
  if (request.Node === '') throw invalid('Must provide node');
  if (request.ID !== '') {
    const error = uuidError(request.ID);
    if (error !== null) throw invalid(`Bad node ID: ${error}`);
  }
  if (request.Address === '' && !request.SkipNodeUpdate) {
    throw invalid('Must provide address if SkipNodeUpdate is not set');
  }
  const Service = request.Service === null ? null : withId(request.Service);
  const fault = Service === null ? undefined : instanceFault(Service);
  if (fault !== undefined) throw invalid(fault);
  const checks = [...(request.Checks ?? []), ...(request.Check === null ? [] : [request.Check])];
  return {
    ...request,
    ID: request.ID.toLowerCase(),
    Service,
    Check: null,
    Checks: checks.map((c) => ({
      ...c,
      CheckID: c.CheckID === '' ? c.Name : c.CheckID,
      Node: c.Node === '' ? request.Node : c.Node,
    })),
  };
}

/** An instance without an id is known by the name of its service. */
export const withId = (service: NodeService): NodeService =>
  service.ID === '' && service.Service !== '' ? { ...service, ID: service.Service } : service;

/** What is wrong with an instance that has its id; undefined when nothing is. Source: answers of the reference. */
export function instanceFault(service: NodeService): string | undefined {
  return serviceFault(service) ?? namesFault(service);
}

/** The part of it that transactions look at: not what its parts say of each other. */
export function namesFault(service: NodeService): string | undefined {
  if (service.ID !== '' && service.Service === '') {
    return 'Must provide service name (Service.Service) when service ID is provided';
  }
  return isUnspecified(service.Address) ? INVALID_ADDRESS : undefined;
}

const HOUR_NS = 3600e9;
/** Longest TTL of a session. Source: sessions documentation. */
export const SESSION_TTL_NS_MAX = 24 * HOUR_NS;

/** Checks a session that is to be created. `ttlMinNs` is the setting `session_ttl_min`. */
export function checkSession(session: Session, ttlMinNs: number): Session {
  if (session.Node === '') throw invalid('Must provide Node');
  const behavior = session.Behavior === '' ? 'release' : session.Behavior;
  if (behavior !== 'release' && behavior !== 'delete') throw invalid(`Invalid Behavior setting '${session.Behavior}'`);
  if (session.TTL !== '') {
    const ttl = parseDuration(session.TTL);
    if (ttl === undefined) throw invalid(`Session TTL '${session.TTL}' invalid: ${durationError(session.TTL)}`);
    if (ttl !== 0 && (ttl < ttlMinNs || ttl > SESSION_TTL_NS_MAX)) {
      throw invalid(
        `Invalid Session TTL '${ttl}', must be between [${formatDuration(ttlMinNs)}=${formatDuration(SESSION_TTL_NS_MAX)}]`,
      );
    }
  }
  return { ...session, Behavior: behavior };
}
