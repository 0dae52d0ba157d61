import { any, bool, index, int, list, map, pointer, str, time, uint64 } from './kind.ts';
import { type Infer, struct } from './struct.ts';

// Sources: CA documentation, recorded answers, MessagePack field lists recorded from servers.

const indexes = { CreateIndex: index, ModifyIndex: index };

/** A root of trust of the mesh. The signing key is never printed. */
export const CARoot = struct('CARoot', {
  ID: str,
  Name: str,
  SerialNumber: uint64,
  SigningKeyID: str,
  ExternalTrustDomain: str,
  NotBefore: time,
  NotAfter: time,
  RootCert: str,
  IntermediateCerts: list(str),
  SigningCert: { kind: str, omitEmpty: true },
  SigningKey: { kind: str, json: null },
  Active: bool,
  RotatedOutAt: { kind: time, json: null },
  PrivateKeyType: str,
  PrivateKeyBits: int,
  ...indexes,
});
export type CARoot = Infer<typeof CARoot>;

export const CAConfiguration = struct('CAConfiguration', {
  ClusterID: { kind: str, json: null },
  Provider: str,
  Config: map(any),
  State: map(str),
  ForceWithoutCrossSigning: bool,
  ...indexes,
});
export type CAConfiguration = Infer<typeof CAConfiguration>;

/** What the built-in provider keeps: the private key among it. */
export const CAConsulProviderState = struct('CAConsulProviderState', {
  ID: str,
  PrivateKey: str,
  RootCert: str,
  IntermediateCert: str,
  ...indexes,
});
export type CAConsulProviderState = Infer<typeof CAConsulProviderState>;

/** A change of the authority. Op: set-config, set-roots, set-provider-state, set-roots-config, ... */
export const CARequest = struct('CARequest', {
  Datacenter: str,
  Token: { kind: str, json: null },
  Op: str,
  Index: index,
  Roots: list(CARoot),
  Config: pointer(CAConfiguration),
  ProviderState: pointer(CAConsulProviderState),
});
export type CARequest = Infer<typeof CARequest>;
