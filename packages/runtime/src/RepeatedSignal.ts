import { Clock, Effect, type Scope } from "effect"
import type { EventEmitter } from "node:events"
import process from "node:process"

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/** What is used of a process. */
interface Host extends Pick<EventEmitter, "on" | "off"> {
  readonly stderr: { readonly write: (text: string) => unknown }
  readonly exit: (code: number) => void
}

// npm and pnpm pass on to their script what the terminal has sent to it too: one Ctrl-C is several signals.
const sameMillis = 1000

/**
 * For as long as the scope, the same signal again ends the process at once, a second or more after the first, which asks it
 * to stop. Log lines that wait to be written are written, and nothing else is finished.
 */
export const endOnRepeat = (host: Host = process): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    for (const [name, code] of Object.entries(exitCodes)) {
      let first: number | undefined
      const onSignal = () => {
        const now = clock.currentTimeMillisUnsafe()
        first ??= now
        if (now - first < sameMillis) return
        host.stderr.write(`${name} came again: ended at once\n`)
        host.exit(code)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => host.on(name, onSignal)),
        () => Effect.sync(() => host.off(name, onSignal))
      )
    }
  })
