/**
 * Conformance suites for whatever plugs into an engine: log stores, transports, protocols, whole engines, and state
 * machines. Each takes `describe`, `it` and `expect` of the test runner and a factory.
 *
 * @packageDocumentation
 */

export { coreSuite, type CoreSuiteOptions } from './core-suite.ts'
export { engineSuite, type EngineSuiteOptions } from './engine-suite.ts'
export type { EngineWorld } from './engine-cluster.ts'
export { logSuite, type LogPlace, type LogSuiteOptions } from './log-suite.ts'
export {
  stateMachineSuite,
  type ApplyMachine,
  type MachineDigest,
  type MachineSuiteBase,
  type SpeculativeMachine,
  type StateMachineSuiteOptions,
} from './machine-suite.ts'
export { transportSuite, type TransportNetwork, type TransportSuiteOptions } from './transport-suite.ts'

// What all suites share.
export { virtualTime } from './virtual.ts'
export { type Expectation, type Skip, type SuiteOptions, type TestRunner, type TestTime } from './runner.ts'
