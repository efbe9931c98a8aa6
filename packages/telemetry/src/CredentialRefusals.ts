import { Clock, Context, Effect, Layer, Metric } from "effect"

/** The kind of the refused credential, the `event` of the log line. */
export type RefusalEvent =
  | "login_refused"
  | "access_token_refused"
  | "refresh_token_refused"
  /** The password with which a signed-in user confirms a change. */
  | "current_password_refused"
  /** A token that was sent by mail. */
  | "one_time_token_refused"
  | "service_key_refused"
  | "metrics_token_refused"

/** A credential that was presented and refused. */
export interface CredentialRefusal {
  readonly event: RefusalEvent
  /** One of a few fixed values, because it is a label of a metric. Never text from the request. */
  readonly reason: string
  /** The client's address, as in the access log. */
  readonly ip: string | null
  /** The account, if the credential proves or names one. */
  readonly userId?: string | undefined
  /** The name of the service key. */
  readonly service?: string | undefined
}

// A flood writes at most 100 lines a second (35 kB) of each event. The limit is per event, so that a flood of invalid tokens, which
// no rate limit stops, does not hide guesses at passwords.
const windowMillis = 10_000
const linesPerWindow = 1000

const totalOf = ({ event, reason }: Pick<CredentialRefusal, "event" | "reason">) =>
  Metric.withAttributes(total, { event, reason })
const total = Metric.counter("auth_refusals_total", {
  description: "Credentials that were presented and refused",
  incremental: true
})

/**
 * Logs every refused credential at warn and counts it in `auth_refusals_total`. The lines contain no part of a credential, and no
 * e-mail address, because people type passwords into its field.
 *
 * After 1,000 lines of an event in ten seconds, further ones are only counted, and one line reports that.
 */
export class CredentialRefusals extends Context.Service<
  CredentialRefusals,
  {
    readonly record: (refusal: CredentialRefusal) => Effect.Effect<void>
    /** Counts a refusal without a log line, for further refusals of the same request. */
    readonly count: (refusal: Pick<CredentialRefusal, "event" | "reason">) => Effect.Effect<void>
  }
>()("@user-service/telemetry/CredentialRefusals") {
  static readonly layer: Layer.Layer<CredentialRefusals> = Layer.effect(
    CredentialRefusals,
    Effect.gen(function* () {
      const windows = new Map<RefusalEvent, { endsAt: number; lines: number }>()

      const windowOf = (event: RefusalEvent, now: number) => {
        const current = windows.get(event)
        if (current !== undefined && now < current.endsAt) return current
        const next = { endsAt: now + windowMillis, lines: 0 }
        windows.set(event, next)
        return next
      }

      const count = (refusal: Pick<CredentialRefusal, "event" | "reason">) => Metric.update(totalOf(refusal), 1)
      // From zero, so that Prometheus sees the first stolen token as an increase (decision 0036).
      yield* Metric.update(totalOf({ event: "refresh_token_refused", reason: "reused" }), 0)

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
  )
}
