import { decodeBase64 } from '@proconsul/gojson';
import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, type Fields, isSet, recordOf, recordsOf, several, textOf } from '@proconsul/store';

export function exportedServicesFault(entry: ConfigEntry): Fault {
  for (const [i, service] of recordsOf(entry['Services']).entries()) {
    if (!isSet(service, 'Name')) return `Services[${i}]: service name cannot be empty`;
    const consumers = recordsOf(service['Consumers']);
    if (consumers.length === 0) return `Services[${i}]: must have at least one consumer`;
    for (const [j, consumer] of consumers.entries()) {
      const fault = consumerFault(consumer);
      if (fault !== null) return `Services[${i}].Consumers[${j}]: ${fault}`;
    }
  }
  return null;
}

function consumerFault(consumer: Fields): Fault {
  const given = ['Peer', 'Partition', 'SamenessGroup'].filter((field) => isSet(consumer, field));
  if (given.length > 1) return 'must define at most one of Peer, Partition, or SamenessGroup';
  if (given[0] === 'SamenessGroup') return 'sameness-groups are an enterprise-only feature';
  return textOf(consumer['Peer']) === '*' ? 'exporting to all peers (wildcard) is not supported' : null;
}

export function jwtProviderFault(entry: ConfigEntry): Fault {
  if (entry['JSONWebKeySet'] == null) return 'JSONWebKeySet is required';
  const keys = recordOf(entry['JSONWebKeySet']);
  if ((keys['Local'] == null) === (keys['Remote'] == null)) {
    return 'must specify exactly one of Local or Remote JSON Web key set';
  }
  const fault = keys['Local'] == null ? remoteFault(recordOf(keys['Remote'])) : localFault(recordOf(keys['Local']));
  if (fault !== null) return fault;
  const isOne = (location: Fields) =>
    ['Header', 'QueryParam', 'Cookie'].filter((field) => location[field] != null).length === 1;
  const bad = recordsOf(entry['Locations']).filter((location) => !isOne(location));
  return several(bad.map(() => 'must set exactly one of: JWT location header, query param or cookie'));
}

function localFault(local: Fields): Fault {
  if (isSet(local, 'JWKS') === isSet(local, 'Filename')) {
    return 'must specify exactly one of String or filename for local keyset';
  }
  if (!isSet(local, 'JWKS')) return null;
  try {
    decodeBase64(textOf(local['JWKS']));
    return null;
  } catch {
    return 'JWKS must be valid base64 encoded string';
  }
}

function remoteFault(remote: Fields): Fault {
  const uri = textOf(remote['URI']);
  if (uri === '') return 'Remote JWKS URI is required';
  if (uri.startsWith('/') || URL.canParse(uri)) return null;
  return `Remote JWKS URI is invalid: parse ${JSON.stringify(uri)}: invalid URI for request, uri: ${uri}`;
}

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

export function inlineCertificateFault(entry: ConfigEntry): Fault {
  if (!PRIVATE_KEY.test(textOf(entry['PrivateKey']))) return 'failed to parse private key PEM';
  return CERTIFICATE.test(textOf(entry['Certificate'])) ? null : 'failed to parse certificate PEM';
}
