export { externalServices, type ReadyServer, type ServerWatch } from './external-services.ts';
export { GRPC_REPLY_BYTES_MAX, type GrpcUnary, grpcUnary } from './grpc-client.ts';
export {
  GRPC_CONNECTIONS_MAX,
  GRPC_CONNECTIONS_PER_ADDRESS_MAX,
  GrpcListener,
  type GrpcListenerDependencies,
  type GrpcTls,
} from './grpc-listener.ts';
export {
  GRPC_REQUEST_BYTES_MAX,
  type GrpcCall,
  type GrpcDependencies,
  type GrpcMethod,
  GrpcServer,
  type GrpcServices,
} from './grpc-server.ts';
export { GrpcCode, GrpcError } from './status.ts';
export { internalServices } from './subscribe.ts';
