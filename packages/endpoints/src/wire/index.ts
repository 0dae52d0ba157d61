export * from './table.ts';
export {
  type AnyWireMethod,
  BARE_META,
  type WireMeta,
  type WireMethod,
  type WireReply,
  type WireRequest,
} from './wire-method.ts';
