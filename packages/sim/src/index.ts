export { type DamageResult, runDamage } from './durable/damage-run.ts';
export {
  DURABLE_STEPS_DEFAULT,
  DURABLE_STEPS_MAX,
  type DurableRunOptions,
  type DurableRunResult,
  runDurable,
} from './durable/durable-run.ts';
export { type FullDiskOptions, measureFullDisk } from './durable/full-disk.ts';
export { type DiskLie, SECTOR_BYTES, SimFiles } from './durable/sim-files.ts';
export { EVENTS_MAX, EventQueue, type ScheduledEvent } from './event-queue.ts';
export { PoolNetwork } from './gossip/pool-network.ts';
export { type PoolEvent, PoolSim, type PoolSimOptions, type SimMember } from './gossip/pool-sim.ts';
export { SimProcess } from './gossip/process.ts';
export { checkRegister, type Operation, SEARCH_STEPS_MAX, type Verdict } from './linearizability.ts';
export { addressOf, type ClusterOptions, RaftCluster, RUN_EVENTS_MAX } from './raft/cluster.ts';
export { SimulationFailure, TRACE_LINES } from './raft/failure.ts';
export {
  HEAL_WITHIN_MS,
  runScenario,
  type ScenarioOptions,
  type ScenarioResult,
  STEPS_DEFAULT,
  STEPS_MAX,
} from './raft/scenario.ts';
export { measureFailover, type Timing, type TimingOptions } from './raft/timing.ts';
export type { Sabotage } from './raft/world.ts';
export { type Anomaly, findAnomaly } from './register-zones.ts';
export { type ClockDrift, SIM_EPOCH_MS, SimClock } from './sim-clock.ts';
export { LAN_WEATHER, type PacketWeather } from './weather.ts';
