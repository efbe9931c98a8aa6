import { Clock, Context, Effect, Layer, Metric } from "effect"

/** What kind of credential was refused, as the line's `event`. */
export type RefusalEvent =
  | "login_refused"
  | "access_token_refused"
  | "refresh_token_refused"
  /** The password that a signed-in user gives to confirm a change. */
  | "current_password_refused"
  | "service_key_refused"
  | "metrics_token_refused"

/** A credential that was presented and refused. */
export interface CredentialRefusal {
  readonly event: RefusalEvent
  /** One of a few words, as it labels a metric: never a text that came with the request. */
  readonly reason: string
  /** The client's address, as the access log has it. */
  readonly ip: string | null
  /** The account, where the credential proves or names one. */
  readonly userId?: string | undefined
  /** The name of the service key. */
  readonly service?: string | undefined
}

// A flood makes at most a hundred lines a second, some 35 kB, of each event. Each event has a bound of its own, so that
// worthless tokens, which no limit counts, cannot hide the guesses at a password.
const windowMillis = 10_000
const linesPerWindow = 1000

const total = Metric.counter("auth_refusals_total", {
  description: "Credentials that were presented and refused",
  incremental: true
})

/**
 * Refused credentials, each a line of the log at warn and a step of `auth_refusals_total`, for an operator to act on. No line
 * has any part of a credential, nor an e-mail address: people type passwords in its place.
 *
 * Past 1,000 lines of an event in ten seconds the rest of them is only counted, and one line says so.
 */
export class CredentialRefusals extends Context.Service<
  CredentialRefusals,
  {
    readonly record: (refusal: CredentialRefusal) => Effect.Effect<void>
    /** Counts a refusal without a line: for the further ones of a request that has its line already. */
    readonly count: (refusal: Pick<CredentialRefusal, "event" | "reason">) => Effect.Effect<void>
  }
>()("@user-service/telemetry/CredentialRefusals") {
  static readonly layer: Layer.Layer<CredentialRefusals> = Layer.sync(CredentialRefusals, () => {
    const windows = new Map<RefusalEvent, { endsAt: number; lines: number }>()

    const windowOf = (event: RefusalEvent, now: number) => {
      const current = windows.get(event)
      if (current !== undefined && now < current.endsAt) return current
      const next = { endsAt: now + windowMillis, lines: 0 }
      windows.set(event, next)
      return next
    }

    const count = ({ event, reason }: Pick<CredentialRefusal, "event" | "reason">) =>
      Metric.update(Metric.withAttributes(total, { event, reason }), 1)

    const record = Effect.fnUntraced(function* (refusal: CredentialRefusal) {
      const { event, ip, reason, service, userId } = refusal
      yield* count(refusal)
      const window = windowOf(event, yield* Clock.currentTimeMillis)
      window.lines += 1
      if (window.lines <= linesPerWindow) {
        yield* Effect.logWarning("A credential was refused", {
          event,
          reason,
          user_id: userId,
          service,
          ip: ip ?? undefined
        })
      } else if (window.lines === linesPerWindow + 1) {
        yield* Effect.logWarning("Refused credentials of this event are only counted for the next seconds", { event })
      }
    })

    return { record, count }
  })
}
