export type { AltNames } from './alt-names.ts';
export {
  type CaOptions,
  createCa,
  createIntermediate,
  createLeaf,
  createMeshLeaf,
  generateKey,
  type IntermediateOptions,
  type KeyPair,
  keyIdOf,
  keyPem,
  type LeafOptions,
  type MeshLeafOptions,
  randomSerial,
} from './certificate.ts';
export {
  CERTIFICATE_REQUEST_BYTES_MAX,
  type CertificateRequest,
  createCertificateRequest,
  parseCertificateRequest,
} from './request.ts';
