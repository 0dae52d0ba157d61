import {
  type CommonArgs,
  EndpointError,
  type IntentionPair,
  Intentions,
  invalid,
  type ReadMethod,
} from '@proconsul/endpoints';
import type { Intention } from '@proconsul/schema';
import { type Dep, recordsOf, type Store, several, textOf } from '@proconsul/store';
import { intentionsOf } from './intentions.ts';
import type { ReadHandler } from './reads.ts';
import type { Answer } from './views.ts';

/*
 * Which intentions apply to whom. Names of destinations compare without regard to case, as names of config entries do; those
 * of sources do not. Source: answers of the reference to the same questions.
 */

const WILDCARD = '*';

const all = (store: Store) => intentionsOf(store.config.list('service-intentions'));
const isTo = (name: string, wanted: string): boolean => name.toLowerCase() === wanted.toLowerCase();

/** By the side that is asked for. Throws EndpointError. */
function sideOf(type: string): (intention: Intention, name: string) => boolean {
  switch (type) {
    case 'destination':
      return ({ DestinationName }, name) => DestinationName === WILDCARD || isTo(DestinationName, name);
    case 'source':
      return ({ SourceName }, name) => SourceName === WILDCARD || SourceName === name;
    default:
      throw invalid(`invalid intention match type: ${type}`);
  }
}

function exactFault({ SourceName, DestinationName }: IntentionPair): string | null {
  const missing = [];
  if (SourceName === '') missing.push('SourceName is missing');
  if (DestinationName === '') missing.push('DestinationName is missing');
  return several(missing);
}

const notFound = () => new EndpointError('INTENTION_NOT_FOUND', 'Intention not found', 404);
const ID_LENGTH = 36;

/** The one with an id, or between two services. Throws EndpointError. */
function oneOf(found: readonly Intention[], id: string, exact: IntentionPair | null): Intention {
  const fault = exact === null ? null : exactFault(exact);
  if (fault !== null) throw invalid(fault);
  if (exact === null && id !== '' && id.length !== ID_LENGTH) {
    throw invalid('failed config entry lookup: index error: UUID must be 36 characters');
  }
  const one = found.find((intention) =>
    exact === null
      ? id !== '' && textOf(intention['ID']) === id.toLowerCase()
      : intention.SourceName === exact.SourceName && isTo(intention.DestinationName, exact.DestinationName),
  );
  if (one === undefined) throw notFound();
  return one;
}

/** The most precise one decides; one with permissions decides about requests, and allows no connection as such. */
function isAllowed(found: readonly Intention[], pair: IntentionPair, otherwise: boolean): boolean {
  const deciding = found.find(
    ({ SourceName, DestinationName }) =>
      (SourceName === WILDCARD || SourceName === pair.SourceName) &&
      (DestinationName === WILDCARD || isTo(DestinationName, pair.DestinationName)),
  );
  if (deciding === undefined) return otherwise;
  return recordsOf(deciding['Permissions']).length === 0 && deciding['Action'] === 'allow';
}

/** Read methods by name. `otherwise`: whether services may connect that no intention speaks of. */
export function intentionReads(otherwise: boolean): ReadonlyMap<string, ReadHandler> {
  const t = new Map<string, ReadHandler>();
  const add = <A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    handler: (store: Store, args: A) => Answer<T, Dep>,
  ): void => {
    t.set(method.name, handler as unknown as ReadHandler);
  };
  add(Intentions.Match, (s, { Type, Names }) => {
    const { value, ...answer } = all(s);
    const applies = Names.length === 0 ? () => false : sideOf(Type);
    return { ...answer, value: Names.map((name) => value.filter((intention) => applies(intention, name))) };
  });
  add(Intentions.Get, (s, { IntentionID, Exact }) => {
    const { value, ...answer } = all(s);
    return { ...answer, value: [oneOf(value, IntentionID, Exact)] };
  });
  add(Intentions.Check, (s, args) => {
    if (args.SourceType !== 'consul') throw invalid(`unsupported SourceType: ${JSON.stringify(args.SourceType)}`);
    const { value, ...answer } = all(s);
    return { ...answer, value: isAllowed(value, args, otherwise) };
  });
  return t;
}
