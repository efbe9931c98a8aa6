import { Context, Cause, Clock, Duration, Effect, Exit, Layer, Predicate, Schedule } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { RpcClientError } from "effect/rpc/RpcClientError"
import { Unreachable } from "./Unreachable.ts"

/** How long a caller waits, and how often they ask. */
export interface Patience {
  /** How long a call may take in all, with everything that is tried again; 10 seconds. */
  readonly deadline?: Duration.Input
  /** How long one try may take; 3 seconds. */
  readonly timeout?: Duration.Input
  /** How often a call is made again at most; 3 times. */
  readonly retries?: number
  /** After how many tries in a row without an answer the service is left alone for a while, from 1 to 30 seconds; 10. */
  readonly failuresToOpen?: number
}

/** Makes calls that may be made more than once. */
export class Resilience extends Context.Service<
  Resilience,
  {
    /**
     * Tries again, after a random wait that grows, while the service is out of reach or says that it is busy; not before
     * the time that it names, and not at all where that is past the deadline.
     */
    readonly persist: <A, E, R>(call: Effect.Effect<A, E | RpcClientError, R>) => Effect.Effect<A, E | Unreachable, R>
  }
>()("@user-service/rpc-client/Resilience") {
  static readonly layer = (patience: Patience) =>
    Layer.effect(Resilience, make(patience)).pipe(Layer.provide(breakers(patience.failuresToOpen ?? 10)))
}

const longestOpen = Duration.seconds(30)

const breakers = (failures: number) =>
  CircuitBreaker.layer({
    tripPolicy: CircuitBreaker.consecutive(failures),
    openDuration: Schedule.exponential("1 second").pipe(
      Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, longestOpen)))
    )
  }).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))

const make = Effect.fnUntraced(function* (patience: Patience) {
  const breaker = yield* CircuitBreaker.CircuitBreaker
  const deadline = Duration.fromInputUnsafe(patience.deadline ?? "10 seconds")
  const timeout = Duration.fromInputUnsafe(patience.timeout ?? "3 seconds")
  const retries = patience.retries ?? 3

  const attempt = <A, E, R>(call: Effect.Effect<A, E | RpcClientError, R>) =>
    call.pipe(
      Effect.mapError((error) => (error instanceof RpcClientError ? unreachable(error) : error)),
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(late(timeout)) }),
      breaker.execute({ key: "user-service", classify }),
      Effect.mapError((error) =>
        error instanceof CircuitBreaker.CircuitBreakerError
          ? new Unreachable({ reason: "circuit_open", detail: error.message })
          : error
      )
    )

  const persist: Resilience["Service"]["persist"] = (call) =>
    Effect.flatMap(Clock.currentTimeMillis, (started) => {
      const isInTime = (error: unknown) =>
        Effect.map(
          Clock.currentTimeMillis,
          (now) => isTransient(error) && now + waitMillis(error) < started + Duration.toMillis(deadline)
        )
      return attempt(call).pipe(
        Effect.retry({ schedule: backoff, times: retries, while: isInTime }),
        Effect.timeoutOrElse({ duration: deadline, orElse: () => Effect.fail(late(deadline)) })
      )
    })

  return { persist }
})

const late = (duration: Duration.Duration) =>
  new Unreachable({ reason: "timeout", detail: `none within ${Duration.format(duration)}` })

// The library's error holds the request; what is told is no more than what went wrong.
const unreachable = ({ reason }: RpcClientError): Unreachable =>
  new Unreachable({
    reason: reason._tag === "HttpError" && reason.kind === "TransportError" ? "connection" : "answer",
    detail: reason._tag === "HttpError" ? `${reason.kind}: ${String(reason.cause)}` : reason.message
  })

// What is refused for a reason of the caller's was answered, and is no fault of the service's.
const classify = <A, E>(exit: Exit.Exit<A, E>): CircuitBreaker.Outcome =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && isOutage(reason.error))
    ? CircuitBreaker.failure()
    : CircuitBreaker.success

const isOutage = (error: unknown): boolean =>
  Predicate.isTagged(error, "Unreachable") || Predicate.isTagged(error, "ServiceUnavailable")

const isTransient = (error: unknown): boolean =>
  (Predicate.isTagged(error, "Unreachable") && !isOpen(error)) ||
  Predicate.isTagged(error, "ServiceUnavailable") ||
  Predicate.isTagged(error, "RateLimited")

const isOpen = (error: unknown): boolean => error instanceof Unreachable && error.reason === "circuit_open"

const waitMillis = (error: unknown): number =>
  Predicate.hasProperty(error, "retryAfterSeconds") && Predicate.isNumber(error.retryAfterSeconds)
    ? error.retryAfterSeconds * 1000
    : 0

const backoff = Schedule.exponential("50 millis").pipe(
  Schedule.jittered,
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(Duration.sum(duration, Duration.millis(waitMillis(input))))
  )
)
