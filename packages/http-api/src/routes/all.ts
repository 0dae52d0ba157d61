import { openapiRoutes } from '../openapi.ts';
import type { Route } from '../route.ts';
import { aclDisabledRoutes } from './acl-disabled.ts';
import { agentRoutes } from './agent.ts';
import { agentCheckRoutes } from './agent-checks.ts';
import { agentHealthRoutes } from './agent-health.ts';
import { agentServiceRoutes } from './agent-services.ts';
import { catalogRoutes } from './catalog.ts';
import { configRoutes } from './config.ts';
import { connectRoutes } from './connect.ts';
import { debugRoutes } from './debug.ts';
import { coordinateRoutes, eventRoutes } from './event.ts';
import { healthRoutes } from './health.ts';
import { internalRoutes } from './internal.ts';
import { kvRoutes } from './kv.ts';
import { operatorRoutes } from './operator.ts';
import { queryRoutes } from './query.ts';
import { sessionRoutes } from './session.ts';
import { snapshotRoutes } from './snapshot.ts';
import { txnRoutes } from './txn.ts';

const apiRoutes: readonly Route[] = [
  ...agentRoutes,
  ...agentServiceRoutes,
  ...agentHealthRoutes,
  ...agentCheckRoutes,
  ...catalogRoutes,
  ...connectRoutes,
  ...configRoutes,
  ...coordinateRoutes,
  ...debugRoutes,
  ...eventRoutes,
  ...healthRoutes,
  ...internalRoutes,
  ...kvRoutes,
  ...operatorRoutes,
  ...queryRoutes,
  ...sessionRoutes,
  ...snapshotRoutes,
  ...txnRoutes,
  ...aclDisabledRoutes,
];

/** Every route, in the order of the documentation. */
export const allRoutes: readonly Route[] = [...apiRoutes, ...openapiRoutes(apiRoutes)];
