// The edge at which an engine tells its events.
//
// Always true: a listener that throws is told to the others as a warning, and disturbs neither the engine nor them.

import { EventEmitter } from 'eventemitter3'
import type { EngineEvents } from './contract.ts'

export class EventHub {
  readonly #emitter = new EventEmitter<EngineEvents>()

  on<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): void {
    this.#emitter.on(event, listener as never)
  }

  off<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): void {
    this.#emitter.off(event, listener as never)
  }

  emit<E extends keyof EngineEvents>(event: E, payload: Parameters<EngineEvents[E]>[0]): void {
    const listeners = this.#emitter.listeners(event) as ((payload: unknown) => void)[]
    for (const listener of listeners) {
      try {
        listener(payload)
      } catch (error) {
        if (event !== 'warning') this.warn(`A listener for '${event}' failed: ${String(error)}`)
      }
    }
  }

  warn(message: string): void {
    this.emit('warning', { message })
  }
}
