import { Clock, Effect, type Scope } from "effect"
import type { EventEmitter } from "node:events"
import process from "node:process"

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/** The parts of `process` that are used. */
interface Host extends Pick<EventEmitter, "on" | "off"> {
  readonly stderr: { readonly write: (text: string) => unknown }
  readonly exit: (code: number) => void
}

// npm and pnpm forward signals that the terminal has also sent to the script, so one Ctrl-C may cause several signals.
const duplicateMillis = 1000

/**
 * Ends the process immediately when a signal is repeated a second or more after the first one, which starts the regular shutdown. Pending
 * log lines are written, nothing else is completed. Active until the scope closes.
 */
export const endOnRepeat = (host: Host = process): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    for (const [name, code] of Object.entries(exitCodes)) {
      let first: number | undefined
      const onSignal = () => {
        const now = clock.currentTimeMillisUnsafe()
        first ??= now
        if (now - first < duplicateMillis) return
        host.stderr.write(`${name} came again: ended at once\n`)
        host.exit(code)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => host.on(name, onSignal)),
        () => Effect.sync(() => host.off(name, onSignal))
      )
    }
  })
