import { ProtoWriter } from '@proconsul/base';
import type {
  CheckServiceNode,
  ConnectProxyConfig,
  HealthCheck,
  HealthCheckDefinition,
  Locality,
  Node,
  NodeService,
} from '@proconsul/schema';

// Numbers of the fields: read off the streams of a real server that had been given a value for each; see
// testdata/subscribe.json. Messages that are empty and still written stand as that server writes them.

/** An instance with its node and checks. */
export function encodeCheckServiceNode({ Node, Service, Checks }: CheckServiceNode): Uint8Array {
  const w = new ProtoWriter();
  if (Node !== null) w.message(1, node(Node));
  if (Service !== null) w.message(2, service(Service));
  for (const check of Checks ?? []) w.message(3, healthCheck(check));
  return w.finish();
}

const empty = (): ProtoWriter => new ProtoWriter();

const indexes = ({ CreateIndex, ModifyIndex }: { CreateIndex: number; ModifyIndex: number }): ProtoWriter =>
  new ProtoWriter().int(1, CreateIndex).int(2, ModifyIndex);

const locality = (of: Locality | null): ProtoWriter | undefined =>
  of === null ? undefined : new ProtoWriter().text(1, of.Region).text(2, of.Zone);

function node(n: Node): ProtoWriter {
  return new ProtoWriter()
    .text(1, n.ID)
    .text(2, n.Node)
    .text(3, n.Address)
    .text(4, n.Datacenter)
    .map(5, n.TaggedAddresses, (entry, address) => entry.choice(2, address))
    .map(6, n.Meta, (entry, value) => entry.choice(2, value))
    .message(7, indexes(n))
    .message(10, locality(n.Locality));
}

function service(s: NodeService): ProtoWriter {
  const w = new ProtoWriter()
    .text(1, s.Kind)
    .text(2, s.ID)
    .text(3, s.Service)
    .texts(4, s.Tags)
    .text(5, s.Address)
    .map(6, s.Meta, (entry, value) => entry.choice(2, value))
    .int(7, s.Port);
  if (s.Weights !== null) w.message(8, new ProtoWriter().int(1, s.Weights.Passing).int(2, s.Weights.Warning));
  return w
    .bool(9, s.EnableTagOverride)
    .message(11, proxy(s.Proxy))
    .message(12, new ProtoWriter().bool(1, s.Connect.Native))
    .message(14, indexes(s))
    .map(15, s.TaggedAddresses, (entry, a) => entry.message(2, new ProtoWriter().text(1, a.Address).int(2, a.Port)))
    .message(16, empty())
    .text(17, s.SocketPath)
    .message(19, locality(s.Locality));
}

function proxy(p: ConnectProxyConfig): ProtoWriter {
  const w = new ProtoWriter()
    .text(1, p.DestinationServiceName)
    .text(2, p.DestinationServiceID)
    .text(3, p.LocalServiceAddress)
    .int(4, p.LocalServicePort);
  if (isFilled(p.Config)) w.message(5, struct(p.Config));
  for (const u of p.Upstreams ?? []) {
    w.message(
      6,
      new ProtoWriter()
        .text(1, u.DestinationType)
        .text(3, u.DestinationName)
        .text(4, u.Datacenter)
        .text(5, u.LocalBindAddress)
        .int(6, u.LocalBindPort)
        .message(7, isFilled(u.Config) ? struct(u.Config) : undefined)
        .message(8, new ProtoWriter().text(1, u.MeshGateway.Mode)),
    );
  }
  const expose = new ProtoWriter().bool(1, p.Expose.Checks);
  for (const e of p.Expose.Paths ?? []) {
    expose.message(
      2,
      new ProtoWriter().int(1, e.ListenerPort).text(2, e.Path).int(3, e.LocalPathPort).text(4, e.Protocol),
    );
  }
  const { OutboundListenerPort, DialedDirectly } = p.TransparentProxy;
  return w
    .message(7, new ProtoWriter().text(1, p.MeshGateway.Mode))
    .message(8, expose)
    .text(9, p.Mode)
    .message(10, new ProtoWriter().int(1, OutboundListenerPort).bool(2, DialedDirectly))
    .text(11, p.LocalServiceSocketPath)
    .message(13, empty());
}

const isFilled = (values: unknown): values is Readonly<Record<string, unknown>> =>
  typeof values === 'object' && values !== null && Object.keys(values).length > 0;

/** `google.protobuf.Struct`. */
function struct(values: Readonly<Record<string, unknown>>): ProtoWriter {
  return new ProtoWriter().map(1, values, (entry, value) => entry.message(2, anyValue(value)));
}

/** `google.protobuf.Value`. Nesting is that of stored configuration, which its decoder bounds. */
function anyValue(value: unknown): ProtoWriter {
  const w = new ProtoWriter();
  if (typeof value === 'number' || typeof value === 'bigint') return w.double(2, Number(value));
  if (typeof value === 'string') return w.choice(3, value);
  if (typeof value === 'boolean') return w.choice(4, value);
  if (Array.isArray(value)) {
    const items = new ProtoWriter();
    for (const item of value) items.message(1, anyValue(item));
    return w.message(6, items);
  }
  if (typeof value === 'object' && value !== null) return w.message(5, struct(value as Record<string, unknown>));
  return w.choice(1, 0);
}

function healthCheck(c: HealthCheck): ProtoWriter {
  return new ProtoWriter()
    .text(1, c.Node)
    .text(2, c.CheckID)
    .text(3, c.Name)
    .text(4, c.Status)
    .text(5, c.Notes)
    .text(6, c.Output)
    .text(7, c.ServiceID)
    .text(8, c.ServiceName)
    .texts(9, c.ServiceTags)
    .message(10, definition(c.Definition))
    .message(11, indexes(c))
    .text(12, c.Type)
    .message(13, empty())
    .int(14, c.ExposedPort)
    .text(15, c.Interval)
    .text(16, c.Timeout);
}

const NANOS = 1_000_000_000;

/** `google.protobuf.Duration` of nanoseconds. */
const duration = (ns: number): ProtoWriter => new ProtoWriter().int(1, Math.trunc(ns / NANOS)).int(2, ns % NANOS);

function definition(d: HealthCheckDefinition): ProtoWriter {
  return new ProtoWriter()
    .text(1, d.HTTP)
    .bool(2, d.TLSSkipVerify)
    .map(3, d.Header, (entry, values) => entry.message(2, new ProtoWriter().texts(1, values)))
    .text(4, d.Method)
    .text(5, d.TCP)
    .message(6, duration(d.Interval))
    .message(7, duration(d.Timeout))
    .message(8, duration(d.DeregisterCriticalServiceAfter))
    .int(9, d.OutputMaxSize)
    .texts(10, d.ScriptArgs)
    .text(11, d.DockerContainerID)
    .text(12, d.Shell)
    .text(13, d.GRPC)
    .bool(14, d.GRPCUseTLS)
    .text(15, d.AliasNode)
    .text(16, d.AliasService)
    .message(17, duration(d.TTL))
    .text(18, d.Body)
    .text(19, d.TLSServerName)
    .text(20, d.H2PING)
    .bool(21, d.H2PingUseTLS)
    .bool(22, d.DisableRedirects)
    .text(23, d.UDP)
    .text(24, d.OSService)
    .bool(25, d.TCPUseTLS);
}
